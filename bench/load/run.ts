import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { compiled } from '../compiled.ts'
import type { LoadJob, LoadReport } from './job.ts'

export const SOURCE = fileURLToPath(new URL('generate.cpp', import.meta.url))
/** What a server may take for what is under way when the time is over. */
const DRAIN_MS = 300_000
/** A latency is some ten characters in JSON. */
const MOST_OUTPUT = 256 * 2 ** 20
/** As JSON has it; it stands in no text of ours. */
const RUNNING_NUMBER = '\\u0000'

/**
 * Runs the load generator in a process of its own.
 *
 * @throws Error where there is no compiler for it
 */
export async function runLoad(job: LoadJob): Promise<LoadReport> {
  const program = await compiled(SOURCE)
  const running = promisify(execFile)(program, {
    timeout: job.seconds * 1000 + DRAIN_MS,
    maxBuffer: MOST_OUTPUT,
  })
  running.child.stdin!.end(written(job))
  const { stdout } = await running
  return JSON.parse(stdout) as LoadReport
}

/** A job as generate.cpp reads it. */
function written({ url, request, headers = [], texts, start, seconds, numbered = false, arrivals }: LoadJob): Buffer {
  const { hostname, port, host } = new URL(url)
  const settings = { host: hostname, port, seconds, start, numbered: Number(numbered), ...arrivals }
  const lines = [
    `POST ${request.path} HTTP/1.1`,
    `host: ${host}`,
    ...headers,
    'content-type: application/json',
    'content-length: ',
  ]
  const head = Buffer.from(lines.join('\r\n'))
  const bodies = texts.map((text) => bodyOf(request, text).map((part) => Buffer.from(part)))
  return Buffer.concat([
    Buffer.from(
      Object.entries(settings)
        .map(([name, value]) => `${name} ${value}\n`)
        .join(''),
    ),
    Buffer.from(`head ${head.length}\n`),
    head,
    Buffer.from(`\nbodies ${bodies.length}\n`),
    ...bodies.flatMap((parts) => [Buffer.from(`${parts.map(({ length }) => length).join(' ')}\n`), ...parts]),
  ])
}

/** @returns what stands before and after the running number */
function bodyOf({ body, model }: LoadJob['request'], text: string): string[] {
  const marked = `${text}\u0000`
  return JSON.stringify(body === 'infinity' ? { model, input: [marked] } : { inputs: marked }).split(RUNNING_NUMBER)
}
