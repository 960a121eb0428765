import { hash } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'

const STYLE =
  'body{font:16px system-ui;max-width:44rem;margin:2rem auto;padding:0 1rem}textarea,input,select{width:100%;box-sizing:border-box;font:inherit;margin:.3rem 0}textarea{font-family:monospace}pre{white-space:pre-wrap;background:#8882;padding:1rem}'

const SCRIPT = `
const at = (id) => document.getElementById(id)
async function ask(method, params) {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  if (at('key').value) headers.authorization = 'Bearer ' + at('key').value
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const answer = await (await fetch('/mcp', { method: 'POST', headers, body })).json()
  if (answer.error) throw new Error(answer.error.message)
  return answer.result
}
async function show(work) {
  try { at('answer').textContent = JSON.stringify(await work(), null, 2) }
  catch (error) { at('answer').textContent = String(error.message) }
}
at('list').onclick = () => show(async () => {
  const { tools } = await ask('tools/list', {})
  at('tool').replaceChildren(...tools.map(({ name }) => new Option(name, name)))
  return tools
})
at('call').onclick = () => show(() => ask('tools/call', { name: at('tool').value, arguments: JSON.parse(at('arguments').value) }))
`

const PAGE = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Valence: MCP tools</title><style>${STYLE}</style>
<h1>MCP tools</h1>
<label>API key <input id="key" type="password" autocomplete="off"></label>
<p><button id="list">List the tools</button></p>
<label>Tool <select id="tool"><option>classify</option></select></label>
<label>Arguments <textarea id="arguments" rows="4">{"input": "This pizza is great!"}</textarea></label>
<p><button id="call">Call it</button></p>
<pre id="answer" aria-live="polite"></pre>
<script>${SCRIPT}</script></html>
`

/** Nothing but what is on the page, and it talks to this server alone: a key is pasted into it. */
const POLICY = [
  "default-src 'none'",
  `script-src 'sha256-${hash('sha256', SCRIPT, 'base64')}'`,
  `style-src 'sha256-${hash('sha256', STYLE, 'base64')}'`,
  "connect-src 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** A page to try the tools by hand. */
export const inspectorRoute: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/mcp/inspect',
    { config: { isPublic: true }, schema: { summary: 'A page to try the tools', tags: ['MCP'], security: [] } },
    async (_, reply) =>
      reply
        .headers({ 'content-security-policy': POLICY, 'referrer-policy': 'no-referrer' })
        .type('text/html; charset=utf-8')
        .serializer(String)
        .send(PAGE),
  )
}
