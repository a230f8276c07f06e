import type { Ref } from '../kube/object.ts'
import { MIGRATIONS, VMIS, VMS } from '../kube/resource.ts'
import type { Store } from '../kube/store.ts'
import type { Vm, Vmi } from '../virt/objects.ts'
import { runStrategyOf } from '../virt/objects.ts'
import type { ClusterName } from './cast.ts'
import type { Sketch } from './guest-vm.ts'
import { INCARNATION_ANNOTATION, vmOf } from './guest-vm.ts'

/** One thing that somebody does to a VM. */
export type Op =
  | { do: 'create'; cluster: ClusterName; sketch: Sketch }
  | { do: 'start' | 'stop'; cluster: ClusterName; ref: Ref }
  /** `name` is that of the migration: the same name again is the same migration. */
  | { do: 'migrate'; cluster: ClusterName; ref: Ref; name: string }
  /** Deletes the VM of this incarnation, and not one that came after it. */
  | { do: 'delete'; cluster: ClusterName; ref: Ref; incarnation: number }

/** `wait`: not possible yet, try again soon. */
export type OpOutcome = 'done' | 'wait'

/**
 * Does it, unless it is already so: doing anything twice is doing it once.
 *
 * op      | when                                      | outcome
 * create  | the name is another incarnation's         | wait: that one is still going
 * migrate | the VMI does not run                      | wait
 * any but create | there is no such VM                | done
 */
export function performOp(store: Store, op: Op): OpOutcome {
  if (op.do === 'create') return create(store, op.sketch)
  const vm = store.get(VMS, op.ref) as Vm | null
  if (vm === null) return 'done'
  if (op.do === 'migrate') return migrate(store, op.ref, op.name)
  if (op.do === 'delete') {
    if (incarnationOf(vm) === op.incarnation) store.remove(VMS, op.ref)
    return 'done'
  }
  const wanted = op.do === 'start' ? 'Always' : 'Halted'
  if (runStrategyOf(vm) !== wanted) store.patch(VMS, op.ref, { spec: { running: null, runStrategy: wanted } })
  return 'done'
}

/** Which holder of its name a VM is: 1 unless it says so. */
export function incarnationOf(vm: Vm): number {
  return Number(vm.metadata.annotations?.[INCARNATION_ANNOTATION] ?? '1')
}

function create(store: Store, sketch: Sketch): OpOutcome {
  store.ensureNamespace(sketch.namespace)
  const there = store.get(VMS, sketch) as Vm | null
  if (there !== null) return incarnationOf(there) === (sketch.incarnation ?? 1) ? 'done' : 'wait'
  store.create(VMS, vmOf(sketch))
  return 'done'
}

function migrate(store: Store, ref: Ref, name: string): OpOutcome {
  if (store.get(MIGRATIONS, { namespace: ref.namespace, name }) !== null) return 'done'
  const vmi = store.get(VMIS, ref) as Vmi | null
  if (vmi?.status?.phase !== 'Running') return 'wait'
  store.create(MIGRATIONS, { metadata: { namespace: ref.namespace, name }, spec: { vmiName: ref.name } })
  return 'done'
}
