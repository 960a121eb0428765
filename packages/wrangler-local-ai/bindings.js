'use strict'

const PLUGIN = 'local-ai'

/** Where `npm start` of Valence listens. */
const DEFAULT_URL = 'http://127.0.0.1:8484'

/**
 * A worker's bindings that are this plugin's, with where each leads. What the binding's `options` leave out comes from the
 * environment: VALENCE_URL and VALENCE_API_KEY.
 *
 * @param options what Miniflare hands to a plugin: version 4 an array of the plugin's bindings, version 5 a whole worker
 * @returns {{ name: string, url: string, apiKey: string }[]} `url` without a slash at its end; `apiKey` '' for none
 * @throws Error that names the option that will not do
 */
function localAiBindings(options) {
  return declaredBindings(options).map(({ name, options: given = {} }) => ({
    name,
    url: serverUrl(given.url ?? (process.env.VALENCE_URL || DEFAULT_URL), name),
    apiKey: textOf(given.apiKey ?? process.env.VALENCE_API_KEY ?? '', 'apiKey', name),
  }))
}

function declaredBindings(options) {
  if (options === undefined) return []
  if (Array.isArray(options)) return options
  return Object.entries(options.config?.env ?? {})
    .filter(([, binding]) => binding.dev?.plugin?.name === PLUGIN)
    .map(([name, binding]) => ({ name, options: binding.dev.options }))
}

function serverUrl(given, name) {
  const text = textOf(given, 'url', name)
  const isHttp = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
  if (!isHttp)
    throw new Error(
      `The url of the local AI binding ${name} must be Valence's, such as ${DEFAULT_URL}; it is "${text}".`,
    )
  return text.replace(/\/+$/, '')
}

function textOf(value, option, name) {
  if (typeof value === 'string') return value
  throw new Error(`The ${option} of the local AI binding ${name} must be a string.`)
}

module.exports = { localAiBindings }
