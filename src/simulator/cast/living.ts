import { numberOf } from '../virt/guest.ts'
import { VMIS, VMS } from '../kube/resource.ts'
import type { Store } from '../kube/store.ts'
import type { Vm, Vmi } from '../virt/objects.ts'
import { isFinal, runStrategyOf } from '../virt/objects.ts'
import type { ClusterName } from './cast.ts'
import type { Os } from './guest-vm.ts'
import { incarnationOf } from './op.ts'
import type { Act } from './story.ts'

/** Label of the guests that come and go; no other VM is ever deleted. */
const TRANSIENT_LABEL = 'demo.virtbridge.io/transient'
const MAX_TRANSIENT = 2
const MAX_STOPPED = 3
const SYSTEMS: readonly Os[] = ['rhel9', 'debian12', 'ubuntu24.04', 'fedora']

/** What the generator of small acts needs to know of one VM. */
export interface Inhabitant {
  cluster: ClusterName
  namespace: string
  name: string
  incarnation: number
  transient: boolean
  stopped: boolean
  /** Runs, and nothing is happening to it. */
  atEase: boolean
}

/** Everybody in the fleet. */
export function inhabitants(stores: ReadonlyMap<ClusterName, Store>): Inhabitant[] {
  return [...stores].flatMap(([cluster, store]) =>
    store.list(VMS).map(object => {
      const vm = object as Vm
      const ref = { namespace: vm.metadata.namespace ?? '', name: vm.metadata.name }
      const vmi = store.get(VMIS, ref) as Vmi | null
      const migration = vmi?.status?.migrationState
      const moving = migration !== undefined && migration.endTimestamp === undefined
      return {
        cluster,
        ...ref,
        incarnation: incarnationOf(vm),
        transient: vm.metadata.labels?.[TRANSIENT_LABEL] === 'true',
        stopped: runStrategyOf(vm) === 'Halted' && vmi === null,
        atEase:
          vm.metadata.deletionTimestamp === undefined &&
          runStrategyOf(vm) === 'Always' &&
          vmi?.status?.phase === 'Running' &&
          vmi.metadata.deletionTimestamp === undefined &&
          !isFinal(vmi.status.phase) &&
          !moving,
      }
    }),
  )
}

/**
 * The next small act: mostly a migration, now and then a stop, a start, a new guest, or the end of one that was new.
 * A function of the seed, how many there have been, and who is there. Bounded: at most three stopped VMs and two transient
 * ones per cluster. Null when nobody is at ease.
 */
export function smallAct(everybody: readonly Inhabitant[], seed: string, count: number): Act | null {
  const chance = (what: string, below: number) => numberOf(`${seed}/${count}/${what}`) % below
  const pick = <T>(list: readonly T[], what: string): T | undefined => list[chance(what, Math.max(1, list.length))]
  const cluster: ClusterName = chance('cluster', 2) === 0 ? 'dev-1' : 'prod-1'
  const here = everybody.filter(each => each.cluster === cluster)
  const atEase = here.filter(each => each.atEase)
  const stopped = here.filter(each => each.stopped)
  const transient = here.filter(each => each.transient)
  const roll = chance('roll', 100)

  const guest = pick(atEase, 'guest')
  if (roll < 15 && stopped.length < MAX_STOPPED && guest !== undefined) return stop(guest)
  const sleeper = pick(stopped, 'sleeper')
  if (roll < 40 && sleeper !== undefined) return start(sleeper)
  if (roll < 55 && transient.length < MAX_TRANSIENT) return arrive(cluster, count, pick(SYSTEMS, 'os') ?? 'rhel9')
  const leaver = pick(
    transient.filter(each => each.atEase || each.stopped),
    'leaver',
  )
  if (roll < 70 && leaver !== undefined) return leave(leaver)
  return guest === undefined ? null : move(guest, count)
}

function act(tell: string, op: Act['ops'][number]): Act {
  return { afterMs: 0, tell, ops: [op] }
}

function place({ namespace, name, cluster }: Inhabitant): string {
  return `${namespace}/${name} on ${cluster}`
}

function stop(who: Inhabitant): Act {
  return act(`somebody stops ${place(who)}`, { do: 'stop', cluster: who.cluster, ref: who })
}

function start(who: Inhabitant): Act {
  return act(`somebody starts ${place(who)}`, { do: 'start', cluster: who.cluster, ref: who })
}

function leave(who: Inhabitant): Act {
  const op = { do: 'delete', cluster: who.cluster, ref: who, incarnation: who.incarnation } as const
  return act(`somebody deletes ${place(who)}`, op)
}

function move(who: Inhabitant, count: number): Act {
  const op = { do: 'migrate', cluster: who.cluster, ref: who, name: `${who.name}-move-${count}` } as const
  return act(`${who.cluster} moves ${who.namespace}/${who.name} to another node, live`, op)
}

function arrive(cluster: ClusterName, count: number, os: Os): Act {
  const labels = { [TRANSIENT_LABEL]: 'true', environment: cluster === 'dev-1' ? 'dev' : 'prod' }
  const sketch = { namespace: 'shop', name: `guest-${count}`, os, labels }
  return act(`somebody creates shop/guest-${count} on ${cluster}`, { do: 'create', cluster, sketch })
}
