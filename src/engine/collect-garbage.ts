import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | undefined

/**
 * Gives back at once what nobody refers to any more. To V8 a model is a few handles and no reason to hurry, so that models
 * that have left would go on taking memory beside those that came for them. It holds this thread for some ten
 * milliseconds.
 */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
}
