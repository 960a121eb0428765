import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { type ByteSource, bytesSource } from '../../src/convert/byte-source.ts'
import { networkFromCheckpoint } from '../../src/convert/checkpoint.ts'
import { openCheckpoint } from '../../src/convert/checkpoint-files.ts'
import { readClassifierConfig } from '../../src/convert/config.ts'
import { readGolden } from '../../src/convert/golden.ts'
import { checkOnnxFile } from '../../src/convert/onnx-file.ts'
import { readSafetensors } from '../../src/convert/safetensors.ts'

/** VALENCE_FUZZ_FILES=20000 runs the long fuzz. */
const RUNS = Number(process.env.VALENCE_FUZZ_FILES ?? 300)

/** However a file lies, no more is read of it than it has, but for a tensor that two names share, and lengths read twice. */
const MOST_READS_OF_A_BYTE = 2

/** Floats in the file may take twice the room in memory; besides, blocks of a fixed size are decoded at a time. */
const memoryFor = (fileBytes: number) => 8 * fileBytes + 4 * 1024 * 1024

const scratch = mkdtempSync(join(tmpdir(), 'valence-fuzz-'))
afterAll(() => rmSync(scratch, { recursive: true }))

function fixture(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
}

/** A file with some bytes changed, most of them where `from` to `to` says, and perhaps cut. */
function broken(file: Uint8Array, to: number): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    at: fc.oneof({ weight: 4, arbitrary: fc.nat(to - 1) }, fc.nat(file.length - 1)),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('0123456789,:"[]{}-e'))),
  })
  return fc
    .record({
      changes: fc.array(change, { minLength: 1, maxLength: 6 }),
      length: fc.option(fc.nat(file.length), { freq: 8 }),
    })
    .map(({ changes, length }) => {
      const copy = Uint8Array.from(file)
      for (const { at, byte } of changes) copy[at] = byte
      return length === null ? copy : copy.subarray(0, length)
    })
}

/** Runs a reader, which may refuse with an error of its own, but not fail with one of the language's. */
function refusesOrReads(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    expect(error).toBeInstanceOf(Error)
    expect((error as Error).constructor, (error as Error).stack).toBe(Error)
    expect((error as Error).message.length).toBeLessThan(2000)
  }
}

/** Counts what is read. */
function counted(bytes: Uint8Array): ByteSource & { bytesRead(): number } {
  const source = bytesSource(bytes)
  let count = 0
  return {
    byteLength: bytes.length,
    read(into, at) {
      count += into.byteLength
      source.read(into, at)
    },
    bytesRead: () => count,
  }
}

describe.each(['bert', 'distilbert-float16', 'odd/bert-old-names'])('the checkpoint %s', (name) => {
  const file = readFileSync(join(fixture(name), 'model.safetensors'))
  const config = readClassifierConfig(JSON.parse(readFileSync(join(fixture(name), 'config.json'), 'utf8')))
  const headerEnd = 8 + Number(file.readBigUInt64LE())

  it('with broken bytes is read or refused, within its own size', () => {
    fc.assert(
      fc.property(broken(file, headerEnd), (bytes) => {
        const source = counted(bytes)
        const before = process.memoryUsage().arrayBuffers
        refusesOrReads(() => networkFromCheckpoint(config, readSafetensors(source)))
        expect(source.bytesRead()).toBeLessThanOrEqual(MOST_READS_OF_A_BYTE * bytes.length)
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(memoryFor(bytes.length))
      }),
      { numRuns: RUNS },
    )
  })
})

it('a safetensors header of any JSON is read or refused', () => {
  fc.assert(
    fc.property(fc.json(), fc.uint8Array({ maxLength: 64 }), (json, data) => {
      const header = Buffer.from(json)
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(header.length))
      refusesOrReads(() => readSafetensors(bytesSource(Buffer.concat([length, header, data]))))
    }),
    { numRuns: RUNS },
  )
})

it('any bytes are no safetensors file and no ONNX file, or are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      refusesOrReads(() => readSafetensors(bytesSource(bytes)))
      refusesOrReads(() => checkOnnxFile(bytesSource(bytes), '/nowhere/model.onnx'))
    }),
    { numRuns: RUNS },
  )
})

describe.each(['xenova/onnx/model_quantized.onnx', 'intel/model.onnx', 'weights-beside/model.onnx'])('%s', (name) => {
  const path = join(fixture('onnx'), name)
  const file = readFileSync(path)

  it('with broken bytes is let through or refused, within its own size', () => {
    fc.assert(
      fc.property(broken(file, file.length), (bytes) => {
        const source = counted(bytes)
        refusesOrReads(() => checkOnnxFile(source, path))
        // Whoever skips a tensor's bytes starts a new window behind it.
        expect(source.bytesRead()).toBeLessThanOrEqual(MOST_READS_OF_A_BYTE * bytes.length)
      }),
      { numRuns: RUNS },
    )
  })
})

it('a config of any values is read or refused', () => {
  const config = JSON.parse(readFileSync(join(fixture('bert'), 'config.json'), 'utf8')) as Record<string, unknown>
  const fields = [...Object.keys(config), 'num_labels', 'position_embedding_type', 'is_decoder', 'type_vocab_size']
  const changes = fc.dictionary(fc.constantFrom(...fields), fc.oneof(fc.jsonValue(), fc.double(), fc.maxSafeInteger()))
  fc.assert(
    fc.property(changes, (changed) => refusesOrReads(() => readClassifierConfig({ ...config, ...changed }))),
    { numRuns: RUNS },
  )
})

it('golden texts of any JSON are read or refused', () => {
  const numbers = fc.array(fc.oneof(fc.nat(120), fc.double(), fc.constant(null)), { maxLength: 30 })
  const text = fc.record({ ids: numbers, typeIds: numbers, logits: numbers })
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.record({ texts: fc.array(text, { maxLength: 70 }) })), (golden) => {
      writeFileSync(join(scratch, 'golden.json'), JSON.stringify(golden))
      refusesOrReads(() => readGolden(scratch, { maxTokens: 24, vocabulary: 97, labels: 2 }))
    }),
    { numRuns: RUNS },
  )
})

it('an index of any JSON opens no file elsewhere', () => {
  const name = fc.oneof(fc.string(), fc.constantFrom('../x.safetensors', '/etc/passwd', 'a.safetensors', '..'))
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.record({ weight_map: fc.dictionary(fc.string(), name) })), (index) => {
      writeFileSync(join(scratch, 'model.safetensors.index.json'), JSON.stringify(index))
      refusesOrReads(() => openCheckpoint(scratch)?.close())
    }),
    { numRuns: RUNS },
  )
})
