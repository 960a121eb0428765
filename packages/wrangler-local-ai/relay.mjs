/**
 * Runs in workerd, between the `Ai` class and Valence: same request, Valence's address, your key. The class asks
 * https://workers-binding.ai, a host that is nowhere.
 */
export default {
  async fetch(request, { url, apiKey }) {
    const { pathname, search } = new URL(request.url)
    const relayed = new Request(`${url}${pathname}${search}`, request)
    if (apiKey !== '') relayed.headers.set('authorization', `Bearer ${apiKey}`)
    try {
      return await fetch(relayed)
    } catch (error) {
      return unreachable(url, error)
    }
  },
}

/** The form in which the `Ai` class expects an error; it throws it as an InferenceUpstreamError. 3040: "no capacity". */
function unreachable(url, error) {
  const description = `Valence does not answer at ${url} (${error.message}). Start it there, or set VALENCE_URL.`
  const body = { internalCode: 3040, name: 'InferenceUpstreamError', message: description, description }
  return Response.json(body, { status: 502 })
}
