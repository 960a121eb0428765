import { defineCommand } from 'citty'
import { CATALOG } from '../catalog/catalog.ts'
import { findModelFolder, type ModelLocation } from '../catalog/folder.ts'
import { findSnapshot, reposInCache } from '../catalog/hub/snapshots.ts'
import { folderBytes, isCompleteFolder } from '../catalog/wanted-files.ts'
import { configFrom, refuseArguments, SETTING_FLAGS } from './settings.ts'

const ARGS = {
  json: { type: 'boolean', description: 'print one JSON object a line' },
  'models-dir': SETTING_FLAGS['models-dir']!,
  'strict-models': SETTING_FLAGS['strict-models']!,
} as const

export const models = defineCommand({
  meta: { name: 'models', description: 'List the models, their aliases, and what of them is on disk' },
  args: ARGS,
  run({ args }) {
    const { modelsDir, strictModels, hub } = configFrom(args, ARGS)
    refuseArguments('models', args)
    const absent = strictModels ? 'requests for it are refused' : 'the embedded model answers in its place'
    for (const model of CATALOG) {
      const onDisk = described(findModelFolder(model, { modelsDir, hubCacheDir: hub.cacheDir }))
      if (args.json) {
        const { id, aliases, description, labels } = model
        console.log(JSON.stringify({ id, aliases, description, labels, ...onDisk }))
        continue
      }
      console.log(`${model.id}\n  ${model.description}`)
      console.log(`  aliases: ${model.aliases.join(', ')}`)
      console.log(`  weights: ${inWords(onDisk) ?? `not here; ${absent}`}\n`)
    }
    for (const repo of othersInCache(hub.cacheDir)) {
      const onDisk = described(repo.location)
      if (args.json) console.log(JSON.stringify({ id: repo.id, ...onDisk }))
      else console.log(`${repo.id}\n  in the cache, not in the catalog\n  weights: ${inWords(onDisk)}\n`)
    }
  },
})

type OnDisk = { folder: string | null; place: string | null; commit: string | null; bytes: number | null }

function described(location: ModelLocation | undefined): OnDisk {
  if (location === undefined) return { folder: null, place: null, commit: null, bytes: null }
  const { folder, place, commit } = location
  return { folder, place, commit: commit ?? null, bytes: folderBytes(folder) }
}

function inWords({ folder, commit, bytes }: OnDisk): string | undefined {
  if (folder === null) return undefined
  const revision = commit === null ? '' : `, revision ${commit}`
  return `${folder} (${((bytes ?? 0) / 1e6).toFixed(1)} MB${revision})`
}

/** Whole models in the cache that no name of the catalog's means. */
function othersInCache(cacheDir: string): { id: string; location: ModelLocation }[] {
  const known = new Set(CATALOG.flatMap(({ id, aliases }) => [id, ...aliases]))
  return reposInCache(cacheDir)
    .filter((repo) => !known.has(repo))
    .flatMap((id) => {
      const snapshot = findSnapshot(cacheDir, id, isCompleteFolder)
      return snapshot ? [{ id, location: { ...snapshot, place: 'cache' as const } }] : []
    })
}
