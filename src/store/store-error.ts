/** The store cannot be opened or used; the message says why and what to do, and holds no secret. */
export class StoreError extends Error {}

/** The codes of PostgreSQL, and of the network, that whoever runs the server can do something about. */
const CAUSES: Record<string, (place: string) => string> = {
  ECONNREFUSED: (place) => `Nothing answers at ${place}. Is PostgreSQL running there, and DATABASE_URL right?`,
  ENOTFOUND: (place) => `There is no host ${place}. Is DATABASE_URL right?`,
  EAI_AGAIN: (place) => `The name of ${place} cannot be looked up now.`,
  ETIMEDOUT: (place) => `${place} does not answer.`,
  EHOSTUNREACH: (place) => `${place} cannot be reached from this machine.`,
  ENETUNREACH: (place) => `${place} cannot be reached from this machine.`,
  ENOENT: (place) => `There is no socket of PostgreSQL at ${place}. Is it running, and DATABASE_URL right?`,
  EACCES: (place) => `This user may not open the store at ${place}.`,
  '28P01': (place) => `${place} refuses the user or password of DATABASE_URL.`,
  '28000': (place) => `${place} refuses the user of DATABASE_URL.`,
  '3D000': (place) => `${place} has no such database. Create it, or correct DATABASE_URL.`,
  '42501': (place) => `The user of DATABASE_URL may not create tables in ${place}.`,
  '53300': (place) => `${place} has no connection left. Raise its max_connections, or close others.`,
  '53100': (place) => `The disk of ${place} is full. Nothing that was acknowledged is lost; make room and start again.`,
  ENOSPC: (place) => `The disk of ${place} is full. Nothing that was acknowledged is lost; make room and start again.`,
  EROFS: (place) => `${place} is on a disk that can only be read.`,
  '57P03': (place) => `${place} is starting up or shutting down. Try again in a moment.`,
}

/**
 * Says in a user's words why a store could not be opened.
 *
 * @param place where the store is, without user or password
 */
export function asStoreError(error: unknown, place: string): StoreError {
  if (error instanceof StoreError) return error
  const { code, errors, message } = error as { code?: string; errors?: unknown[]; message?: string }
  // Node tries every address of a host, and collects what each said.
  if (errors?.[0] !== undefined && (code === undefined || CAUSES[code] === undefined))
    return asStoreError(errors[0], place)
  const explanation = code === undefined ? undefined : CAUSES[code]?.(place)
  return new StoreError(explanation ?? `The store at ${place} cannot be opened: ${message ?? String(error)}`, {
    cause: error,
  })
}
