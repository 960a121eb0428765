import { defineCommand } from 'citty'
import { type Config, refuseAccidentalOpenness } from '../config.ts'
import { type Server, startServer } from '../main.ts'
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
    announce(await starting, config)
  },
})

function announce({ url, models }: Server, { apiKeys, host }: Config): void {
  for (const { model, servedBy, state, reason } of models) {
    if (state === 'substituted') console.warn(`warning: ${model.id}: ${reason} ${servedBy} answers in its place.`)
    if (state === 'unavailable') console.warn(`warning: ${model.id}: ${reason} Requests for it are refused.`)
  }
  console.log(
    apiKeys.length > 0
      ? `${apiKeys.length} API key(s) set: requests must carry one.`
      : `No API keys set: any key is accepted, from whoever reaches ${host}.`,
  )
  const header = apiKeys.length > 0 ? ` -H "Authorization: Bearer $VALENCE_API_KEY"` : ''
  console.log(`Valence is ready on ${url}. Try:\n`)
  console.log(
    `  curl ${url}/client/v4/accounts/local/ai/run/@cf/huggingface/distilbert-sst-2-int8${header} -d '{"text": "This pizza is great!"}'\n`,
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
