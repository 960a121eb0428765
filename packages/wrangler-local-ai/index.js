'use strict'

const { createHash } = require('node:crypto')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { localAiBindings } = require('./bindings.js')
const { callingMiniflare } = require('./loaded-miniflare.js')

/** The worker between the binding and Valence. workerd wants its source as text. */
const RELAY = readFileSync(join(__dirname, 'relay.mjs'), 'utf8')

/** What the relay may reach: Valence may run on this machine, in the same network or elsewhere. */
const NETWORK = {
  name: 'local-ai:network',
  network: { allow: ['public', 'private'], tlsOptions: { trustBrowserCas: true } },
}

/** A date that the workerd of wrangler 4.36, the oldest that can load plugins, knows. */
const COMPATIBILITY_DATE = '2025-08-01'

/**
 * A plugin of Miniflare, which wrangler, its getPlatformProxy and Vitest's Workers pool run workers in. It makes the
 * binding of workerd's own `Ai` class, as Cloudflare does, and gives it a fetcher that leads to Valence.
 */
const localAi = {
  async getBindings(options) {
    return localAiBindings(options).map((binding) => ({
      name: binding.name,
      wrapped: {
        moduleName: 'cloudflare-internal:ai-api',
        innerBindings: [{ name: 'fetcher', service: { name: relayName(binding) } }],
      },
    }))
  },

  /** What getPlatformProxy hands to code that runs in Node. */
  async getNodeBindings(options) {
    const bindings = localAiBindings(options)
    if (bindings.length === 0) return {}
    const { ProxyNodeBinding } = callingMiniflare()
    return Object.fromEntries(bindings.map(({ name }) => [name, new ProxyNodeBinding()]))
  },

  async getServices({ options }) {
    const bindings = localAiBindings(options)
    if (bindings.length === 0) return []
    return [NETWORK, ...bindings.map(relayService)]
  },
}

function relayService(binding) {
  return {
    name: relayName(binding),
    worker: {
      compatibilityDate: COMPATIBILITY_DATE,
      modules: [{ name: 'relay.mjs', esModule: RELAY }],
      bindings: [
        { name: 'url', text: binding.url },
        { name: 'apiKey', text: binding.apiKey },
      ],
      globalOutbound: { name: NETWORK.name },
    },
  }
}

/** Of several workers in one session, those that say the same share a relay; the key itself must not show in a name. */
function relayName({ url, apiKey }) {
  return `local-ai:${createHash('sha256')
    .update(JSON.stringify([url, apiKey]))
    .digest('hex')
    .slice(0, 16)}`
}

exports.plugins = { 'local-ai': localAi }
