import { pino } from 'pino'
import { beginClassifier } from './classifier.ts'
import type { Config } from './config.ts'
import type { Server } from './server.ts'

/**
 * Starts the server. Its files are imported and its routes made while the kernels test the models, on threads of their own: either
 * takes some two tenths of a second.
 *
 * @returns when it listens
 */
export async function startServer(config: Config): Promise<Server> {
  const logger = pino({ level: config.logLevel }, pino.destination(2))
  const classifier = beginClassifier(config, {
    workerDied: (err) => logger.error({ err }, 'a worker thread died'),
    unreadable: (model, err) => logger.warn({ err, model: model.id }, 'a model in the cache cannot be read'),
  })
  // The server's files hold the event loop as they are imported, and a packed model's test would wait for that.
  await classifier.handedOver
  classifier.engine.giveMemoryBack()
  const { serve } = await import('./server.ts')
  return serve(classifier, config, logger)
}
