// Puts the two thousand files of a start, ours and the packages', into a few; npm runs it after it has installed the packages.
//
//   node bundle/build.mjs
//
// Whoever changes a file of ours runs the sources from then on, until this is run again. Where there can be no bundle it says why in a
// line and ends well, for Valence runs without.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { BUILD_FOLDER, fingerprintOf, MADE_OF, ROOT } from './made-of.mjs'

/** They bring files of their own, which they find beside themselves. */
const WITH_FILES = ['@electric-sql/pglite', 'fs-native-extensions', 'onnxruntime-node']

/** Packages of CommonJS ask for these; an ES module has none. */
const COMMONJS = [
  "import { createRequire as __createRequire } from 'node:module'",
  'const require = __createRequire(import.meta.url)',
  'const __filename = import.meta.filename',
  'const __dirname = import.meta.dirname',
].join('\n')

/** A file of ours finds others by its own address, which is to stay that of the source: threads, the kernels, the embedded model. */
const addressesStay = {
  name: 'addresses stay',
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8')
      if (path.includes('node_modules') || !source.includes('import.meta.url')) return undefined
      // From bundle/build/<fingerprint>/.
      const address = `../../../${relative(ROOT, path).replaceAll('\\', '/')}`
      const contents = source.replaceAll('import.meta.url', `new URL('${address}', import.meta.url).href`)
      return { contents, loader: 'ts' }
    })
  },
}

/** @returns the files of ours that went into it, below the root */
async function bundleInto(folder) {
  const { build } = await import('esbuild')
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/cli/commands.ts'],
    outdir: folder,
    bundle: true,
    // A command's files are read when it is asked for.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    sourcemap: true,
    metafile: true,
    logLevel: 'silent',
    external: WITH_FILES,
    banner: { js: COMMONJS },
    plugins: [addressesStay],
  })
  return Object.keys(metafile.inputs).filter((path) => !path.startsWith('node_modules/'))
}

async function makeBundle() {
  mkdirSync(BUILD_FOLDER, { recursive: true })
  const before = readdirSync(BUILD_FOLDER)
  // Made aside and then renamed, so that nobody runs half of one.
  const scratch = mkdtempSync(join(BUILD_FOLDER, 'scratch-'))
  try {
    const files = (await bundleInto(join(scratch, 'code'))).toSorted()
    const fingerprint = fingerprintOf(files)
    rmSync(BUILD_FOLDER + fingerprint, { recursive: true, force: true })
    renameSync(join(scratch, 'code'), BUILD_FOLDER + fingerprint)
    writeFileSync(join(scratch, 'made-of.json'), JSON.stringify({ fingerprint, files }))
    renameSync(join(scratch, 'made-of.json'), MADE_OF)
    for (const old of before) if (![fingerprint, 'made-of.json'].includes(old)) rmSync(BUILD_FOLDER + old, { recursive: true })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

try {
  await makeBundle()
  console.log('bundle: made')
} catch (error) {
  console.log(`bundle: not made, the sources are run as they are: ${String(error.message).split('\n', 1)[0]}`)
}
