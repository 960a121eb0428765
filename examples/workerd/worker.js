export default {
  async fetch(_request, env) {
    const response = await env.AI.run('@cf/huggingface/distilbert-sst-2-int8', {
      text: 'This pizza is great!',
    })
    return Response.json(response)
  },
}
