'use strict'

const { getCallSites } = require('node:util')

/**
 * The exports of the Miniflare that is calling. A plugin has to use the very classes of its caller, and `require` would
 * give those of whichever copy lies nearest: wrangler and Vitest's Workers pool often bring one each.
 *
 * @throws Error where no Miniflare is loaded, so that nothing could be calling
 */
function callingMiniflare() {
  const loaded = Object.values(require.cache).filter(isMiniflare)
  const callers = new Set(getCallSites?.().map(({ scriptName }) => scriptName.replace(/^file:\/\//, '')))
  // Without call sites, before Node 22.9, the first to be loaded is the likeliest.
  const calling = loaded.find(({ filename }) => callers.has(filename)) ?? loaded[0]
  if (calling === undefined) throw new Error('wrangler-local-ai is a plugin for Miniflare; nothing else can call it.')
  return calling.exports
}

function isMiniflare({ filename, exports }) {
  return /[\\/]miniflare[\\/]/.test(filename ?? '') && typeof exports?.ProxyNodeBinding === 'function'
}

module.exports = { callingMiniflare }
