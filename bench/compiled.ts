import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const OUT = fileURLToPath(new URL('out/', import.meta.url))
const COMPILE_WITHIN_MS = 60_000

const run = promisify(execFile)

/**
 * Compiles one of the bench's own programs, once for what its source says.
 *
 * @param source a file of C++
 * @returns the program's path
 * @throws Error that says in a line why there is none
 */
export async function compiled(source: string): Promise<string> {
  const name = basename(source, '.cpp')
  const fingerprint = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)
  const program = join(OUT, `${name}-${fingerprint}`)
  if (existsSync(program)) return program
  mkdirSync(OUT, { recursive: true })
  const unfinished = `${program}.${process.pid}`
  try {
    await run('g++', ['-O2', '-std=c++17', '-Wall', '-Wextra', '-pthread', '-o', unfinished, source], {
      timeout: COMPILE_WITHIN_MS,
    })
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new Error(isMissing ? 'there is no g++' : `g++ could not compile ${name}.cpp`, { cause })
  }
  renameSync(unfinished, program)
  return program
}
