import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { bytesSource } from '../../src/convert/byte-source.ts'
import { readClassifierConfig } from '../../src/convert/config.ts'
import { openModelFolder, readModelFolder } from '../../src/convert/model-folder.ts'
import { checkOnnxFile } from '../../src/convert/onnx-file.ts'
import { readSafetensors } from '../../src/convert/safetensors.ts'
import { writeSafetensors } from '../../src/convert/write-safetensors.ts'

const scratch = mkdtempSync(join(tmpdir(), 'valence-hostile-'))
afterAll(() => rmSync(scratch, { recursive: true }))

function fixture(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
}

/** A copy of a fixture, to spoil. */
function copyOf(name: string): string {
  const folder = mkdtempSync(join(scratch, 'copy-'))
  cpSync(fixture(name), folder, { recursive: true })
  return folder
}

function safetensors(header: string | object, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, data])
}

function tensor(shape: number[], start: number, end: number, dtype = 'F32') {
  return { dtype, shape, data_offsets: [start, end] }
}

describe('a safetensors file', () => {
  const eight = new Uint8Array(8)
  const huge = Buffer.alloc(16, 0xff)
  it.each<[string, Uint8Array, RegExp]>([
    ['that is empty', new Uint8Array(0), /shorter than its own length/],
    ['whose header is longer than the file', huge, /header claims 18446744073709551615 bytes/],
    [
      'whose header is longer than any',
      new Uint8Array(8 + 5e6).fill(32).fill(0, 0, 8).fill(0x46, 2, 3),
      /at most 4194304/,
    ],
    ['whose header is not JSON', safetensors('{"a":'), /not JSON/],
    ['whose header is a list', safetensors('[]'), /not a JSON object/],
    ['whose header is nested a million deep', safetensors('['.repeat(1e6) + ']'.repeat(1e6)), /not a JSON object/],
    [
      'with a deep type',
      safetensors(`{"a":{"dtype":${'['.repeat(1e5)}${']'.repeat(1e5)},"shape":[],"data_offsets":[0,0]}}`),
      /type a list of 1/,
    ],
    ['with an entry of null', safetensors({ a: null }), /its entry must have/],
    ['with a field too many', safetensors({ a: { ...tensor([2], 0, 8), more: 1 } }, eight), /nothing else/],
    ['with an unknown type', safetensors({ a: tensor([2], 0, 8, 'F128') }, eight), /type "F128" is not supported/],
    ['with a type of Object', safetensors({ a: tensor([2], 0, 8, 'constructor') }, eight), /"constructor" is not supp/],
    ['with a negative size', safetensors({ a: tensor([-2], 0, 8) }, eight), /shape is not a list of sizes/],
    ['with half a size', safetensors({ a: tensor([1.5], 0, 6) }, eight), /shape is not a list of sizes/],
    [
      'with a thousand axes',
      safetensors({ a: tensor(Array<number>(1000).fill(1), 0, 4) }, eight),
      /not a list of sizes/,
    ],
    [
      'whose product of sizes overflows',
      safetensors({ a: tensor([2 ** 52, 2 ** 52, 2 ** 52], 0, 0) }),
      /its shape needs/,
    ],
    [
      'whose product wraps to nothing in 64 bits',
      safetensors({ a: tensor([2 ** 32, 2 ** 32], 0, 0) }),
      /its shape needs/,
    ],
    [
      'whose shape and bytes differ',
      safetensors({ a: tensor([3], 0, 8) }, eight),
      /needs 12 bytes, the file gives it 8/,
    ],
    ['with offsets the wrong way round', safetensors({ a: tensor([2], 8, 0) }, eight), /its shape needs/],
    ['with offsets outside of the file', safetensors({ a: tensor([2], 4, 12) }, eight), /outside the file/],
    [
      'with offsets past all numbers',
      safetensors('{"a":{"dtype":"I8","shape":[1],"data_offsets":[1e300,1e300]}}'),
      /not two numbers/,
    ],
    ['with one offset', safetensors('{"a":{"dtype":"I8","shape":[1],"data_offsets":[0]}}', eight), /not two numbers/],
    ['with tensors that overlap', safetensors({ a: tensor([2], 0, 8), b: tensor([1], 4, 8) }, eight), /overlap/],
    ['with the same bytes twice', safetensors({ a: tensor([2], 0, 8), b: tensor([2], 0, 8) }, eight), /overlap/],
    ['with a gap', safetensors({ a: tensor([1], 4, 8) }, eight), /leave a gap/],
    ['with bytes that are nobody’s', safetensors({ a: tensor([1], 0, 4) }, eight), /belong to no tensor/],
    [
      'with a name twice',
      safetensors(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        eight,
      ),
      /twice/,
    ],
    [
      'with a name twice, once escaped',
      safetensors(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\\u0061":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        eight,
      ),
      /twice/,
    ],
    [
      'with a type twice',
      safetensors('{"a":{"dtype":"F64","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', eight),
      /twice/,
    ],
    ['with odd metadata', safetensors({ __metadata__: { a: 1 }, b: tensor([2], 0, 8) }, eight), /__metadata__/],
  ])('%s', (_, bytes, message) => {
    expect(() => readSafetensors(bytesSource(bytes))).toThrow(message)
  })

  it('with colons and braces in its names is read', () => {
    const names = ['a:b', '"', '{"x":1}', '\\', '__proto__', 'constructor', '']
    const header = names.map(
      (name, index) => `${JSON.stringify(name)}:${JSON.stringify(tensor([1], index * 4, index * 4 + 4))}`,
    )
    const read = readSafetensors(bytesSource(safetensors(`{${header.join(',')}}`, new Uint8Array(names.length * 4))))
    expect([...read.keys()].toSorted()).toStrictEqual(names.toSorted())
  })
})

describe('a checkpoint', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])('with a weight of %s', (value) => {
    for (const name of ['distilbert.transformer.layer.0.ffn.lin1.weight', 'classifier.bias']) {
      const folder = copyOf('distilbert')
      const path = join(folder, 'model.safetensors')
      const file = readFileSync(path)
      const headerBytes = Number(file.readBigUInt64LE())
      const header = JSON.parse(file.subarray(8, 8 + headerBytes).toString()) as Record<
        string,
        ReturnType<typeof tensor>
      >
      file.writeFloatLE(value, 8 + headerBytes + header[name]!.data_offsets[0]!)
      writeFileSync(path, file)
      expect(() => readModelFolder(folder)).toThrow(
        new RegExp(`${name.replaceAll('.', '\\.')}.*(not finite|not a finite)`),
      )
    }
  })

  it('that is cut short', () => {
    const folder = copyOf('distilbert')
    const path = join(folder, 'model.safetensors')
    writeFileSync(path, readFileSync(path).subarray(0, -1))
    expect(() => readModelFolder(folder)).toThrow(/model\.safetensors: .*outside the file/)
  })

  it.each([
    ['a weight of −128', 0x80, 1],
    ['a scale below zero', 1, -1],
  ])('of INT8 with %s', (message, weight, scale) => {
    const folder = mkdtempSync(join(scratch, 'int8-'))
    cpSync(join(fixture('distilbert'), 'config.json'), join(folder, 'config.json'))
    const name = 'distilbert.embeddings.word_embeddings.weight'
    const scales = new Float32Array(97).fill(scale)
    writeSafetensors(
      join(folder, 'model.safetensors'),
      new Map([
        [name, { dtype: 'I8', shape: [97, 32], bytes: new Uint8Array(97 * 32).fill(weight) }],
        [`${name}_scale`, { dtype: 'F32', shape: [97, 1], bytes: new Uint8Array(scales.buffer) }],
      ]),
    )
    expect(() => readModelFolder(folder)).toThrow(`tensor ${name}: has ${message}`)
  })

  it.each([
    ['../../etc/passwd.safetensors'],
    ['/etc/passwd.safetensors'],
    ['a/b.safetensors'],
    ['..\\b.safetensors'],
    ['.hidden.safetensors'],
    ['model.bin'],
    [7],
  ])('in parts, one of which is %s', (file) => {
    const folder = copyOf('odd/distilbert-regression-in-parts')
    const index = { weight_map: { 'classifier.weight': file } }
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index))
    expect(() => readModelFolder(folder)).toThrow(/index\.json: names .* no \.safetensors file of the same folder/)
  })

  it('in parts, one of which has not what the index says, or is not there', () => {
    const folder = copyOf('odd/distilbert-regression-in-parts')
    const path = join(folder, 'model.safetensors.index.json')
    writeFileSync(path, '{"weight_map": {"nothing": "model-00001-of-00002.safetensors"}}')
    expect(() => readModelFolder(folder)).toThrow(/has no tensor "nothing"/)
    writeFileSync(path, '{"weight_map": {"nothing": "model-00009.safetensors"}}')
    expect(() => readModelFolder(folder)).toThrow(/model-00009\.safetensors: there is no such file/)
  })

  it('of another width than the config says', () => {
    const folder = copyOf('distilbert')
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object
    writeFileSync(
      join(folder, 'config.json'),
      JSON.stringify({ ...config, vocab_size: 1_000_000, dim: 1_000_000, n_heads: 1 }),
    )
    expect(() => readModelFolder(folder)).toThrow(/config\.json asks for \[1000000,1000000\]/)
  })

  it('as a pickle alone, with what to do', () => {
    const folder = copyOf('distilbert')
    rmSync(join(folder, 'model.safetensors'))
    expect(() => openModelFolder(folder)).toThrow(/no model\.safetensors in it/)
    writeFileSync(join(folder, 'pytorch_model.bin'), 'x')
    expect(() => openModelFolder(folder)).toThrow(/pytorch_model\.bin.*save_pretrained/)
  })

  it('of another task, with what is missing', () => {
    const folder = copyOf('odd/bert-old-names')
    const path = join(folder, 'model.safetensors')
    const file = readFileSync(path)
    const text = file.toString('latin1').replaceAll('pooler.dense', 'cooler.dense')
    writeFileSync(path, Buffer.from(text, 'latin1'))
    expect(() => readModelFolder(folder)).toThrow(/no tensor bert\.pooler\.dense\.weight/)
  })
})

describe('a folder', () => {
  it('whose links go round in a circle', () => {
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json', 'golden.json']) {
      const folder = copyOf('distilbert')
      rmSync(join(folder, name), { force: true })
      symlinkSync(join(folder, name), join(folder, name))
      expect(() => readModelFolder(folder)).toThrow(
        new RegExp(`${name.replace('.', '\\.')}: its symbolic links go round`),
      )
    }
  })

  it('with folders where files should be', () => {
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json']) {
      const folder = copyOf('distilbert')
      rmSync(join(folder, name), { force: true })
      mkdirSync(join(folder, name))
      expect(() => readModelFolder(folder)).toThrow(new RegExp(`${name}: is not a file`))
    }
  })

  it.skipIf(process.platform === 'win32')('with a pipe that nobody writes to, without waiting', () => {
    const folder = copyOf('distilbert')
    rmSync(join(folder, 'model.safetensors'))
    execFileSync('mkfifo', [join(folder, 'model.safetensors')])
    expect(() => readModelFolder(folder)).toThrow(/model\.safetensors: is not a file/)
  })

  it('with a JSON bomb', () => {
    const folder = copyOf('distilbert')
    writeFileSync(join(folder, 'config.json'), '['.repeat(1e6))
    expect(() => readModelFolder(folder)).toThrow(/config\.json: is not JSON/)
    writeFileSync(join(folder, 'config.json'), ' '.repeat(5e6))
    expect(() => readModelFolder(folder)).toThrow(/config\.json: has 5000000 bytes; at most 4194304 are read/)
  })

  it.each([
    '[]',
    '{"texts": 1}',
    '{"texts": [{"ids": [], "typeIds": [], "logits": [0, 0]}]}',
    '{"texts": [{"ids": [97], "typeIds": [0], "logits": [0, 0]}]}',
    '{"texts": [{"ids": [-1], "typeIds": [0], "logits": [0, 0]}]}',
    '{"texts": [{"ids": [1.5], "typeIds": [0], "logits": [0, 0]}]}',
    '{"texts": [{"ids": [1], "typeIds": [2], "logits": [0, 0]}]}',
    '{"texts": [{"ids": [1, 2], "typeIds": [0], "logits": [0, 0]}]}',
    '{"texts": [{"ids": [1], "typeIds": [0], "logits": [0]}]}',
    '{"texts": [{"ids": [1], "typeIds": [0], "logits": [0, 1e300]}]}',
    `{"texts": [{"ids": [${Array(25).fill(1).join()}], "typeIds": [${Array(25).fill(0).join()}], "logits": [0, 0]}]}`,
    `{"texts": [${Array(65).fill('{"ids": [1], "typeIds": [0], "logits": [0, 0]}').join()}]}`,
  ])('with golden texts that do not fit: %s', (golden) => {
    const folder = copyOf('distilbert')
    writeFileSync(join(folder, 'golden.json'), golden)
    expect(() => readModelFolder(folder)).toThrow(/golden\.json: /)
  })
})

describe('a config', () => {
  const config = JSON.parse(readFileSync(join(fixture('bert'), 'config.json'), 'utf8')) as object
  it.each<[string, unknown]>([
    ['hidden_size', 1e12],
    ['hidden_size', -1],
    ['num_hidden_layers', 'many'],
    ['num_attention_heads', 5],
    ['id2label', { 0: 'a', 2: 'b' }],
    ['id2label', { 0: { deep: [] } }],
    ['layer_norm_eps', Number.NaN],
    ['model_type', ['bert']],
    ['hidden_act', 'relu6'],
    ['position_embedding_type', 'relative_key'],
    ['problem_type', 'guess'],
    ['is_decoder', true],
    ['architectures', ['BertForMaskedLM']],
  ])('with %s: %j', (field, value) => {
    expect(() => readClassifierConfig({ ...config, [field]: value })).toThrow(/^config\.json: /)
  })

  it('whose values are deep or long, with a short message', () => {
    const deep = JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)) as unknown
    for (const field of [
      'model_type',
      'hidden_act',
      'hidden_size',
      'layer_norm_eps',
      'problem_type',
      'position_embedding_type',
    ]) {
      for (const value of [deep, 'x'.repeat(1e6)]) {
        const error = caught(() => readClassifierConfig({ ...config, [field]: value }))
        expect(error.message).toMatch(/^config\.json: /)
        expect(error.message.length).toBeLessThan(300)
      }
    }
  })

  it('with a million labels that nobody has named', () => {
    expect(() => readClassifierConfig({ ...config, id2label: undefined, num_labels: 1_000_000 })).toThrow(/num_labels/)
  })
})

describe('an ONNX file', () => {
  const model = readFileSync(join(fixture('onnx/weights-beside'), 'model.onnx'))
  const location = 'model.onnx_data'

  it.each(['../../etc/passwd', '/etc/passwd/xyz1', '..\\..\\secrets.x', 'weights/of.a.pal', 'nowhere.to.find'])(
    'whose weights are in %s',
    (elsewhere) => {
      const folder = copyOf('onnx/weights-beside')
      const name = elsewhere.padEnd(location.length).slice(0, location.length).replaceAll(' ', '_')
      writeFileSync(
        join(folder, 'model.onnx'),
        Buffer.from(model.toString('latin1').replaceAll(location, name), 'latin1'),
      )
      expect(() => openModelFolder(folder)).toThrow(
        /model\.onnx: keeps weights in .*(not a file of the same|not there)/,
      )
    },
  )

  it.each<[string, Uint8Array, RegExp]>([
    ['that is empty', new Uint8Array(0), /no graph/],
    ['that is text', Buffer.from('<html>404 Not Found</html>'), /not an ONNX file/],
    ['that is a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /not an ONNX file/],
    ['that is cut short', model.subarray(0, model.length / 2), /cut short/],
    ['with a length past the end', Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0x7f), /cut short/],
    ['with a length past all numbers', Uint8Array.of(0x3a, ...Array<number>(9).fill(0xff), 0x01), /cut short/],
    ['with a number that does not end', new Uint8Array(100).fill(0xff), /cut short/],
  ])('%s', (_, bytes, message) => {
    expect(() => checkOnnxFile(bytesSource(bytes), '/nowhere/model.onnx')).toThrow(message)
  })

  it('whose graphs are nested without end', () => {
    let nested = Buffer.alloc(0)
    // A graph's node's attribute's graph, and so on.
    for (let depth = 0; depth < 1000; depth++) for (const tag of [0x32, 0x2a, 0x0a]) nested = field(tag, nested)
    expect(() => checkOnnxFile(bytesSource(field(0x3a, nested)), '/nowhere/model.onnx')).toThrow(/nested too deeply/)
  })
})

function field(tag: number, content: Uint8Array): Buffer<ArrayBuffer> {
  const length = content.length
  return Buffer.concat([
    Uint8Array.of(tag, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14),
    content,
  ])
}

function caught(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
