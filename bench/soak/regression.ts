/** A point of a series: how many calls were made, and how many bytes the process then had. */
export type Sample = { calls: number; bytes: number }

/** The slope of the straight line through the samples, by least squares: bytes per call. */
export function bytesPerCall(samples: readonly Sample[]): number {
  const meanCalls = mean(samples.map(({ calls }) => calls))
  const meanBytes = mean(samples.map(({ bytes }) => bytes))
  let covariance = 0
  let variance = 0
  for (const { calls, bytes } of samples) {
    covariance += (calls - meanCalls) * (bytes - meanBytes)
    variance += (calls - meanCalls) ** 2
  }
  return covariance / variance
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
