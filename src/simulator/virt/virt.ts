import { messageOf } from '../../errors.ts'
import type { Clock, Timer } from '../kube/clock.ts'
import type { KubeObject } from '../kube/object.ts'
import { refOf } from '../kube/object.ts'
import type { Resource } from '../kube/resource.ts'
import { CLAIMS, CLONES, MIGRATIONS, RESTORES, SNAPSHOTS, VMIS, VMS } from '../kube/resource.ts'
import { StatusError } from '../kube/status.ts'
import type { Store } from '../kube/store.ts'
import type { Clone, Migration, Restore, Snapshot, Vm, Vmi } from './objects.ts'
import { nextStep } from './step.ts'
import { claimsOf } from './storage.ts'
import type { Step, View, Write } from './view.ts'

/** What a simulated virt-controller works on and with. `speed` 2 halves every delay. */
export interface VirtOptions {
  store: Store
  cluster: string
  nodes: readonly string[]
  seed: string
  clock: Clock
  speed: number
}

/** A virt-controller at work; disposing ends it, and whatever was half done stays half done in the store. */
export interface Virt extends Disposable {
  /** VM names for which something is still to happen. */
  readonly busy: number
  /** Names (`namespace/name`) that it could not deal with, each with why: it leaves them alone until they change. */
  readonly stuck: ReadonlyMap<string, string>
}

interface Wait {
  stage: string
  since: number
  timer: Timer | null
}

/**
 * Starts the virt-controller, and what stands for nodes and guests, over a store. It looks at every VM there is, then at each
 * that changes. It remembers nothing but since when it has seen a stage, so it may end and start at any moment.
 */
export function startVirt(options: VirtOptions): Virt {
  const { store, clock, speed } = options
  const waits = new Map<string, Wait>()
  const stuck = new Map<string, string>()
  const dirty = new Set<string>()
  let drain: Timer | null = null
  let ended = false

  const look = (key: string): void => {
    const view = viewOf(options, key)
    const step = nextStep(view, clock.now())
    const wait = waits.get(key)
    wait?.timer?.cancel()
    if (step === null) {
      waits.delete(key)
      return
    }
    const stage = `${view.vm?.metadata.uid}/${view.vmi?.metadata.uid}/${step.stage}`
    const since = wait?.stage === stage ? wait.since : clock.now()
    const left = since + step.delayMs / speed - clock.now()
    if (left <= 0) {
      waits.delete(key)
      perform(store, step)
    } else {
      waits.set(key, { stage, since, timer: clock.setTimer(left, () => touch(key)) })
    }
  }
  const touch = (key: string): void => {
    dirty.add(key)
    if (ended) return
    // Never in the turn of the write that caused it: other listeners must hear of that one first.
    drain ??= clock.setTimer(0, () => {
      drain = null
      const keys = [...dirty]
      dirty.clear()
      for (const each of keys) {
        stuck.delete(each)
        try {
          look(each)
        } catch (error) {
          // One VM that makes no sense, or a disk that is full, must not take the world down.
          stuck.set(each, messageOf(error))
        }
      }
    })
  }

  const releases = playedIn(store).map(resource => {
    for (const object of store.list(resource)) touch(nameKey(object))
    return store.subscribe(resource, event => touch(nameKey(event.object)))
  })
  return {
    get busy() {
      return waits.size + dirty.size
    },
    stuck,
    [Symbol.dispose]() {
      ended = true
      for (const release of releases) release()
      drain?.cancel()
      for (const { timer } of waits.values()) timer?.cancel()
    },
  }
}

/**
 * Brings every VM of a store to rest at once, as if all delays had passed: how a cluster is made that has been running for
 * long. `time.now` moves on by each delay.
 */
export function settle(options: Omit<VirtOptions, 'clock' | 'speed'>, time: { now: number }): void {
  const keys = new Set(playedIn(options.store).flatMap(resource => options.store.list(resource).map(nameKey)))
  for (const key of keys) {
    for (
      let step = nextStep(viewOf(options, key), time.now);
      step !== null;
      step = nextStep(viewOf(options, key), time.now)
    ) {
      time.now += step.delayMs
      const due = nextStep(viewOf(options, key), time.now)
      if (due !== null) perform(options.store, due)
    }
  }
}

/** What is played of what a store serves. */
function playedIn(store: Store): readonly Resource[] {
  const all = [VMS, VMIS, MIGRATIONS, CLAIMS, SNAPSHOTS, RESTORES, CLONES]
  return all.filter(resource => store.resources.includes(resource))
}

/** Whom an object is about, as `namespace/name`: VM and VMI have one name; all else says whom it means. */
export function nameKey(object: KubeObject): string {
  return `${refOf(object).namespace}/${nameOf(object)}`
}

function nameOf(object: KubeObject): string {
  switch (object.kind) {
    case MIGRATIONS.kind:
      return (object as Migration).spec.vmiName
    case SNAPSHOTS.kind:
    case CLONES.kind:
      return (object as Snapshot | Clone).spec.source.name
    case RESTORES.kind:
      return (object as Restore).spec.target.name
    case CLAIMS.kind:
      return object.metadata.ownerReferences?.[0]?.name ?? ''
    default:
      return object.metadata.name
  }
}

function viewOf({ store, cluster, nodes, seed }: Omit<VirtOptions, 'clock' | 'speed'>, key: string): View {
  const [namespace = '', name = ''] = key.split('/')
  const oldestFirst = (resource: Resource): readonly KubeObject[] =>
    (store.resources.includes(resource) ? store.list(resource) : [])
      .filter(object => nameKey(object) === key)
      .sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))
  const vm = store.get(VMS, { namespace, name }) as Vm | null
  const disks = vm !== null && store.resources.includes(CLAIMS) ? claimsOf(vm) : null
  return {
    vm,
    vmi: store.get(VMIS, { namespace, name }) as Vmi | null,
    migrations: oldestFirst(MIGRATIONS) as readonly Migration[],
    ...(disks === null
      ? {}
      : { claims: disks.map(disk => claimOf(store, namespace, disk)).filter(each => each !== null) }),
    snapshots: oldestFirst(SNAPSHOTS) as readonly Snapshot[],
    restores: oldestFirst(RESTORES) as readonly Restore[],
    clones: oldestFirst(CLONES) as readonly Clone[],
    cluster,
    nodes,
    seed,
  }
}

function claimOf(store: Store, namespace: string, name: string): KubeObject | null {
  return store.get(CLAIMS, { namespace, name })
}

function perform(store: Store, step: Step): void {
  for (const write of step.writes) {
    try {
      commit(store, write)
    } catch (error) {
      // Somebody was faster: their write has made us look again already.
      if (error instanceof StatusError && [404, 409].includes(error.body.code)) return
      throw error
    }
  }
}

function commit(store: Store, write: Write): void {
  switch (write.kind) {
    case 'create':
      store.create(write.resource, write.draft)
      return
    case 'update':
      store.update(write.resource, write.object, write.part)
      return
    case 'remove':
      store.remove(write.resource, refOf(write.object), write.object.metadata.uid)
  }
}
