import { pino } from 'pino'
import { openClassifier } from './classifier.ts'
import type { Config } from './config.ts'
import type { Server } from './server.ts'

/**
 * Starts the server. Its two thousand files are imported while the kernels pack the models, on threads of their own: either
 * takes some two tenths of a second.
 *
 * @returns when it listens
 */
export async function startServer(config: Config): Promise<Server> {
  const logger = pino({ level: config.logLevel }, pino.destination(2))
  const opening = openClassifier(config, {
    workerDied: (err) => logger.error({ err }, 'a worker thread died'),
    unreadable: (model, err) => logger.warn({ err, model: model.id }, 'a model in the cache cannot be read'),
  })
  const [classifier, { serve }] = await Promise.all([opening, import('./server.ts')])
  return serve(classifier, config, logger)
}
