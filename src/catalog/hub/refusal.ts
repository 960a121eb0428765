import { HubError } from './errors.ts'
import type { HubAnswer } from './http.ts'
import { retryAfterMs } from './names.ts'

/** What was asked for when the Hub said no. */
export type Asked = { repo: string; revision: string; path?: string }

/**
 * Turns an answer that is a refusal into an error. The Hub says more in `X-Error-Code` than in the status: without a token
 * it answers 401 for what is missing as for what is private, so that nobody learns which it is.
 */
export function refusal(
  answer: Pick<HubAnswer, 'status' | 'header' | 'host' | 'isHub'>,
  { repo, revision, path }: Asked,
): HubError {
  const { status, host } = answer
  if (!answer.isHub && status >= 400 && status < 500 && status !== 408 && status !== 429)
    return new HubError(
      'bad_answer',
      `${host}, to which the Hub redirects for ${path ?? repo}, refuses it with status ${status}. A wrong clock or a proxy may be why.`,
    )
  const code = answer.header('x-error-code')
  if (code === 'GatedRepo')
    return new HubError(
      'gated',
      `${repo} is gated: ask for access on its page at ${host}, and set HF_TOKEN to a token of the account that has it.`,
    )
  if (code === 'RevisionNotFound')
    return new HubError('revision_not_found', `${repo} has no revision ${JSON.stringify(revision)}.`)
  if (code === 'EntryNotFound')
    return new HubError('file_not_found', `${repo} has no file ${JSON.stringify(path ?? '')} at revision ${revision}.`)
  if (status === 401 && answer.header('x-error-message')?.startsWith('Invalid credentials'))
    return new HubError('unauthorized', `${host} does not know the token. Set HF_TOKEN to a valid one, or to none.`)
  if (code === 'RepoNotFound' || status === 401)
    return new HubError(
      'repo_not_found',
      `${host} has no repository ${repo}, or it is private: check the name, and set HF_TOKEN if it needs one.`,
    )
  if (status === 403)
    return new HubError('gated', `${host} does not let this token read ${repo}. Check the token's permissions.`)
  if (status === 404) return new HubError('repo_not_found', `${host} has nothing for ${path ?? repo} of ${repo}.`)
  if (status === 429)
    return new HubError('rate_limited', `${host} asks for fewer requests (429). Try again later, or set HF_TOKEN.`, {
      retryAfterMs: askedPauseMs(answer),
    })
  if (status === 408 || status >= 500)
    return new HubError('server_failed', `${host} failed with status ${status}.`, {
      retryAfterMs: askedPauseMs(answer),
    })
  return new HubError('bad_answer', `${host} answered with status ${status}, which makes no sense here.`)
}

function askedPauseMs(answer: Pick<HubAnswer, 'header'>): number | undefined {
  return retryAfterMs(answer.header('retry-after'), Date.now())
}
