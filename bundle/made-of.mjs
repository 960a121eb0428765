// What the bundle was made of, so that one of other sources is never run. Plain JavaScript, for the start and the build alike.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../', import.meta.url))
export const BUILD_FOLDER = fileURLToPath(new URL('build/', import.meta.url))

/** Names the folder of the bundle, the files of ours that are in it, and their fingerprint. */
export const MADE_OF = `${BUILD_FOLDER}made-of.json`

/** npm writes it when it installs: which packages there are, and what was in them. */
const PACKAGES = 'node_modules/.package-lock.json'

/**
 * @param {string[]} files below the root
 * @returns {string} another one where any of them or a package is another one
 */
export function fingerprintOf(files) {
  const hash = createHash('sha256')
  for (const file of [...files, PACKAGES]) hash.update(file).update(readFileSync(ROOT + file))
  return hash.digest('hex').slice(0, 16)
}

/** @returns {string | undefined} the address of the command line's bundle, where there is one and it was made of what is here now */
export function bundledEntry() {
  try {
    const { files, fingerprint } = JSON.parse(readFileSync(MADE_OF, 'utf8'))
    return fingerprintOf(files) === fingerprint ? new URL(`build/${fingerprint}/commands.js`, import.meta.url).href : undefined
  } catch {
    return undefined
  }
}
