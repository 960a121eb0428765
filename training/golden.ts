/**
 * Adds golden texts to a folder that quantise.ts wrote: `node training/golden.ts <fp32 folder> <INT8 folder>`.
 */
import { addGolden } from '../src/convert/convert.ts'

const [from, to] = process.argv.slice(2)
if (!from || !to) throw new Error('usage: node training/golden.ts <fp32 folder> <INT8 folder>')
await addGolden(from, to)
