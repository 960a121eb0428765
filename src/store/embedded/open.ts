import { createConnections, type OpenPostgres } from '../connections.ts'
import { createNotifications } from '../notifications.ts'
import { asStoreError } from '../store-error.ts'
import { startMaintenance } from './maintenance.ts'
import { startEmbeddedServer } from './server.ts'

/** @throws StoreError that says why the data directory cannot be used */
export async function openEmbedded(
  dataDir: string,
  onTrouble: (error: Error) => void,
  signal?: AbortSignal,
): Promise<OpenPostgres> {
  const server = await startEmbeddedServer(dataDir, signal).catch((error: unknown) => {
    throw asStoreError(error, dataDir)
  })
  const notifications = createNotifications(async (statement) => {
    const client = await connections.connect()
    await client.query(statement).finally(() => client.release())
  })
  const connections = createConnections({
    // PostgreSQL in one process has one session, which is never given up.
    config: {
      max: 1,
      idleTimeoutMillis: 0,
      user: 'postgres',
      database: 'postgres',
      password: '',
      stream: server.connect,
    },
    async prepare(client) {
      await client.query("set time zone 'UTC'")
      await notifications.attach(client)
    },
    onTrouble,
  })
  const maintenance = startMaintenance(connections, onTrouble)
  return {
    connections: {
      ...connections,
      async end() {
        maintenance.stop()
        await connections.end()
      },
    },
    notifications,
    isReachable: server.isRunning,
    close: server.close,
  }
}
