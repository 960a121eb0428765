import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

const VIRTUAL_ENVIRONMENT = ['.venv/bin/python', '.venv/Scripts/python.exe']

/**
 * The interpreter that has the Python clients: the one that VALENCE_PYTHON names, else that of the virtual environment in
 * the repository's root. undefined where there is neither: the caller skips its tests then.
 */
export const PYTHON: string | undefined =
  process.env.VALENCE_PYTHON || VIRTUAL_ENVIRONMENT.find((path) => existsSync(path))

/** Says in one line, on a run that leaves the Python tests out, how to have them. */
export function warnWithoutPython(): void {
  if (PYTHON === undefined)
    console.warn(
      'Skipped the tests with Python: python3 -m venv .venv && .venv/bin/pip install -r test/clients/python/requirements.txt',
    )
}

export type Ended = { code: number | null; stdout: string; stderr: string }

/** The machine's proxy must not come between a client and a server of the tests. */
const WITHOUT_PROXY = { NO_PROXY: '127.0.0.1,localhost', no_proxy: '127.0.0.1,localhost' }

/** Runs a program to its end; it does not judge the exit code. */
export function runToEnd(command: string, args: string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...WITHOUT_PROXY, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => (stdout += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk) => (stderr += chunk))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
