import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Puts a WordPiece vocabulary of `size` words into a folder that has weights alone. */
export function writeTinyTokenizer(folder: string, size: number): void {
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
  const words = Array.from({ length: size - special.length }, (_, index) => `w${index}`)
  writeFileSync(join(folder, 'vocab.txt'), `${[...special, ...words].join('\n')}\n`)
  writeFileSync(
    join(folder, 'tokenizer_config.json'),
    '{"do_lower_case": true, "tokenizer_class": "DistilBertTokenizer"}',
  )
}
