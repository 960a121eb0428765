import type { Evals } from '../../jobs/evals/evals.ts'
import type { Jobs } from '../../jobs/jobs.ts'
import type { Replays } from '../../jobs/replays/replays.ts'

/** What the routes need beside admission. */
export type AiGatewayParts = {
  evals: Evals
  replays: Replays
  /** what outlives a request; whoever needs it waits until the store is open */
  jobs: Promise<Jobs>
}
