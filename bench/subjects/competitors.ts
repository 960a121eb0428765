import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadAddon } from '../../src/engine/native/addon.ts'

/** One library, or one way to use it, and how it is started for a model. */
export type Competitor = {
  id: string
  title: string
  /** what is given to it beside its defaults, and what says so; goes to the results page */
  settings: string
  /** undefined where it can be started; else a line that says what is missing */
  missing(model: BenchModel): string | undefined
  /** its process that answers tasks; none for what is a server only */
  engine?: (model: BenchModel) => Command
  /** its HTTP server, where that is a process of its own */
  server?: (model: BenchModel) => ServerCommand
}

export type Command = { file: string; args: string[]; env?: Record<string, string>; cwd?: string }

export type ServerCommand = Command & {
  /** finds its address in what it prints; where it prints none, the port that it was given */
  address: RegExp | number
  request: RequestShape
}

/** How a text is asked for over HTTP. */
export type RequestShape = { path: string; body: 'huggingface' | 'infinity'; model?: string }

/** A model as the bench knows it. */
export type BenchModel = {
  /** the folder in bench/peers/models */
  name: 'distilbert-random' | 'minilm-sst-2-dequantised'
  title: string
  /** the id under which Valence has it, and the folder that it takes it from */
  valenceId: string
  valenceFolder: string
  shape: { layers: number; hidden: number; intermediate: number; labels: number }
}

const PEERS = fileURLToPath(new URL('../peers/', import.meta.url))
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
export const MODELS_FOLDER = join(PEERS, 'models')
/** Under it lies distilbert-random where Valence looks for the real one. */
export const VALENCE_MODELS = join(MODELS_FOLDER, 'for-valence')
const EMBEDDED_FOLDER = join(ROOT, 'models', 'minilm-sst-2-int8')
const PYTHON = join(PEERS, '.venv', 'bin', 'python')
/** Any free port does; it is one that nothing well known has. */
const INFINITY_PORT = 17_997

export const MODELS: readonly BenchModel[] = [
  {
    name: 'distilbert-random',
    title: 'DistilBERT shape, random weights (66 million parameters)',
    valenceId: 'huggingface/distilbert-sst-2-int8',
    valenceFolder: join(MODELS_FOLDER, 'distilbert-random'),
    shape: { layers: 6, hidden: 768, intermediate: 3072, labels: 2 },
  },
  {
    name: 'minilm-sst-2-dequantised',
    title: 'The embedded model, MiniLM (22.7 million parameters)',
    valenceId: 'valence/minilm-sst-2-int8',
    valenceFolder: EMBEDDED_FOLDER,
    shape: { layers: 6, hidden: 384, intermediate: 1536, labels: 2 },
  },
]

export const folderOf = (model: BenchModel) => join(MODELS_FOLDER, model.name)
export const WORKLOADS_FILE = join(MODELS_FOLDER, 'workloads.json')

const subject = (name: string, ...args: string[]): Command => ({
  file: process.execPath,
  args: [fileURLToPath(new URL(name, import.meta.url)), ...args, WORKLOADS_FILE],
  cwd: ROOT,
})

type ValenceBackend = 'native' | 'avx512-vnni' | 'onnxruntime'

const valenceEnv = (backend: ValenceBackend) => ({
  VALENCE_BACKEND: backend,
  VALENCE_API_KEYS: '',
  VALENCE_OFFLINE: 'true',
  // Neither the user's own, nor the other backend's, whose server runs beside.
  VALENCE_DATA_DIR: join(MODELS_FOLDER, `valence-data-${backend}`),
  // The same texts come round after round, and what is measured is computing them.
  VALENCE_CACHE_BYTES: '0',
})

function valence(backend: ValenceBackend, title: string, settings: string): Competitor {
  return {
    id: `valence-${backend}`,
    title,
    settings: `${settings} Its own server and engine as they come; \`VALENCE_BACKEND=${backend}\`.`,
    missing: (model) => missingCheckpoint(model) ?? missingKernels(backend),
    engine: (model) => ({ ...subject('valence.ts', model.valenceId, VALENCE_MODELS), env: valenceEnv(backend) }),
    server: (model) => ({
      file: process.execPath,
      // What the cache answers measures nothing of the engine.
      args: 'src/cli/valence.js serve --port 0 --cache-bytes 0 --strict-models --models-dir'
        .split(' ')
        .concat(VALENCE_MODELS),
      cwd: ROOT,
      env: valenceEnv(backend),
      address: /ready on (http:\/\/\S+?)\. /,
      request: { path: `/models/${model.valenceId}`, body: 'huggingface' },
    }),
  }
}

/** Not a way to use it, but what it could do at most: texts tokenised beforehand, packs straight to the threads. */
function valenceForward(backend: ValenceBackend, title: string): Competitor {
  return {
    id: `valence-${backend}-forward`,
    title,
    settings: `No library to compare with: Valence’s forward pass by itself, on texts that were tokenised before; \`VALENCE_BACKEND=${backend}\`.`,
    missing: (model) => missingCheckpoint(model) ?? missingKernels(backend),
    engine: (model) => ({
      ...subject('valence-forward.ts', model.valenceFolder),
      env: valenceEnv(backend),
    }),
  }
}

function missingKernels(backend: ValenceBackend): string | undefined {
  const kernels = loadAddon()?.kernels() ?? []
  if (backend === 'onnxruntime') return undefined
  if (kernels.length === 0) return 'the native kernels are not built, or not for this processor: node native/build.mjs'
  if (backend === 'native') return undefined
  if (kernels[0] === backend) return `native is ${backend} here`
  return kernels.includes(backend) ? undefined : `this processor has no ${backend}`
}

function transformersJs(dtype: 'fp32' | 'q8', title: string, settings: string): Competitor {
  return {
    id: `transformers-js-${dtype}`,
    title,
    settings,
    missing: (model) => missingCheckpoint(model) ?? missingNpm('@huggingface/transformers'),
    engine: (model) => subject('transformers-js.ts', dtype, folderOf(model)),
  }
}

function python(library: 'optimum' | 'openvino' | 'torch', title: string, settings: string): Competitor {
  return {
    id: library,
    title,
    settings,
    missing: (model) => missingCheckpoint(model) ?? missingPython(),
    engine: (model) => ({
      file: PYTHON,
      args: [join(PEERS, 'peer.py'), library, folderOf(model), WORKLOADS_FILE],
      env: { HF_HUB_OFFLINE: '1' },
    }),
  }
}

const infinity: Competitor = {
  id: 'infinity',
  title: 'infinity-emb',
  settings:
    '`infinity_emb v2 --engine optimum --device cpu`, which its authors recommend for CPUs; it takes the quantised ONNX file by itself and batches up to 32 ' +
    'requests. Its cache of answers is off (`--no-vector-disk-cache`), and so are telemetry and its warm-up, whose texts are longer than these models read. A server only: it has no row for its own process.',
  missing: (model) => missingCheckpoint(model) ?? missingPython(),
  server: (model) => ({
    file: join(PEERS, '.venv', 'bin', 'infinity_emb'),
    // In its folder: by any longer path it looks for the file under that path once more, and finds none.
    args: (
      `v2 --model-id . --served-model-name ${model.name} --engine optimum --device cpu --no-vector-disk-cache --no-model-warmup ` +
      `--host 127.0.0.1 --port ${INFINITY_PORT} --log-level warning`
    ).split(' '),
    cwd: `${folderOf(model)}-infinity`,
    // It keeps its optimised file there under the model's path, which is the same for all.
    env: { HF_HOME: join(MODELS_FOLDER, `infinity-cache-${model.name}`), HF_HUB_OFFLINE: '1', DO_NOT_TRACK: '1' },
    address: INFINITY_PORT,
    request: { path: '/classify', body: 'infinity', model: model.name },
  }),
}

const THIN = 'Over HTTP: node:http, a request at a time as its tutorial for Node does it.'
const ASGI = 'Over HTTP: a bare ASGI app on uvicorn.'

/** In the order of the results. */
export const COMPETITORS: readonly Competitor[] = [
  valence('native', 'Valence, native', 'The best kernels that the processor has.'),
  valence('avx512-vnni', 'Valence, AVX512-VNNI', 'The native kernels without AMX.'),
  valence('onnxruntime', 'Valence, ONNX Runtime', 'What runs where there are no native kernels.'),
  valenceForward('native', 'Valence, native, forward pass alone'),
  valenceForward('avx512-vnni', 'Valence, AVX512-VNNI, forward pass alone'),
  valenceForward('onnxruntime', 'Valence, ONNX Runtime, forward pass alone'),
  transformersJs(
    'q8',
    'transformers.js, q8',
    `\`pipeline('text-classification', model, { dtype: 'q8' })\` on \`model_quantized.onnx\`, quantised as its scripts/quantize.py does. ${THIN}`,
  ),
  transformersJs(
    'fp32',
    'transformers.js, default',
    `\`pipeline('text-classification', model)\`: fp32 in Node. ${THIN}`,
  ),
  {
    id: 'onnxruntime-node',
    title: 'onnxruntime-node',
    settings:
      'The file as ONNX Runtime’s quantisation page asks for transformers: the transformer optimiser (which fuses norms and GELUs, and attention ' +
      'of the BERT but not of the DistilBERT), then `quantize_dynamic` with s8 weights. A default session (all cores, all optimisations), `@huggingface/tokenizers`. Over HTTP: node:http, a request at a time.',
    missing: (model) => missingCheckpoint(model) ?? missingNpm('onnxruntime-node'),
    engine: (model) => subject('onnxruntime.ts', folderOf(model)),
  },
  python(
    'optimum',
    'Optimum, ONNX Runtime',
    `\`ORTQuantizer\` with \`AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=False)\`, as in its quantisation guide. ${ASGI}`,
  ),
  python(
    'openvino',
    'OpenVINO INT8',
    '`nncf.quantize(model_type=TRANSFORMER)`, weights and activations, calibrated on 300 training phrases; one at a time with the LATENCY hint, ' +
      `else the THROUGHPUT hint and as many requests at once as it asks for. ${ASGI}`,
  ),
  infinity,
  python(
    'torch',
    'torch INT8',
    'torchao’s `X86InductorQuantizer`, dynamic, by `torch.export` and `torch.compile` with frozen weights: where torch’s documentation sends those who ' +
      `used torch.ao.quantization, and what it calls the more suitable of the two for BERT. ${ASGI}`,
  ),
]

function missingCheckpoint(model: BenchModel): string | undefined {
  // Written last of all that belongs to a checkpoint.
  const reference = `${folderOf(model)}-reference.json`
  if (!existsSync(reference)) return `${model.name} is not made: bash bench/peers/setup.sh`
  if (model.name === 'distilbert-random') return undefined
  const { source } = JSON.parse(readFileSync(reference, 'utf8')) as { source?: string }
  if (
    source ===
    createHash('sha256')
      .update(readFileSync(join(EMBEDDED_FOLDER, 'model.safetensors')))
      .digest('hex')
  )
    return undefined
  return `${model.name} is of another version of the embedded model: bash bench/peers/setup.sh`
}

function missingNpm(name: string): string | undefined {
  return existsSync(join(PEERS, 'node_modules', name))
    ? undefined
    : `${name} is not installed: bash bench/peers/setup.sh`
}

function missingPython(): string | undefined {
  return existsSync(PYTHON) ? undefined : 'the Python environment is not there: bash bench/peers/setup.sh'
}
