import { readFileSync } from 'node:fs'
import { createRequire, findPackageJSON } from 'node:module'

const PEERS = new URL('../peers/', import.meta.url)
const require = createRequire(PEERS)

/** Loads a package of bench/peers, which Valence itself does not have; the caller says what it takes of it. */
export function loadPeer(name: string): unknown {
  return require(name)
}

export function versionOf(name: string): string {
  const file = findPackageJSON(name, PEERS)
  if (file === undefined) throw new Error(`${name} is not installed in bench/peers`)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
