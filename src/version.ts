import packageJson from '../package.json' with { type: 'json' }
import type { HubOptions } from './catalog/hub/options.ts'
import type { Config } from './config.ts'

export const VERSION: string = packageJson.version

/** How Valence reaches the Hub. */
export function hubOptions({ hub }: Config): HubOptions {
  return { ...hub, userAgent: `valence/${VERSION}` }
}
