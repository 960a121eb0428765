/** How to reach a Hub, and where its files are kept. */
export type HubOptions = {
  /** such as https://huggingface.co, without a slash at its end */
  endpoint: string
  /** sent to the endpoint and to nobody else */
  token: string | undefined
  /** the folder with `models--org--name` in it */
  cacheDir: string
  /** whether the network is not to be used at all */
  offline: boolean
  /** how long an answer's headers may take, connecting included */
  answerTimeoutMs: number
  /** how long the bytes of a download may stand still */
  idleTimeoutMs: number
  /** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, as far as they are set */
  proxies: Record<string, string>
  /** what is fetching, as `valence/0.1.0` */
  userAgent: string
}
