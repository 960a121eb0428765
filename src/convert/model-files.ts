import { lstatSync } from 'node:fs'
import { join } from 'node:path'

/** The files of a Hub repository that hold weights. */
export const CHECKPOINT_FILE = 'model.safetensors'
/** Names the parts of a checkpoint that is in several files. */
export const CHECKPOINT_INDEX = 'model.safetensors.index.json'

/**
 * Ready-made ONNX files, the one that is taken first: quantised before floats, then by how common the place is. The first
 * three are where Optimum and transformers.js put theirs; `model_quantized.onnx` is what transformers.js calls q8. In the
 * repository's root are Intel's, where `model.onnx` is quantised too.
 */
export const ONNX_FILES = [
  'onnx/model_quantized.onnx',
  'onnx/model_int8.onnx',
  'model_quantized.onnx',
  'int8-model.onnx',
  'model.onnx',
  'onnx/model.onnx',
]

/** Whether a folder has weights that can be run: only then is it a model's. */
export function holdsWeights(folder: string): boolean {
  return hasCheckpoint(folder) || findOnnxFile(folder) !== undefined
}

export function hasCheckpoint(folder: string): boolean {
  return [CHECKPOINT_FILE, CHECKPOINT_INDEX].some((name) => isThere(join(folder, name)))
}

/** @returns the first of ONNX_FILES that the folder has */
export function findOnnxFile(folder: string): string | undefined {
  return ONNX_FILES.find((name) => isThere(join(folder, name)))
}

/** A link counts, even one that leads nowhere: whoever opens it will say so. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}
