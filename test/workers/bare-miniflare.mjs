// node bare-miniflare.mjs <folder of a miniflare> <url of Valence>: a worker and its binding without wrangler, and the
// binding in Node.
const [folder, url] = process.argv.slice(2)
const { Miniflare, convertV4MiniflareOptions = (options) => options } = await import(
  new URL('dist/src/index.js', `file://${folder}/`)
)
const script = `export default { async fetch(request, env) {
  return Response.json(await env.AI.run('@cf/huggingface/distilbert-sst-2-int8', { text: 'This pizza is great!' }))
} }`
const plugin = { package: 'wrangler-local-ai', name: 'local-ai' }
const binding = { name: 'AI', type: 'ai', plugin, options: { url } }
const options = { modules: true, script, compatibilityDate: '2025-09-06', unsafeBindings: [binding] }
// Miniflare 5 has other options, and converts those of 4.
const miniflare = new Miniflare(convertV4MiniflareOptions(options))
const inWorker = await (await miniflare.dispatchFetch('http://localhost/')).json()
const { AI } = await miniflare.getBindings()
const inNode = await AI.run('@cf/huggingface/distilbert-sst-2-int8', { text: 'This pizza is great!' })
console.log(JSON.stringify({ inWorker, inNode }))
await miniflare.dispose()
