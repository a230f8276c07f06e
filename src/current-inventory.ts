import type { Config } from './config/index.ts'
import { InventoryCache, type InventoryOptions } from './inventory/index.ts'
import { inventoryParts, type OnFailure } from './views.ts'

/** What an inventory is made from beside the configuration. */
export interface InventorySurroundings extends Omit<
  InventoryOptions,
  'labelGroups' | 'views' | 'networks' | 'profiles'
> {
  readonly onFailure: OnFailure
}

/**
 * The inventory that is served: another configuration makes another one, which takes the place of the first when it is complete. Who
 * reads meanwhile keeps the document that it has, and equal hosts have equal ETags in both.
 */
export class CurrentInventory implements Disposable {
  readonly #around: InventorySurroundings
  #cache: InventoryCache

  constructor(config: Config, around: InventorySurroundings) {
    this.#around = around
    this.#cache = this.#build(config)
  }

  /** The one that counts now. */
  get cache(): InventoryCache {
    return this.#cache
  }

  /**
   * Takes over what the configuration says of views, networks and profiles. What it takes is done in short pieces, and until it is done the old one
   * counts. Rejects when it can not, and is then as it was.
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
