import { setImmediate } from 'node:timers/promises'
import { pino } from 'pino'
import { beginClassifier } from './classifier.ts'
import type { Config } from './config.ts'
import type { Server } from './server.ts'

/**
 * Starts the server. Its files are imported and its routes made while the kernels read, pack and test the models, on threads of their
 * own: either takes some two tenths of a second.
 *
 * @returns when it listens
 */
export async function startServer(config: Config): Promise<Server> {
  const logger = pino({ level: config.logLevel }, pino.destination(2))
  const classifier = beginClassifier(config, {
    workerDied: (err) => logger.error({ err }, 'a worker thread died'),
    unreadable: (model, err) => logger.warn({ err, model: model.id }, 'a model in the cache cannot be read'),
  })
  const { serve } = await import('./server.ts')
  // What has been packed by now is tested while the server is made.
  await setImmediate()
  return serve(classifier, config, logger)
}
