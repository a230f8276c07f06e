import { ClusterFold } from '../../src/cluster/fold.ts'
import type { Inbound } from '../../src/cluster/resources.ts'
import type { Staged } from '../../src/cluster/staged.ts'
import { KubeError, type KubeErrorKind } from '../../src/kube/index.ts'
import type { VmiPart, VmPart, VmRecord } from '../../src/vm/index.ts'
import { CLUSTER, HOLDS, vm, vmi } from '../vm/story.ts'

/** A VM of the name, with a uid of its own. */
export function aVm(name: string, values: Partial<VmPart> = {}): VmPart {
  return vm({ key: `shop/${name}`, name, uid: `uid-${name}`, ...values })
}

/** Its running VMI. */
export function aVmi(name: string, values: Partial<VmiPart> = {}): VmiPart {
  return vmi({ key: `shop/${name}`, uid: `boot-${name}`, owner: `uid-${name}`, ...values })
}

export function listed(of: 'vm', ...parts: readonly VmPart[]): Inbound
export function listed(of: 'vmi', ...parts: readonly VmiPart[]): Inbound
export function listed(of: 'vm' | 'vmi', ...parts: readonly (VmPart | VmiPart)[]): Inbound {
  const objects = new Map(parts.map(part => [part.key, part]))
  return { of, observed: { kind: 'listed', objects, resourceVersion: '1' } } as Inbound
}

export function live(kind: 'changed' | 'gone', of: 'vm' | 'vmi', object: VmPart | VmiPart): Inbound {
  return { of, observed: { kind, object } } as Inbound
}

export function watching(of: 'vm' | 'vmi' | 'claim'): Inbound {
  return { of, observed: { kind: 'watching' } }
}

export function unavailable(of: 'vm' | 'vmi', kind: KubeErrorKind): Inbound {
  return { of, observed: { kind: 'unavailable', error: new KubeError(kind, kind) } }
}

/** A fold on a clock of its own, whose stagings are made durable at once. */
export class Folding {
  now = 1_700_000_000_000
  readonly records = new Map<string, VmRecord>()
  fold: ClusterFold
  /** Every fact: `started web-1`. */
  readonly told: string[] = []
  readonly staged: Staged[] = []

  readonly #services: boolean

  constructor(adopted = true, services = false) {
    this.#services = services
    this.fold = this.#open(adopted)
  }

  take(...inbound: readonly Inbound[]): this {
    for (const one of inbound) this.#commit(this.fold.fold(one, this.now))
    return this
  }

  /** Takes in all before anything of it is durable, as one append does. */
  takeTogether(...inbound: readonly Inbound[]): this {
    this.#commit(inbound.flatMap(one => [...this.fold.fold(one, this.now)]))
    return this
  }

  wait(ms: number): this {
    this.now += ms
    this.#commit(this.fold.mature(this.now))
    return this
  }

  /** As the watch does after all that came together. */
  lookAtServices(): this {
    this.#commit(this.fold.lookAtServices(this.now))
    return this
  }

  confirm(): this {
    this.#commit(this.fold.confirm(this.now))
    return this
  }

  /** As if the process began anew with what it had stored. */
  restart(): this {
    this.fold = this.#open(true)
    return this
  }

  #open(adopted: boolean): ClusterFold {
    return new ClusterFold({ cluster: CLUSTER, holds: HOLDS, adopted, records: this.records, services: this.#services })
  }

  #commit(staged: Iterable<Staged | null>): void {
    for (const one of staged) {
      if (one === null) continue
      this.staged.push(one)
      this.told.push(...one.facts.map(fact => `${fact.fact} ${fact.about.name}`))
      this.fold.commit(one)
    }
  }
}
