// Builds the native kernels where a C++ compiler is there; npm runs it after it has installed the packages.
//
//   node native/build.mjs                            the addon
//   node native/build.mjs check address,undefined    check/check.cpp with these sanitizers, and runs it
//
// Plain JavaScript, so that any Node from 20 on runs it. Where the addon cannot be built it says why in a line and ends
// well, for Valence runs without.
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const folder = dirname(fileURLToPath(import.meta.url))
const outFolder = join(folder, 'build')
const run = promisify(execFile)
const compiler = process.env.CXX || 'g++'

/** Float operations must not be fused or reordered: all kernels give the same bits. */
const FLAGS = ['-std=c++17', '-ffp-contract=off', '-fPIC', '-fvisibility=hidden', '-pthread', '-Wall', '-Wextra']
/** GCC 12 takes its own AVX-512 headers' deliberate use of undefined registers for mistakes. */
const QUIET = ['-Wno-uninitialized', '-Wno-maybe-uninitialized']
const AVX512 = ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mavx512vnni', '-mfma']
/** A compiler that does not know one of these builds the file without them, and then it has no kernels. */
const FLAGS_OF = {
  'kernels-amx.cpp': [...AVX512, '-mamx-tile', '-mamx-int8'],
  'kernels-avx512-vnni.cpp': AVX512,
  'kernels-avx-vnni.cpp': ['-mavx2', '-mfma', '-mf16c', '-mavxvnni'],
  'kernels-avx2.cpp': ['-mavx2', '-mfma', '-mf16c'],
}
const ADDON = 'addon.cpp'

const sources = readdirSync(folder)
  .filter((name) => /\.(cpp|hpp|mjs)$/.test(name))
  .toSorted()
const kernelSources = sources.filter((name) => name.endsWith('.cpp') && name !== ADDON)

/** @returns what stands in the way, if anything does */
async function obstacle() {
  if (process.platform === 'win32') return 'they are not written for Windows'
  if (process.arch !== 'x64') return `there are none for ${process.arch}`
  try {
    await run(compiler, ['--version'])
  } catch {
    return `there is no ${compiler} here`
  }
  return undefined
}

/** Compiles, all at once, and links; removes what lay between. */
async function compile(names, flags, linkFlags, target) {
  const scratch = mkdtempSync(join(outFolder, 'objects-'))
  const object = (name) => join(scratch, `${name.replace('/', '-')}.o`)
  try {
    await Promise.all(
      names.map(async (name) => {
        const common = [...FLAGS, ...QUIET, ...flags, '-c', join(folder, name), '-o', object(name)]
        const own = FLAGS_OF[name]
        if (!own) return run(compiler, common)
        return run(compiler, [...own, ...common]).catch(() => run(compiler, common))
      }),
    )
    // Linked aside and then renamed, so that nobody loads half a file.
    await run(compiler, [...linkFlags, '-pthread', '-o', join(scratch, 'target'), ...names.map(object)])
    renameSync(join(scratch, 'target'), target)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** What the addon is made of; it is built again only where this changes. */
function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${compiler}`)
  for (const name of sources) hash.update(name).update(readFileSync(join(folder, name)))
  return hash.digest('hex').slice(0, 16)
}

async function buildAddon() {
  const target = join(outFolder, `valence-${fingerprint()}.node`)
  if (existsSync(target)) return 'up to date'
  const before = existsSync(outFolder) ? readdirSync(outFolder).filter((name) => name.endsWith('.node')) : []
  // Kernels of other sources than these must not be loaded, whether new ones can be built or not.
  for (const old of before) rmSync(join(outFolder, old))
  const reason = await obstacle()
  if (reason) return `not built, ${reason}; ONNX Runtime does the work`
  mkdirSync(outFolder, { recursive: true })
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir
  const link = process.platform === 'darwin' ? ['-dynamiclib', '-undefined', 'dynamic_lookup'] : ['-shared']
  try {
    await compile([ADDON, ...kernelSources], ['-O3', '-DNAPI_VERSION=8', `-I${headers}`], link, target)
  } catch (error) {
    const log = join(outFolder, 'build.log')
    writeFileSync(log, String(error.stderr ?? error))
    return `not built, ${compiler} failed (native/build/build.log has its words); ONNX Runtime does the work`
  }
  return 'built'
}

/** @returns the exit code */
async function check(sanitizers) {
  const reason = await obstacle()
  if (reason) {
    console.log(`native kernels: not checked, ${reason}`)
    return 0
  }
  mkdirSync(outFolder, { recursive: true })
  const target = join(outFolder, `check-${sanitizers.replaceAll(',', '-')}`)
  const flags = [`-fsanitize=${sanitizers}`, '-fno-sanitize-recover=all']
  await compile([...kernelSources, 'check/check.cpp'], ['-O1', '-g', ...flags], flags, target)
  return spawnSync(target, { stdio: 'inherit' }).status ?? 1
}

const [command, sanitizers] = process.argv.slice(2)
if (command === 'check') process.exitCode = await check(sanitizers)
else console.log(`native kernels: ${await buildAddon()}`)
