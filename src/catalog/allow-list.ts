/** Which repositories of the Hub may be fetched because a request names them. */
export type AllowList = {
  allows(repo: string): boolean
  /** whether the list names the repository itself, and not only by a star */
  names(repo: string): boolean
}

/** @param patterns ids of repositories, in any case, as the Hub takes them; a star stands for any characters: `org/*` */
export function createAllowList(patterns: readonly string[]): AllowList {
  const named = new Set(patterns.map((pattern) => pattern.toLowerCase()))
  const expressions = patterns.map(
    (pattern) => new RegExp(`^${pattern.split('*').map(RegExp.escape).join('.*')}$`, 'i'),
  )
  return {
    allows: (repo) => expressions.some((expression) => expression.test(repo)),
    names: (repo) => named.has(repo.toLowerCase()),
  }
}
