/**
 * The seam between the scheduler and whatever computes the forward pass: ONNX Runtime now, native kernels later.
 *
 * A backend holds one model, lives in a worker thread and may block it. What it promises: a text's logits depend on the
 * text's own tokens alone, to the last bit, whatever else is in the pack.
 */
export type Backend = {
  /** @returns one answer a text, in the pack's order */
  run(pack: readonly EncodedText[]): Promise<PackAnswer[]>
}

/** A text as the network takes it; both arrays have one entry a token. */
export type EncodedText = { ids: Int32Array; typeIds: Int32Array }

export type PackAnswer = {
  /** [labels] */
  logits: Float32Array
  inferenceMs: number
}
