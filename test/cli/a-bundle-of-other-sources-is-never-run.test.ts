import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

/** What `bundle/made-of.mjs` exports; a copy of it looks at the files around itself. */
type MadeOf = { fingerprintOf(files: string[]): string; bundledEntry(): string | undefined }

const PACKAGES = 'node_modules/.package-lock.json'

let root: string
let madeOf: MadeOf

function write(file: string, content: string): void {
  writeFileSync(join(root, file), content)
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'valence-bundle-'))
  for (const folder of ['src', 'node_modules', 'bundle/build']) mkdirSync(join(root, folder), { recursive: true })
  cpSync('bundle/made-of.mjs', join(root, 'bundle/made-of.mjs'))
  write('src/a.ts', 'export const a = 1')
  write(PACKAGES, '{"packages": {}}')
  madeOf = (await import(pathToFileURL(join(root, 'bundle/made-of.mjs')).href)) as MadeOf
  const files = ['src/a.ts']
  write('bundle/build/made-of.json', JSON.stringify({ files, fingerprint: madeOf.fingerprintOf(files) }))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

describe('a bundle', () => {
  test('is run where everything is as it was', () => {
    const fingerprint = madeOf.fingerprintOf(['src/a.ts'])
    expect(madeOf.bundledEntry()).toBe(pathToFileURL(join(root, `bundle/build/${fingerprint}/commands.js`)).href)
  })

  test.each<[string, () => void]>([
    ['a source was changed', () => write('src/a.ts', 'export const a = 2')],
    ['a source is gone', () => rmSync(join(root, 'src/a.ts'))],
    ['other packages were installed', () => write(PACKAGES, '{"packages": {"b": {}}}')],
    ['npm did not install the packages', () => rmSync(join(root, PACKAGES))],
    ['it was never made', () => rmSync(join(root, 'bundle/build'), { recursive: true })],
    ['what is written of it is broken', () => write('bundle/build/made-of.json', '{')],
  ])('is not where %s', (_, change) => {
    change()
    expect(madeOf.bundledEntry()).toBeUndefined()
  })
})
