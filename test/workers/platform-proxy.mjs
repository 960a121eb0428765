// node platform-proxy.mjs <folder of a wrangler> <config>: runs the model in Node, through what wrangler hands to tools.
const [folder, configPath] = process.argv.slice(2)
const { getPlatformProxy } = await import(new URL('wrangler-dist/cli.js', `file://${folder}/`))
const { env, dispose } = await getPlatformProxy({ configPath, persist: false })
const answer = await env.AI.run('@cf/huggingface/distilbert-sst-2-int8', { text: 'This pizza is great!' })
console.log(JSON.stringify(answer))
await dispose()
