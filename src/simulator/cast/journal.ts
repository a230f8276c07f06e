import { CONFIG_MAPS } from '../kube/resource.ts'
import type { Store } from '../kube/store.ts'

const REF = { namespace: 'virtbridge-demo', name: 'journal' }

/** Counters that outlive the process, kept in a ConfigMap of a simulated cluster: which act comes next, whether it is peopled. */
export class Journal {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** A counter that was never set is 0. */
  read(counter: string): number {
    const data = this.#store.get(CONFIG_MAPS, REF)?.['data'] as Readonly<Record<string, string>> | undefined
    return Number(data?.[counter] ?? '0')
  }

  write(counter: string, value: number): void {
    const data = { [counter]: String(value) }
    if (this.#store.get(CONFIG_MAPS, REF) !== null) {
      this.#store.patch(CONFIG_MAPS, REF, { data })
      return
    }
    this.#store.ensureNamespace(REF.namespace)
    this.#store.create(CONFIG_MAPS, { metadata: REF, data })
  }
}
