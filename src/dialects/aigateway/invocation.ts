import type { CatalogModel } from '../../catalog/catalog.ts'

/** How a model is called: an example of a body, the shape of its answer, and the same in the languages of the SDKs. */
export function invocationOf({ id, labels }: CatalogModel) {
  const messages = [{ role: 'user', content: 'This pizza is great!' }]
  const request = { model: id, messages }
  const label = labels[0] ?? 'LABEL_0'
  return {
    endpoint: '/v1/chat/completions',
    method: 'POST' as const,
    endpoints: ['/v1/chat/completions', '/v1/classifications'],
    request,
    response: {
      object: 'chat.completion',
      model: id,
      choices: [{ index: 0, message: { role: 'assistant', content: label }, finish_reason: 'stop' }],
      classification: labels.map((name) => ({ label: name, score: '0 to 1' })),
    },
    streaming: {
      request: { ...request, stream: true },
      events: ['chat.completion.chunk with the role', 'one with the label', 'one with finish_reason', '[DONE]'],
    },
    quirks: [
      'The text is the last user message; system messages and earlier turns change nothing.',
      `The answer is one of the labels ${labels.join(', ')}; sampling parameters change nothing.`,
      'A text longer than the model reads is cut, and the header x-valence-truncated says so.',
    ],
    sdk: {
      curl: `curl $BASE_URL/v1/chat/completions -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '${JSON.stringify(request)}'`,
      python: `OpenAI(base_url=base_url + "/v1", api_key=key).chat.completions.create(model=${JSON.stringify(id)}, messages=${JSON.stringify(messages)})`,
      node: `new OpenAI({ baseURL: baseUrl + '/v1', apiKey: key }).chat.completions.create(${JSON.stringify(request)})`,
    },
  }
}
