import { isRepoId } from './hub/names.ts'

/** Workers AI's names for models of the Hub begin so. */
const WORKERS_AI_PREFIX = '@hf/'

/** The Hub's repository that a model's name means, `org/name` or `name`; undefined where it can mean none. */
export function repoNamed(name: string): string | undefined {
  const repo = name.startsWith(WORKERS_AI_PREFIX) ? name.slice(WORKERS_AI_PREFIX.length) : name
  return isRepoId(repo) ? repo : undefined
}

/** The names that a repository of the Hub has in the three APIs, beside its own. */
export function aliasesOfRepo(repo: string): string[] {
  return [WORKERS_AI_PREFIX + repo]
}
