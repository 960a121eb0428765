import { stat } from 'node:fs/promises'
import { setPriority } from 'node:os'

/**
 * The niceness of threads that come after those that answer. Beside one of these that wants the same processor, such a thread
 * gets a tenth of it. Less would keep whoever waits for what it does waiting for minutes, as long as the others are busy.
 */
export const BACKGROUND_NICENESS = 10

/** Lets the calling thread come after those that answer. Elsewhere than on Linux a priority is the whole process's. */
export async function comeAfterOthers(): Promise<void> {
  if (process.platform !== 'linux') return
  // The threads that do all files' work start when they are first needed, with the priority of whoever needs them.
  await stat('/')
  setPriority(BACKGROUND_NICENESS)
}
