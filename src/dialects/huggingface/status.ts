import type { Static } from 'typebox'
import type { ModelStatus } from '../../gateway/admission.ts'
import type { StatusAnswer } from './schemas.ts'

const STATES: Record<ModelStatus['state'], Static<typeof StatusAnswer>['state']> = {
  ready: 'Loaded',
  substituted: 'Loaded',
  remote: 'Loaded',
  loadable: 'Loadable',
  loading: 'Loadable',
  unavailable: 'Loadable',
  too_big: 'TooBig',
}

/** How a model is, in the words of the hosted API; one that another stands in for answers, and so counts as loaded. */
export function statusOf({ state }: ModelStatus): Static<typeof StatusAnswer> {
  return {
    loaded: STATES[state] === 'Loaded',
    state: STATES[state],
    compute_type: 'cpu',
    framework: 'transformers',
  }
}
