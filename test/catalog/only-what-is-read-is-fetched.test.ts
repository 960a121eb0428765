import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { isCompleteFolder, wantedFiles } from '../../src/catalog/wanted-files.ts'
import { newCache, removeCaches } from '../support/cache.ts'

const INDEX = 'model.safetensors.index.json'
const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
const SMALL = ['config.json', 'tokenizer.json', 'tokenizer_config.json']
const USELESS = [
  '.gitattributes',
  'README.md',
  'pytorch_model.bin',
  'tf_model.h5',
  'training_args.bin',
  'a/config.json',
]

afterAll(removeCaches)

describe('of a repository', () => {
  it.each([
    [
      'a checkpoint, before anything else',
      ['model.safetensors', INDEX, ...SHARDS, 'onnx/model.onnx'],
      ['model.safetensors'],
    ],
    ['a checkpoint in parts', [INDEX, ...SHARDS, 'onnx/model.onnx'], [INDEX, ...SHARDS]],
    ['the best ONNX file', ['onnx/model.onnx', 'onnx/model_quantized.onnx'], ['onnx/model_quantized.onnx']],
    ['an ONNX file where a part is missing', [INDEX, SHARDS[0]!, 'model.onnx'], ['model.onnx']],
  ])('%s', (_, weights, expected) => {
    expect(wantedFiles('a/b', [...USELESS, ...SMALL, ...weights])).toEqual([...SMALL, ...expected])
  })

  it.each([['vocab.txt'], ['vocab.json', 'merges.txt'], ['tokenizer.json', 'vocab.txt', 'special_tokens_map.json']])(
    'a tokenizer in %s',
    (...tokenizer) => {
      const wanted = wantedFiles('a/b', ['config.json', 'model.safetensors', ...tokenizer])
      expect(wanted.toSorted()).toEqual(['config.json', 'model.safetensors', ...tokenizer].toSorted())
    },
  )

  it.each([
    ['config.json', ['tokenizer.json', 'model.safetensors']],
    ['model.safetensors', ['config.json', 'tokenizer.json', 'pytorch_model.bin']],
    ['model.safetensors', ['config.json', 'tokenizer.json', INDEX, SHARDS[1]!]],
    ['tokenizer.json or vocab.txt', ['config.json', 'model.safetensors', 'vocab.json']],
  ])('nothing where %s is missing', (missing, paths) => {
    expect(() => wantedFiles('a/b', paths)).toThrow(`a/b has no ${missing}, which Valence needs`)
  })
})

it('a folder is a model’s when all of it is there, links followed', () => {
  const folder = newCache()
  const put = (path: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), '')
  }
  expect(isCompleteFolder(folder)).toBe(false)
  for (const path of ['config.json', 'tokenizer.json', 'onnx/model.onnx']) put(path)
  expect(isCompleteFolder(folder)).toBe(true)
  rmSync(join(folder, 'onnx/model.onnx'))
  symlinkSync('../nowhere', join(folder, 'onnx/model.onnx'))
  expect(isCompleteFolder(folder)).toBe(false)
  expect(isCompleteFolder(join(folder, 'absent'))).toBe(false)
})
