import { defineCommand } from 'citty'
import { SingleBar } from 'cli-progress'
import { findModel } from '../catalog/catalog.ts'
import { HubError } from '../catalog/hub/errors.ts'
import type { Progress } from '../catalog/hub/pull.ts'
import { DEFAULT_REVISION } from '../catalog/hub/snapshots.ts'
import { pullModel } from '../catalog/pull-model.ts'
import { hubOptions } from '../version.ts'
import { configFrom, SETTING_FLAGS, UsageError } from './settings.ts'

const ARGS = {
  model: { type: 'positional', required: false, description: 'id or alias of a model, or org/name on the Hub' },
  revision: { type: 'string', description: `branch, tag or commit (default ${DEFAULT_REVISION})` },
  json: {
    type: 'boolean',
    description: 'print one JSON object: repo, revision, commit, folder, files, bytes, fetchedBytes',
  },
  offline: SETTING_FLAGS.offline!,
} as const

/** What a shell calls a program that Ctrl-C ended. */
const INTERRUPTED = 130

export const pull = defineCommand({
  meta: { name: 'pull', description: 'Fetch a model from the Hub into the cache that Python shares' },
  args: ARGS,
  async run({ args }) {
    const config = configFrom(args, ARGS)
    const repo = repoOf(args._)
    const revision = args.revision ?? DEFAULT_REVISION
    const interrupted = new AbortController()
    process.once('SIGINT', () => interrupted.abort())
    process.once('SIGTERM', () => interrupted.abort())
    const bar = createBar()
    try {
      const handlers = { onProgress: bar.show, signal: interrupted.signal }
      const { commit, folder, files, totalBytes, fetchedBytes } = await pullModel(
        repo,
        revision,
        hubOptions(config),
        handlers,
      )
      bar.end()
      if (args.json)
        console.log(JSON.stringify({ repo, revision, commit, folder, files, bytes: totalBytes, fetchedBytes }))
      else console.log(`${repo} at ${commit}: ${files.length} files, ${megabytes(totalBytes)} MB\n${folder}`)
    } catch (error) {
      bar.end()
      if (interrupted.signal.aborted) {
        console.error('Stopped. What has come is kept; the same command goes on from there.')
        process.exitCode = INTERRUPTED
        return
      }
      throw error instanceof HubError ? new UsageError(error.message) : error
    }
  },
})

function repoOf(names: string[]): string {
  const [name, ...more] = names
  if (name === undefined)
    throw new UsageError('Say which model: an id that `valence models` lists, or org/name on the Hub.')
  if (more.length > 0) throw new UsageError(`pull takes one model, but was given ${JSON.stringify(more[0])} as well.`)
  const model = findModel(name)
  if (model && model.hubRepo === undefined)
    throw new UsageError(`${model.id} ships with Valence; there is nothing to fetch.`)
  return model?.hubRepo ?? name
}

/** A bar for people who watch; a pipe or a log is left alone. */
function createBar(): { show(progress: Progress): void; end(): void } {
  if (!process.stderr.isTTY) return { show() {}, end() {} }
  const bar = new SingleBar({
    stream: process.stderr,
    format: '{bar} {percentage}% | {value}/{total} MB | {eta_formatted}',
    hideCursor: true,
  })
  return {
    show({ bytes, totalBytes }) {
      if (!bar.isActive) bar.start(megabytes(totalBytes), 0)
      bar.update(megabytes(bytes))
    },
    end: () => bar.stop(),
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 100_000) / 10
}
