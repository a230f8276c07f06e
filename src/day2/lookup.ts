import type { Controller, ControllerHost, Inventory, Template } from '../aap/index.ts'
import type { Clocks } from '../clocks.ts'
import type { Needs } from './verb-policy.ts'

/** Where the bridge's things are in the controller. */
export interface Place {
  readonly organization: string
  readonly inventory: string
  readonly source: string
  /** The inventory of verbs that need the VM alone, in which stopped VMs are enabled too. Left out: no verb needs so little. */
  readonly beside?: { readonly inventory: string; readonly source: string }
}

/** The inventory, and its source, that verbs of such a need run on. */
export function placeOf({ inventory, source, beside }: Place, needs: Needs): Required<Place>['beside'] {
  return needs === 'vm' && beside !== undefined ? beside : { inventory, source }
}

/** Inventory and templates are believed to be what they were for so long at most. */
export const LOOKUP_AGE_MS = 60_000
/** Hosts are read once for the launches of one turn. */
const HOSTS_AGE_MS = 1_000

interface Found<T> {
  readonly now: number
  readonly steady: number
  readonly value: Promise<T>
}

/** What was looked up at the controller, for a short while. After any surprise all of it is forgotten. */
export class Lookup {
  readonly #controller: Controller
  readonly #place: Place
  readonly #clocks: Clocks
  readonly #found = new Map<string, Found<unknown>>()

  constructor(controller: Controller, place: Place, clocks: Clocks) {
    this.#controller = controller
    this.#place = place
    this.#clocks = clocks
  }

  /** The one that verbs of such a need run on. */
  inventory(needs: Needs): Promise<Inventory> {
    const { organization } = this.#place
    const { inventory } = placeOf(this.#place, needs)
    const look = (): Promise<Inventory> => this.#controller.findInventory(inventory, organization)
    return this.#recent(`inventory ${inventory}`, LOOKUP_AGE_MS, look)
  }

  /** The one beside it; null when there is none of its own. */
  beside(): Promise<Inventory> | null {
    return this.#place.beside === undefined ? null : this.inventory('vm')
  }

  /** `organization`: where it is not that of the bridge's other things. */
  template(name: string, organization = this.#place.organization): Promise<Template> {
    return this.#recent(`template ${organization} ${name}`, LOOKUP_AGE_MS, () =>
      this.#controller.findTemplate(name, organization),
    )
  }

  hosts(inventory: Inventory): Promise<ReadonlyMap<string, ControllerHost>> {
    return this.#recent(`hosts ${inventory.id}`, HOSTS_AGE_MS, () => this.#controller.hosts(inventory))
  }

  /** Whether a template would be answered from memory. */
  knows(name: string, organization = this.#place.organization): boolean {
    const found = this.#found.get(`template ${organization} ${name}`)
    return found !== undefined && this.#isRecent(found, LOOKUP_AGE_MS)
  }

  /** Something was not as it was looked up: the next look is a new one. */
  forget(): void {
    this.#found.clear()
  }

  async #recent<T>(key: string, ageMs: number, look: () => Promise<T>): Promise<T> {
    const found = this.#found.get(key) as Found<T> | undefined
    if (found !== undefined && this.#isRecent(found, ageMs)) return found.value
    const fresh: Found<T> = { now: this.#clocks.now(), steady: this.#clocks.steady(), value: look() }
    this.#found.set(key, fresh)
    try {
      return await fresh.value
    } catch (error) {
      // A failure is told to who asked, and remembered for nobody.
      if (this.#found.get(key) === fresh) this.#found.delete(key)
      throw error
    }
  }

  /** By the clock that says more: one may have been set back, the other may have stood still. */
  #isRecent(found: Found<unknown>, ageMs: number): boolean {
    return Math.max(this.#clocks.now() - found.now, this.#clocks.steady() - found.steady) < ageMs
  }
}
