/* oxlint-disable unicorn/no-useless-spread -- a list in rows is read more easily than one with a line an item */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'

/** Made only when it is sent: a chunk of requests may describe far more bytes than should lie in memory at once. */
export type Body = () => Buffer

/** What the server takes by default; src/config.ts has it as `maxBodyBytes`. */
const MAX_BODY_BYTES = 2_097_152

const ODD_STRINGS = [
  ...['', ' ', '\0', '\ufeff', '\ud800', '\udc00\ud800', '😀', '\u202e', '[CLS]', '[SEP]', '\u0301', '漢字', 'null'],
  ...['__proto__', 'constructor', 'toString', '%2e%2e%2f', '{{7*7}}', '\r\nx-injected: 1', 'a\u0000b', '\uffff'],
]
const ODD_NUMBERS = [0, -0, 1, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, 1e308, 5e-324]

/** Few and short, as most of the texts that are really classified should be. */
const shortText = fc.oneof(
  fc.constantFrom('great', 'awful', 'not bad at all', 'a 😀 day', 'Überraschend gut', '这部电影很好'),
  fc.integer({ min: 0, max: 999 }).map((number) => `film number ${number}`),
)
const anyString = fc.oneof(shortText, fc.constantFrom(...ODD_STRINGS), fc.string({ unit: 'binary', maxLength: 20 }))
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], [{}], { text: null }),
  fc.constantFrom(...ODD_NUMBERS),
  anyString,
  fc.array(anyString, { maxLength: 4 }),
  fc.jsonValue({ maxDepth: 3 }),
)

const topK = fc.oneof(fc.constant(null), fc.constantFrom<unknown>(...ODD_NUMBERS, '5', true))
const applied = fc.constantFrom<unknown>(null, 'sigmoid', 'SoftMax', 'NONE', 'tanh', '', 0, {}, '__proto__')

/** A body that its route answers with 200. */
export type Shape = 'workers-ai' | 'env-ai' | 'huggingface' | 'chat' | 'classifications'
const VALID: Record<Shape, fc.Arbitrary<Record<string, unknown>>> = {
  'workers-ai': fc.record({ text: shortText }),
  'env-ai': fc.record({ inputs: fc.record({ text: shortText }), options: fc.constant({}) }),
  huggingface: fc.record(
    {
      inputs: fc.oneof(
        shortText,
        fc.array(shortText, { minLength: 1, maxLength: 3 }),
        fc.record({ text: shortText, text_pair: shortText }),
      ),
      parameters: fc.constantFrom(null, {}, { top_k: 1 }, { top_k: null }, { function_to_apply: 'sigmoid' }),
    },
    { requiredKeys: ['inputs'] },
  ),
  chat: fc.record(
    {
      messages: fc.tuple(fc.constantFrom('system', 'assistant'), shortText, shortText).map(([role, other, text]) => [
        { role, content: other },
        { role: 'user', content: text },
      ]),
      model: fc.constantFrom('auto', 'minilm-sst-2-int8', 'huggingface/distilbert-sst-2-int8'),
      stream: fc.boolean(),
      logprobs: fc.boolean(),
      temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    },
    { requiredKeys: ['messages'] },
  ),
  classifications: fc.record(
    { input: fc.oneof(shortText, fc.array(shortText, { minLength: 1, maxLength: 3 })), model: fc.constant('auto') },
    { requiredKeys: ['input'] },
  ),
}

const FIELDS = [
  ...['text', 'inputs', 'parameters', 'messages', 'model', 'stream', 'stream_options', 'tools', 'functions', 'n'],
  ...['logprobs', 'top_logprobs', 'response_format', 'modalities', 'input', 'options', 'temperature', 'max_tokens'],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'toJSON', 'then', 'length', ''],
]

/** A valid body with one thing wrong, which gets further into the program than noise does. */
function nearlyValid(shape: Shape): fc.Arbitrary<string> {
  return fc
    .tuple(VALID[shape], fc.constantFrom(...FIELDS), odd, fc.constantFrom('set', 'remove', 'nest'))
    .map(([body, field, value, change]) => {
      const keys = Object.keys(body)
      if (change === 'remove') return JSON.stringify(Object.fromEntries(keys.slice(1).map((key) => [key, body[key]])))
      if (change === 'set') return withMember(JSON.stringify(body), field, value)
      return JSON.stringify({ ...body, [keys[0]!]: [value, { role: 'user', content: [{ type: field, text: value }] }] })
    })
}

/** Adds a member in the text, since an assignment to `__proto__` would not make one. A repeated name wins over the first. */
function withMember(object: string, name: string, value: unknown): string {
  return `${object.slice(0, -1)},${JSON.stringify(name)}:${JSON.stringify(value) ?? 'null'}}`
}

const withParameters = fc
  .tuple(shortText, topK, applied)
  .map(([inputs, top_k, function_to_apply]) =>
    JSON.stringify({ inputs, parameters: { top_k, function_to_apply } }).replace('5e-324', '1e999'),
  )

const ODD_JSON = [
  ...['', ' ', 'null', 'true', '0', '-0', '1e999', '"text"', '[]', '{}', '{', '[', '"', '{"text"', '{"text":}', 'NaN'],
  ...['{"text":1e999}', '{"text":-0}', '{"text":NaN}', "{'text':'x'}", '{"text":"x",}', '{"text":"x"}{"text":"y"}'],
  ...['{"__proto__":{"text":"x"}}', '{"constructor":{"prototype":{"text":"x"}}}', '{"text":"a","text":"b"}'],
  ...[
    '{"text":"\\ud800"}',
    '{"text":"\\udc00\\ud800"}',
    '{"text":"\\u0000"}',
    '{"inputs":"\\ud83d"}',
    '{"text":"\\x"}',
  ],
  ...['\ufeff{"text":"after a byte order mark"}', '{"input":[]}', '{"inputs":[]}', '{"messages":[]}', 'text=x&y=z'],
  ...['{"inputs":[["a","b"]]}', '{"inputs":{"text":"a","text_pair":null}}', '{"input":[1,2]}', '{"input":{"0":"a"}}'],
  ...['{"messages":[{"role":"user"}]}', '{"messages":[{"role":"user","content":[{"type":"text"}]}]}', '/* */{}'],
  ...['{"messages":{"length":1}}', '{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}'],
]

/** Bytes that are no UTF-8: a stray byte, an overlong slash, an encoded surrogate, a sequence cut short. */
const BAD_UTF8 = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98]]
const badUtf8 = fc.constantFrom(...BAD_UTF8).map((bytes): Body => {
  return () => Buffer.concat([Buffer.from('{"text":"'), Buffer.from(bytes), Buffer.from('"}')])
})

const nested = fc
  .tuple(fc.constantFrom('[', '{"text":', '{"inputs":[', '{"messages":[{"content":'), fc.constantFrom(10, 1000, 50_000))
  .map(
    ([opening, depth]): Body =>
      () =>
        Buffer.from(opening.repeat(depth)),
  )

const closedNest = fc.constantFrom(100, 5000).map(
  (depth): Body =>
    () =>
      Buffer.from(`{"text":${'['.repeat(depth)}${']'.repeat(depth)}}`),
)

/** Lists of 10,000 texts: equal ones are one to the engine, different ones are more than it takes. */
const longLists = fc
  .tuple(fc.constantFrom('input', 'inputs'), fc.boolean(), fc.constantFrom(1025, 10_000))
  .map(([field, equal, length]): Body => {
    const texts = () => Array.from({ length }, (_, index) => (equal ? 'fine' : `fine ${index}`))
    return () => Buffer.from(JSON.stringify({ [field]: texts() }))
  })

const longTexts = fc
  .tuple(fc.constantFrom('text', 'input', 'inputs'), fc.constantFrom('a', ' ', '\u0301', '\\ud800', '漢'))
  .map(
    ([field, unit]): Body =>
      () =>
        Buffer.from(`{"${field}":"${unit.repeat(200_000)}"}`),
  )

/** Just over the limit of what a body may have, and far over. */
const tooLarge = fc.constantFrom(1, 1_000_000).map(
  (over): Body =>
    () =>
      Buffer.concat([Buffer.from('{"text":"'), Buffer.alloc(MAX_BODY_BYTES + over, 'a')]),
)

const fromText = (text: fc.Arbitrary<string>) =>
  text.map(
    (json): Body =>
      () =>
        Buffer.from(json),
  )

export function anyBody(shape: Shape): fc.Arbitrary<Body> {
  return fc.oneof(
    { weight: 300, arbitrary: fromText(nearlyValid(shape)) },
    { weight: 200, arbitrary: fromText(fc.constantFrom(...ODD_JSON)) },
    { weight: 60, arbitrary: fromText(withParameters) },
    { weight: 100, arbitrary: fromText(fc.json({ maxDepth: 4 })) },
    {
      weight: 60,
      arbitrary: fc.uint8Array({ maxLength: 60 }).map(
        (bytes): Body =>
          () =>
            Buffer.from(bytes),
      ),
    },
    { weight: 40, arbitrary: badUtf8 },
    { weight: 12, arbitrary: nested },
    { weight: 12, arbitrary: closedNest },
    { weight: 3, arbitrary: longLists },
    { weight: 3, arbitrary: longTexts },
    { weight: 4, arbitrary: tooLarge },
  )
}

/** What takes the most memory while it is handled. */
export const heavyBody: fc.Arbitrary<Body> = fc.oneof(longLists, longTexts, tooLarge, nested)

export function validBody(shape: Shape): fc.Arbitrary<Body> {
  return fromText(VALID[shape].map((body) => JSON.stringify(body)))
}
