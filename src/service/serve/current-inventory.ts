import type { Config } from '../../config/index.ts'
import { InventoryCache, type InventoryOptions } from '../../inventory/index.ts'
import { inventoryParts, type OnFailure } from '../views.ts'

/** What an inventory is made of beside what the configuration says of views, networks and profiles. */
export interface InventorySurroundings extends Omit<
  InventoryOptions,
  'labelGroups' | 'views' | 'networks' | 'profiles'
> {
  readonly onFailure: OnFailure
}

/**
 * The inventory that is served now. A changed configuration builds a second one beside it, which takes its place when it is rendered
 * completely: until then readers get the old one, and a view whose hosts are the same keeps its ETag.
 */
export class CurrentInventory implements Disposable {
  readonly #around: InventorySurroundings
  #cache: InventoryCache

  constructor(config: Config, around: InventorySurroundings) {
    this.#around = around
    this.#cache = this.#build(config)
  }

  /** The inventory to read from now; another object after `become()`. Do not keep it. */
  get cache(): InventoryCache {
    return this.#cache
  }

  /**
   * Rebuilds the inventory for the views, networks and profiles of `config`, in short steps so that requests are answered meanwhile.
   * Resolves when the new one serves. Rejects when it can not be built; then the old one goes on serving.
   */
  async become(config: Config): Promise<void> {
    const next = this.#build(config)
    try {
      await next.prepare()
    } catch (error) {
      next[Symbol.dispose]()
      throw error
    }
    next.succeed(this.#cache)
    this.#cache[Symbol.dispose]()
    this.#cache = next
  }

  [Symbol.dispose](): void {
    this.#cache[Symbol.dispose]()
  }

  #build(config: Config): InventoryCache {
    const { onFailure, ...around } = this.#around
    return new InventoryCache({ ...around, ...inventoryParts(config, onFailure) })
  }
}
