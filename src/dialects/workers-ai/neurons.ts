/** What Cloudflare counts for a million tokens that this model reads, as published. */
const NEURONS_PER_MILLION_TOKENS = 2394

/** Cloudflare's unit of account for so many input tokens. 1,000 of them cost 0.011 dollars there. */
export function neuronsOf(tokens: number): number {
  return (tokens * NEURONS_PER_MILLION_TOKENS) / 1_000_000
}
