import type { Observed } from '../kube/index.ts'
import { byTime, type Deed, type DeedKind, type Deeds, MAX_ENDED } from '../vm/index.ts'

/**
 * What has ended of the deeds of a cluster's VMs: at most `MAX_ENDED` of each kind and VM, the newest. What is under way, and what is
 * done to nothing, takes no room. A kind is known from its first list on; while it can not be read, what was known of it stays.
 */
export class DeedBook {
  readonly #ended = new Map<DeedKind, Map<string, readonly Deed[]>>()

  /** Takes in what a reflector said of a kind; gives the keys of the VMs for which something may have changed. */
  take(kind: DeedKind, observed: Observed<Deed>): readonly string[] {
    if (observed.kind === 'listed') return this.#list(kind, [...observed.objects.values()])
    if (observed.kind !== 'changed' && observed.kind !== 'gone') return []
    const { object } = observed
    const pages = this.#ended.get(kind)
    if (pages === undefined || object.vm === '') return []
    const others = (pages.get(object.vm) ?? []).filter(deed => deed.uid !== object.uid)
    const page = observed.kind === 'changed' ? [...others, object] : others
    return put(pages, object.vm, page) ? [object.vm] : []
  }

  /** What has ended of one VM's deeds, by kind; a kind that was never listed is left out. */
  of(key: string): Deeds {
    return Object.fromEntries([...this.#ended].map(([kind, pages]) => [kind, pages.get(key) ?? []]))
  }

  #list(kind: DeedKind, deeds: readonly Deed[]): readonly string[] {
    const before = this.#ended.get(kind)
    const pages = new Map<string, readonly Deed[]>()
    for (const [vm, page] of Map.groupBy(deeds, deed => deed.vm)) if (vm !== '') put(pages, vm, page)
    this.#ended.set(kind, pages)
    return [...new Set([...(before?.keys() ?? []), ...pages.keys()])]
  }
}

/** True when what has ended is other than before. */
function put(pages: Map<string, readonly Deed[]>, vm: string, deeds: readonly Deed[]): boolean {
  const before = pages.get(vm) ?? []
  const ended = deeds
    .filter(deed => deed.outcome !== '')
    .sort(byTime)
    .slice(-MAX_ENDED)
  if (ended.length === 0) pages.delete(vm)
  else pages.set(vm, ended)
  return JSON.stringify(before) !== JSON.stringify(ended)
}
