import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { rmSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { readConfig } from '../../src/config.ts'
import { startServer } from '../../src/main.ts'
import { freshDataDir } from './data-dir.ts'

/** A route of the server as it is registered. */
export type ServerRoute = { method: string; url: string; isPublic: boolean }

/** Fastify tells of every app that is made, before it has routes. */
const APP_IS_MADE = 'fastify.initialization'

/** The routes that the server has, each method of each address: a test that walks them forgets none that is added later. */
export async function serverRoutes(): Promise<ServerRoute[]> {
  const routes: ServerRoute[] = []
  const note = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, config }) => {
      for (const each of [method].flat()) routes.push({ method: each, url, isPublic: config?.isPublic === true })
    })
  }
  const dataDir = freshDataDir()
  subscribe(APP_IS_MADE, note)
  try {
    const server = await startServer(
      readConfig({ port: '0', 'data-dir': dataDir, workers: '1' }, { HF_HUB_OFFLINE: '1' }),
    )
    await server.opened
    await server.close(0)
  } finally {
    unsubscribe(APP_IS_MADE, note)
    rmSync(dataDir, { recursive: true, force: true })
  }
  // Whoever may be asked with GET may be asked with HEAD.
  return routes.filter(({ method }) => method !== 'HEAD' && method !== 'OPTIONS')
}
