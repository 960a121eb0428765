import { type RunningServer, startTestServer } from '../support/server.ts'

/** The only key that a server of `startLockedServer` knows. */
export const KEY = 'sk-aig-test-of-the-clients'
export const WRONG_KEY = 'sk-aig-nobody-has-this-one'

export const MODEL = 'huggingface/distilbert-sst-2-int8'
export const CLOUDFLARE_MODEL = '@cf/huggingface/distilbert-sst-2-int8'
export const HUGGING_FACE_MODEL = 'distilbert/distilbert-base-uncased-finetuned-sst-2-english'

/** Whose weights answer where DistilBERT's are not on the machine, as in these tests. */
export const SERVED_MODEL = 'valence/minilm-sst-2-int8'

export const GOOD = 'This pizza is great!'
export const BAD = 'This film is terrible, boring and a waste of time.'

export type LabelScore = { label: string; score: number }

/** The settings of whoever runs the tests, such as a folder with other weights, must not leak into the server. */
const PLAIN = { VALENCE_MODELS_DIR: '', VALENCE_STRICT_MODELS: '', VALENCE_OPEN: '', HOST: '' }

/** A server that any key opens. */
export function startOpenServer(): Promise<RunningServer> {
  return startTestServer(['--workers', '1'], PLAIN)
}

/** A server that only `KEY` opens. */
export function startLockedServer(): Promise<RunningServer> {
  return startTestServer(['--workers', '1'], { ...PLAIN, VALENCE_API_KEYS: KEY })
}

/** What a call threw; a call that went well is a failure here. */
export async function failureOf(call: PromiseLike<unknown>): Promise<unknown> {
  let answer: unknown
  try {
    answer = await call
  } catch (error) {
    return error
  }
  throw new Error(`the call should have failed, but answered ${JSON.stringify(answer)}`)
}

export function sumOf(scores: readonly LabelScore[]): number {
  return scores.reduce((sum, { score }) => sum + score, 0)
}
