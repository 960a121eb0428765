import type { CatalogModel } from '../catalog/catalog.ts'
import type { ModelStatus } from './models.ts'

/** How long a request waits for a model that is not loaded. */
export type Patience = {
  /** whether it waits for as long as a request may take, rather than for as long as the operator holds requests */
  waitsForModel?: boolean | undefined
  /** whether the model may be loaded because of it; true where the client does not say */
  mayLoad?: boolean | undefined
}

/** A model that stays loaded until it is released. */
export type Held = { model: CatalogModel; release(): void }

/** Models that are loaded when somebody asks for them, and leave when others need their memory. */
export type ModelsOnDemand = {
  /** @returns undefined where there is no such model here and none may be brought */
  status(name: string): ModelStatus | undefined
  /** whether a model is one of these, wherever its status was found */
  brings(status: ModelStatus): boolean
  /**
   * Loads a model, unless it is, and keeps it there.
   *
   * @throws ValenceError `model_not_found`, `model_loading` where that takes too long, `model_unavailable`, `busy`,
   *   `shutting_down`; the signal's reason where it is aborted
   */
  hold(name: string, options: Patience & { signal: AbortSignal }): Promise<Held>
  /** Stops what is on its way. */
  close(): Promise<void>
}
