// Builds the native kernels where a C++ compiler is there: `node native/build.mjs`. Plain JavaScript, so that any Node from
// 20 on runs it. Prints one line; where it cannot build, it says why and ends well, for Valence runs without.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const folder = dirname(fileURLToPath(import.meta.url))
const outFolder = join(folder, 'build')
const run = promisify(execFile)

/** Float operations must not be fused or reordered: all kernels give the same bits. */
const FLAGS = ['-std=c++17', '-O3', '-ffp-contract=off', '-fPIC', '-fvisibility=hidden', '-pthread', '-Wall', '-Wextra']
/** GCC 12 takes its own AVX-512 headers' deliberate use of undefined registers for mistakes. */
const QUIET = ['-Wno-uninitialized', '-Wno-maybe-uninitialized']
const AVX512 = ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mavx512vnni', '-mfma']
/** A compiler that does not know one of these builds the file without them, and then it has no kernels. */
const FLAGS_OF = {
  'kernels-amx.cpp': [...AVX512, '-mamx-tile', '-mamx-int8'],
  'kernels-avx512-vnni.cpp': AVX512,
  'kernels-avx-vnni.cpp': ['-mavx2', '-mfma', '-mavxvnni'],
  'kernels-avx2.cpp': ['-mavx2', '-mfma'],
}

/** What the addon is made of; it is built again only if this changes. */
function fingerprint(sources) {
  const hash = createHash('sha256').update(process.platform + process.arch)
  for (const name of sources) hash.update(name).update(readFileSync(join(folder, name)))
  return hash.digest('hex').slice(0, 16)
}

/**
 * @param {{ sanitize?: string[] }} [options] compiler flags of a sanitizer; `skip` files
 * @returns {Promise<{ path?: string, built: boolean, reason?: string }>}
 */
export async function build() {
  if (process.arch !== 'x64') return { built: false, reason: `there are no kernels for ${process.arch}` }
  const sources = readdirSync(folder).filter((name) => /\.(cpp|hpp|mjs)$/.test(name)).sort()
  const path = join(outFolder, `valence-${fingerprint(sources)}.node`)
  if (existsSync(path)) return { path, built: false }
  const compiler = process.env.CXX || 'g++'
  try {
    await run(compiler, ['--version'])
  } catch {
    return { built: false, reason: `there is no ${compiler} here` }
  }
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir
  const scratch = join(outFolder, `objects-${process.pid}`)
  mkdirSync(scratch, { recursive: true })
  try {
    const objects = await Promise.all(
      sources.filter((name) => name.endsWith('.cpp')).map((name) => compile(compiler, headers, name, scratch)),
    )
    const fresh = join(scratch, 'valence.node')
    const shared = process.platform === 'darwin' ? ['-dynamiclib', '-undefined', 'dynamic_lookup'] : ['-shared']
    await run(compiler, [...shared, '-pthread', '-o', fresh, ...objects])
    for (const old of readdirSync(outFolder)) if (old.endsWith('.node')) rmSync(join(outFolder, old))
    renameSync(fresh, path)
  } catch (error) {
    const log = join(outFolder, 'build.log')
    writeFileSync(log, String(error.stderr ?? error))
    return { built: false, reason: `the compiler failed; native/build/build.log has its words` }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return { path, built: true }
}

async function compile(compiler, headers, name, scratch) {
  const object = join(scratch, `${name}.o`)
  const common = [...FLAGS, ...QUIET, '-DNAPI_VERSION=8', `-I${headers}`, '-c', join(folder, name), '-o', object]
  try {
    await run(compiler, [...(FLAGS_OF[name] ?? []), ...common])
  } catch (error) {
    if (!FLAGS_OF[name]) throw error
    await run(compiler, common)
  }
  return object
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { built, path, reason } = await build()
  console.log(reason ? `native kernels: not built (${reason}); ONNX Runtime does the work` : `native kernels: ${built ? 'built' : 'up to date'}`)
  if (path === undefined && existsSync(outFolder) === false) process.exitCode = 0
}
