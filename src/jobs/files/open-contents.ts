import { join } from 'node:path'
import type { Store } from '../../store/store.ts'
import { createChunkContents } from './chunk-contents.ts'
import type { Contents } from './contents.ts'
import { openDiskContents } from './disk-contents.ts'

/** The folder of contents, in the data directory of an embedded store. */
const FOLDER = 'files'

/** Contents lie beside an embedded store, which is this machine's as they are, and in the rows of one that machines share. */
export async function openContents({ kind, db }: Pick<Store, 'kind' | 'db'>, dataDir: string): Promise<Contents> {
  return kind === 'embedded' ? openDiskContents(join(dataDir, FOLDER)) : createChunkContents({ db })
}
