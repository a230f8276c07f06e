import type { Config } from '../../config/index.ts'
import { isNarrow, type Scope } from '../../fleet/index.ts'
import { InventoryCache, type InventoryOptions, type Reader } from '../../inventory/index.ts'
import { inventoryParts, type OnFailure } from '../views.ts'

/** What an inventory is made of beside what the configuration says of views, networks and profiles. */
export interface InventorySurroundings extends Omit<
  InventoryOptions,
  'labelGroups' | 'views' | 'networks' | 'profiles' | 'shrink'
> {
  readonly onFailure: OnFailure
}

/**
 * The inventory that is served now. A changed configuration builds a second one beside it, which takes its place when it is rendered
 * completely: until then readers get the old one, and a view whose hosts are the same keeps its ETag.
 */
export class CurrentInventory implements Disposable {
  readonly #around: InventorySurroundings
  #config: Config
  #cache: InventoryCache

  constructor(config: Config, around: InventorySurroundings) {
    this.#around = around
    this.#config = config
    this.#cache = this.#build(config)
  }

  /** The inventory to read from now; another object after `become()`. Do not keep it. */
  get cache(): InventoryCache {
    return this.#cache
  }

  /**
   * Rebuilds the inventory for the views, networks and profiles of `config`, in short steps so that requests are answered meanwhile.
   * Resolves when the new one serves. Rejects when it can not be built; then the old one goes on serving. Where nothing of that is other,
   * and nobody may see another part of the fleet, the same goes on, and still knows its past documents.
   */
  async become(config: Config): Promise<void> {
    if (shownBy(config) === shownBy(this.#config)) {
      this.#config = config
      return
    }
    const next = this.#build(config)
    try {
      await next.prepare()
    } catch (error) {
      next[Symbol.dispose]()
      throw error
    }
    next.succeed(this.#cache, readersOf(this.#config, config))
    this.#cache[Symbol.dispose]()
    this.#cache = next
    this.#config = config
  }

  /** What `cache.believed()` may tell of by this configuration: views, and what its tokens may see of them. */
  get guarded(): ReadonlySet<string> {
    return this.#cache.guardedPages(this.#config.http.tokens.flatMap(token => partOf(token) ?? []))
  }

  [Symbol.dispose](): void {
    this.#cache[Symbol.dispose]()
  }

  #build(config: Config): InventoryCache {
    const { onFailure, ...around } = this.#around
    return new InventoryCache({ ...around, ...inventoryParts(config, onFailure) })
  }
}

/** Says what of a configuration an inventory is made of, and which parts of it are seen: the same for the same. */
function shownBy({ inventory, profiles, http }: Config): string {
  const parts = http.tokens.flatMap(token => {
    const part = partOf(token)
    return part === undefined ? [] : [[token.name, part]]
  })
  return JSON.stringify([inventory, profiles, parts])
}

type Tokens = Pick<Config, 'http'>

/** Who reads a part of the fleet by a token, and what those of the same name could read before. Pure. */
function readersOf(before: Tokens, after: Tokens): readonly Reader[] {
  const known = new Map(before.http.tokens.map(token => [token.name, token]))
  return after.http.tokens.map(token => ({ before: partOf(known.get(token.name) ?? token), after: partOf(token) }))
}

function partOf({ clusters = [], namespaces = [] }: Partial<Scope>): Scope | undefined {
  return isNarrow({ clusters, namespaces }) ? { clusters, namespaces } : undefined
}
