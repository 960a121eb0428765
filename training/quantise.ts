/**
 * Writes a fine-tuned checkpoint as INT8, under the same names: `node training/quantise.ts <fp32 folder> <out folder>`.
 *
 * It is what `valence convert` writes, without the golden texts, which golden.ts adds.
 */
import { writeConverted } from '../src/convert/write.ts'

const [from, to] = process.argv.slice(2)
if (!from || !to) throw new Error('usage: node training/quantise.ts <fp32 folder> <out folder>')
writeConverted(from, to)
