import type { Activation } from '../../engine/activation.ts'
import type { LabelScore, TextInput } from '../../engine/engine.ts'

/** What an upstream is asked about some texts. */
export type Ask = {
  /** its own name of the model */
  model: string
  /** its own names of the labels */
  labels: readonly string[]
  inputs: readonly TextInput[]
  activation: Activation | undefined
}

/** What it says about a text; `tokens` where it tells. */
export type Said = { scores: LabelScore[]; tokens: number | undefined }

/** Sends a body to an address below the upstream's, and gives the answer's. */
export type Post = (path: string, body: unknown) => Promise<unknown>

/** One of the APIs that an upstream may speak. */
export type Protocol = {
  /** whether the API has words for what is asked */
  canAsk(ask: Pick<Ask, 'inputs' | 'activation'>): boolean
  /**
   * @returns one answer a text
   * @throws UpstreamError where an answer is not of the API's shape
   */
  ask(ask: Ask, post: Post): Promise<Said[]>
}

/** A model's id in an address: its slashes stay. */
export function inPath(model: string): string {
  return model.split('/').map(encodeURIComponent).join('/')
}
