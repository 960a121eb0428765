import { defineCommand } from 'citty'
import { type Config, refuseAccidentalOpenness } from '../config.ts'
import { startServer } from '../main.ts'
import type { Server } from '../server.ts'
import { configFrom, refuseArguments, SETTING_FLAGS, UsageError } from './settings.ts'

/** It promises to be gone in five seconds; what a worker computes when the time is up still finishes. */
const DRAIN_MS = 3500

export const serve = defineCommand({
  meta: { name: 'serve', description: 'Serve the three APIs over HTTP' },
  args: SETTING_FLAGS,
  async run({ args }) {
    const config = configFrom(args, SETTING_FLAGS)
    refuseArguments('serve', args)
    refuseAccidentalOpenness(config)
    const starting = startServer(config).catch(explainListenFailure(config))
    stopOnSignal(starting)
    const server = await starting
    if (server.storeState() !== 'failed') announce(server, config)
    await announceStore(server, config)
  },
})

/** Says what can be said only when the store is open: why it cannot be, or the first admin key. */
async function announceStore(server: Server, { requireKeys, apiKeys }: Config): Promise<void> {
  try {
    await server.opened
  } catch (error) {
    // Whoever stopped the server meanwhile has closed the store as well.
    if (server.storeState() === 'closed') return
    await server.close(0)
    throw error
  }
  if (!requireKeys || apiKeys.length > 0) return
  const key = await server.firstAdminKey()
  if (key === undefined) return
  console.log(`The operator's key, which is shown this once:\n\n  ${key}\n`)
}

function announce({ url, models }: Server, { apiKeys, requireKeys, host }: Config): void {
  for (const { model, servedBy, state, reason } of models) {
    if (state === 'substituted') console.warn(`warning: ${model.id}: ${reason} ${servedBy} answers in its place.`)
    if (state === 'unavailable') console.warn(`warning: ${model.id}: ${reason} Requests for it are refused.`)
  }
  const isClosed = apiKeys.length > 0 || requireKeys
  console.log(isClosed ? closedness(apiKeys.length) : openness(host))
  const header = isClosed ? ` -H "Authorization: Bearer $VALENCE_API_KEY"` : ''
  console.log(`Valence is ready on ${url}. Try:\n`)
  console.log(
    `  curl ${url}/client/v4/accounts/local/ai/run/@cf/huggingface/distilbert-sst-2-int8${header} -d '{"text": "This pizza is great!"}'\n`,
  )
}

function closedness(staticKeys: number): string {
  return staticKeys > 0
    ? `${staticKeys} API key(s) set: requests must carry one, or one that was made by "valence keys create".`
    : 'Requests must carry a key; "valence keys create" makes more.'
}

function openness(host: string): string {
  return (
    `No API keys set: any key is accepted, from whoever reaches ${host}. ` +
    '"valence keys create --admin" makes one for the operator.'
  )
}

/** The first signal stops in order; a second one refuses what is still under way. */
function stopOnSignal(starting: Promise<Server>): void {
  let signals = 0
  const stop = () => {
    signals++
    const [drainMs, exitCode] = signals === 1 ? [DRAIN_MS, 0] : [0, 130]
    const stopped = starting.then((server) => server.close(drainMs))
    stopped.then(
      () => process.exit(exitCode),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

function explainListenFailure({ host, port }: Config): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.code === 'EADDRINUSE')
      throw new UsageError(`Port ${port} of ${host} is taken; choose another with --port.`)
    if (error.code === 'EACCES')
      throw new UsageError(`This user may not listen on port ${port}; choose one from 1024 up.`)
    if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
      throw new UsageError(`${host} is no address of this machine.`)
    throw error
  }
}
