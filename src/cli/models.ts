import { defineCommand } from 'citty'
import { CATALOG } from '../catalog/catalog.ts'
import { findModelFolder } from '../catalog/folder.ts'
import { configFrom, refuseArguments, SETTING_FLAGS } from './settings.ts'

const ARGS = {
  json: { type: 'boolean', description: 'print one JSON object a line' },
  'models-dir': SETTING_FLAGS['models-dir']!,
  'strict-models': SETTING_FLAGS['strict-models']!,
} as const

export const models = defineCommand({
  meta: { name: 'models', description: 'List the models, their aliases, and where their weights are' },
  args: ARGS,
  run({ args }) {
    const config = configFrom(args, ARGS)
    refuseArguments('models', args)
    const absent = config.strictModels ? 'requests for it are refused' : 'the embedded model answers in its place'
    for (const model of CATALOG) {
      const folder = findModelFolder(model, config.modelsDir)
      if (args.json) {
        const { id, aliases, description, labels } = model
        console.log(JSON.stringify({ id, aliases, description, labels, folder: folder ?? null }))
        continue
      }
      console.log(`${model.id}\n  ${model.description}`)
      console.log(`  aliases: ${model.aliases.join(', ')}`)
      console.log(`  weights: ${folder ?? `not here; ${absent}`}\n`)
    }
  },
})
