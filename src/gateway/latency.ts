/** How long a text takes of late: a mean in which each new figure weighs a tenth. */
export type Latency = { took(ms: number, texts: number): void; ms(): number | undefined }

const WEIGHT_OF_NEW = 0.1

export function createLatency(): Latency {
  let mean: number | undefined
  return {
    took(ms, texts) {
      const each = ms / texts
      mean = mean === undefined ? each : mean + WEIGHT_OF_NEW * (each - mean)
    },
    ms: () => mean,
  }
}
