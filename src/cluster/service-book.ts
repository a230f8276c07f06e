import type { Observed } from '../kube/index.ts'
import { MAX_SERVICES, type Named, NAMINGS, type ServicePart, takes, type VmService } from '../vm/index.ts'

/**
 * Which Services of a cluster lead to which of its VMs. A Service whose selector takes several VMs leads to none of them: who goes
 * through it may end at any. While Services can not be read, what was known of them stays. No I/O and no clock.
 */
export class ServiceBook {
  /** Those that lead to VMs, by `namespace/name`, and by the name that they go by. */
  readonly #services = new Map<string, ServicePart>()
  readonly #byName = new Shelf()
  /** What VMs are named as, and the VMs by each of their names. */
  readonly #named = new Map<string, Named>()
  readonly #vms = new Shelf()
  #listed = false
  /** VMs to be looked at again; null is all of them. */
  #changed: Set<string> | null = new Set()

  /** Takes in what the reflector of Services said. */
  take(observed: Observed<ServicePart>): void {
    if (observed.kind === 'listed' || observed.kind === 'audited') {
      for (const part of this.#services.values()) this.#drop(part)
      for (const part of observed.objects.values()) this.#put(part)
      this.#listed = true
      this.#changed = null
    } else if (observed.kind === 'changed' || observed.kind === 'gone') {
      const { object } = observed
      const before = this.#services.get(object.key)
      if (before !== undefined) this.#drop(before)
      if (observed.kind === 'changed') this.#put(object)
      this.#look([before, object].flatMap(part => (part === undefined ? [] : this.#takenBy(part))))
    }
  }

  /** A VM is there and named so, or gone (null). Others of the same name may have lost a Service by that, or got one. */
  place(vm: string, named: Named | null): void {
    const before = this.#named.get(vm) ?? null
    if (NAMINGS.every(label => before?.[label] === named?.[label])) return
    const about = [before, named].flatMap(one => (one === null ? [] : this.#servicesOf(vm, one)))
    if (before !== null) for (const label of NAMINGS) this.#vms.drop(shelfOf(vm, label, before), vm)
    if (named !== null) for (const label of NAMINGS) this.#vms.put(shelfOf(vm, label, named), vm)
    if (named === null) this.#named.delete(vm)
    else this.#named.set(vm, named)
    this.#look(about.flatMap(part => this.#takenBy(part)).filter(key => key !== vm))
  }

  /** The Services that lead to a VM and to no other, the first by name; null while they were never listed. */
  of(vm: string): readonly VmService[] | null {
    const named = this.#named.get(vm)
    if (!this.#listed) return null
    const parts =
      named === undefined ? [] : this.#servicesOf(vm, named).filter(part => this.#takenBy(part).length === 1)
    const found = parts.map(({ service }) => service).filter(service => service !== null)
    return found.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, MAX_SERVICES)
  }

  /** The VMs whose Services may be others than when this was last asked; null when that may be any. */
  changed(): ReadonlySet<string> | null {
    const changed = this.#changed
    this.#changed = new Set()
    return changed
  }

  #look(vms: readonly string[]): void {
    for (const vm of vms) this.#changed?.add(vm)
  }

  #put(part: ServicePart): void {
    if (part.service === null) return
    this.#services.set(part.key, part)
    this.#byName.put(shelfOf(part.key, part.service.by, part.wants), part.key)
  }

  #drop(part: ServicePart): void {
    this.#services.delete(part.key)
    if (part.service !== null) this.#byName.drop(shelfOf(part.key, part.service.by, part.wants), part.key)
  }

  /** Those that take a VM which is named so. */
  #servicesOf(vm: string, named: Named): readonly ServicePart[] {
    const keys = NAMINGS.flatMap(label => this.#byName.of(shelfOf(vm, label, named)))
    return keys
      .map(key => this.#services.get(key))
      .filter(part => part !== undefined && takes(part.wants, named)) as ServicePart[]
  }

  #takenBy({ key, wants, service }: ServicePart): readonly string[] {
    if (service === null) return []
    const vms = this.#vms.of(shelfOf(key, service.by, wants))
    return vms.filter(vm => takes(wants, this.#named.get(vm) ?? wants))
  }
}

/** What has a label of a value in a namespace. */
class Shelf {
  readonly #keys = new Map<string, Set<string>>()

  of(shelf: string): readonly string[] {
    return [...(this.#keys.get(shelf) ?? [])]
  }

  put(shelf: string, key: string): void {
    if (shelf !== '') this.#keys.set(shelf, (this.#keys.get(shelf) ?? new Set()).add(key))
  }

  drop(shelf: string, key: string): void {
    const keys = this.#keys.get(shelf)
    keys?.delete(key)
    if (keys?.size === 0) this.#keys.delete(shelf)
  }
}

/** Empty when it has no such label. */
function shelfOf(key: string, label: (typeof NAMINGS)[number], values: Named): string {
  return values[label] === '' ? '' : `${key.slice(0, key.indexOf('/'))}/${label}=${values[label]}`
}
