/** What models here can do, by AIGateway's notion of a fixed vocabulary. */
export const CAPABILITIES = [
  { id: 'classification', description: 'Labels with scores for one text or many', endpoint: '/v1/classifications' },
  { id: 'chat', description: 'The last user message, answered with its label', endpoint: '/v1/chat/completions' },
  { id: 'streaming', description: 'A chat answer as server-sent events', endpoint: '/v1/chat/completions' },
  { id: 'logprobs', description: 'The labels as tokens with ln(score)', endpoint: '/v1/chat/completions' },
  { id: 'json_mode', description: 'The label and scores as JSON, by a schema', endpoint: '/v1/chat/completions' },
] as const

/** Only of models whose labels are about content that is to be moderated. */
export const MODERATION_CAPABILITY = {
  id: 'moderation',
  description: "Scores for OpenAI's moderation categories, of models that have such labels",
  endpoint: '/v1/moderations',
} as const
