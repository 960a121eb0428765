/** One line on a terminal that says how far a long run is; nothing in a pipe. */
export type Progress = {
  /** @param doing what is done now */
  step(doing: string): void
  /** prints a line that stays, in a pipe as well */
  note(line: string): void
  end(): void
}

const CLEAR_LINE = '\r\x1b[2K'

export function createProgress(total: number): Progress {
  const shown = process.stderr.isTTY
  const began = performance.now()
  let done = 0
  return {
    step(doing) {
      if (!shown) return
      const leftMs = done === 0 ? undefined : ((performance.now() - began) / done) * (total - done)
      const left = leftMs === undefined ? '' : `, ${Math.ceil(leftMs / 60_000)} min left`
      process.stderr.write(`${CLEAR_LINE}${done} of ${total}${left}: ${doing}`)
      done++
    },
    note: (line) => void process.stderr.write(`${shown ? CLEAR_LINE : ''}${line}\n`),
    end: () => void (shown && process.stderr.write(CLEAR_LINE)),
  }
}
