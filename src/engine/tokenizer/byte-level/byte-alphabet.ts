/** UTF-8 has 256 bytes; the vocabulary writes each as one printable character. */
const BYTES = 256

/** The character that stands for each byte in vocabularies of the byte-level kind, by GPT-2's table. */
export const BYTE_CHARACTERS: readonly string[] = byteCharacters()

/** Bytes that are printable in Latin-1 stand for themselves; the others are U+0100, U+0101 … in order (space is Ġ). */
function byteCharacters(): string[] {
  let next = 0x100
  return Array.from({ length: BYTES }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
}

function isPrintable(byte: number): boolean {
  // 0xAD is the soft hyphen.
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad)
}
