import type { KubeObject } from '../kube/object.ts'

/** On a Plan: why its imports fail, by the id of the VM at the source, as JSON (`{"vm-7": "no space"}`). */
export const IMPORT_FAILS_ANNOTATION = 'simulator.virtbridge.io/import-fails'

/** How long each stage of an import lasts, in ms. */
const IMPORT_PACE = { start: 300, copy: 3000, convert: 1500, create: 800 } as const

/** A condition as the migration toolkit writes it: it has a category, and is no metav1.Condition. */
interface PlanCondition {
  type: 'Running' | 'Executing' | 'Succeeded' | 'Failed' | 'Canceled'
  status: 'True'
  category: 'Advisory'
  durable?: boolean
  lastTransitionTime: string
}

/** What a Plan says of one of its VMs. */
export interface PlanVm {
  id: string
  name: string
  phase: 'Started' | 'CopyDisks' | 'ConvertGuest' | 'CreateVM' | 'Completed'
  started?: string
  completed?: string
  error?: { phase: string; reasons: readonly string[] }
  conditions?: readonly PlanCondition[]
}

/** A Plan (forklift.konveyor.io/v1beta1): which VMs of a source go where. */
export interface Plan extends KubeObject {
  spec: {
    provider: { destination: { name: string } }
    targetNamespace: string
    vms: readonly { id: string; name: string; targetName?: string }[]
  }
  status?: {
    migration?: {
      started?: string
      completed?: string
      vms?: readonly PlanVm[]
      /** One entry a run; the last is the one that goes on. */
      history?: readonly { migration: { uid: string }; conditions: readonly PlanCondition[] }[]
    }
    conditions?: readonly PlanCondition[]
  }
}

/** A Migration of the toolkit: one run of a Plan, its wave. `cancel` names VMs that are not to go on. */
export interface Run extends KubeObject {
  spec: { plan: { namespace: string; name: string }; cancel?: readonly { id: string }[] }
  status?: { started?: string; completed?: string; conditions?: readonly PlanCondition[] }
}

/** What comes next of a run: once `delayMs` have passed the Plan's status is this, and a VM is made where it says so. */
export interface PlanStep {
  stage: string
  delayMs: number
  status: NonNullable<Plan['status']>
  /** The VM of the source that is to be made on the destination. */
  make?: { id: string; name: string }
}

/**
 * What comes next of the newest run of a Plan; null when nothing does. Pure. VMs go one after the other.
 *
 * | the run                          | the next VM            | then                                                    |
 * |----------------------------------|------------------------|---------------------------------------------------------|
 * | is not the one the Plan is at    |                        | the Plan begins anew: what it said of its VMs is gone    |
 * | goes on                          | was cancelled          | Canceled, with no phase of its own                       |
 * | goes on                          | copies, and is to fail | phase Completed all the same, and Failed                 |
 * | goes on                          | at any other phase     | the next one; CreateVM makes the VM before it is done    |
 * | goes on                          | none is left           | completed: Failed if any has, else Succeeded, else Canceled |
 */
export function nextOfPlan(plan: Plan, run: Run, now: string): PlanStep | null {
  const { migration } = plan.status ?? {}
  const at = migration?.history?.at(-1)?.migration.uid
  if (at !== run.metadata.uid) return { stage: `begin ${run.metadata.uid}`, delayMs: 0, status: begun(plan, run, now) }
  if (migration?.completed !== undefined) return null
  const vms = migration?.vms ?? []
  const next = vms.find(vm => vm.completed === undefined)
  if (next === undefined) return { stage: 'end', delayMs: 0, status: ended(plan, vms, now) }
  const canceled = run.spec.cancel?.some(({ id }) => id === next.id) === true
  const [after, delayMs] = canceled ? [done(next, 'Canceled', now), 0] : advance(next, failures(plan)[next.id], now)
  const status = { ...plan.status, migration: { ...migration, vms: vms.map(vm => (vm === next ? after : vm)) } }
  const make = plan.spec.vms.find(({ id }) => id === next.id)
  const stage = `${next.id} ${next.phase}`
  const made = after.phase === 'CreateVM' && make !== undefined
  return { stage, delayMs, status, ...(made ? { make: { id: next.id, name: make.targetName ?? make.name } } : {}) }
}

function begun(plan: Plan, run: Run, now: string): NonNullable<Plan['status']> {
  const vms = plan.spec.vms.map(({ id, name }): PlanVm => ({ id, name, phase: 'Started', started: now }))
  const history = [
    ...(plan.status?.migration?.history ?? []),
    { migration: { uid: run.metadata.uid }, conditions: [condition('Executing', now)] },
  ]
  return { ...plan.status, migration: { started: now, vms, history }, conditions: [condition('Executing', now)] }
}

function advance(vm: PlanVm, fails: string | undefined, now: string): [PlanVm, number] {
  const running = { ...vm, conditions: [condition('Running', now)] }
  switch (vm.phase) {
    case 'Started':
      return [{ ...running, phase: 'CopyDisks' }, IMPORT_PACE.start]
    case 'CopyDisks': {
      if (fails === undefined) return [{ ...running, phase: 'ConvertGuest' }, IMPORT_PACE.copy]
      return [{ ...done(vm, 'Failed', now), error: { phase: vm.phase, reasons: [fails] } }, IMPORT_PACE.copy]
    }
    case 'ConvertGuest':
      return [{ ...running, phase: 'CreateVM' }, IMPORT_PACE.convert]
    default:
      return [done(vm, 'Succeeded', now), IMPORT_PACE.create]
  }
}

function done(vm: PlanVm, how: 'Succeeded' | 'Failed' | 'Canceled', now: string): PlanVm {
  const phase = how === 'Canceled' ? vm.phase : 'Completed'
  return { ...vm, phase, completed: now, conditions: [condition(how, now)] }
}

function ended(plan: Plan, vms: readonly PlanVm[], now: string): NonNullable<Plan['status']> {
  const any = (type: PlanCondition['type']): boolean =>
    vms.some(vm => vm.conditions?.some(one => one.type === type) === true)
  const conditions = [condition(any('Failed') ? 'Failed' : any('Succeeded') ? 'Succeeded' : 'Canceled', now)]
  const history = (plan.status?.migration?.history ?? []).map((one, index, all) =>
    index === all.length - 1 ? { ...one, conditions } : one,
  )
  return { migration: { ...plan.status?.migration, completed: now, history }, conditions }
}

function failures(plan: Plan): Readonly<Record<string, string>> {
  return JSON.parse(plan.metadata.annotations?.[IMPORT_FAILS_ANNOTATION] ?? '{}') as Record<string, string>
}

function condition(type: PlanCondition['type'], now: string): PlanCondition {
  return { type, status: 'True', category: 'Advisory', durable: true, lastTransitionTime: now }
}
