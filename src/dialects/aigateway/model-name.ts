import { DEFAULT_MODEL_ID } from '../../catalog/catalog.ts'

/** A router that picks a model has one to pick here. */
const AUTOMATIC = ['auto', 'auto/text']

/** The model that a body names, or leaves to us. */
export function modelName(name: string | null | undefined): string {
  return name === undefined || name === null || AUTOMATIC.includes(name) ? DEFAULT_MODEL_ID : name
}
