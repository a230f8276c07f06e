import type { Clock, Timer } from '../kube/clock.ts'
import { kubeTime } from '../kube/clock.ts'
import { refOf } from '../kube/object.ts'
import { PLANS, RUNS, VMS } from '../kube/resource.ts'
import { StatusError } from '../kube/status.ts'
import type { Store } from '../kube/store.ts'
import type { Plan, PlanStep, Run } from './plan.ts'
import { nextOfPlan } from './plan.ts'

/** What a simulated migration toolkit works on and with. `speed` 2 halves every delay. */
export interface ImporterOptions {
  /** Of the hub, which holds its Plans and Migrations. */
  hub: Store
  /** The clusters that VMs are made on, by the name of the provider. */
  clusters: ReadonlyMap<string, Store>
  clock: Clock
  speed: number
}

/**
 * Starts the migration toolkit: each Migration runs its Plan, the VMs of which come to be on the destination with the labels that
 * Forklift gives them. All it knows is in the Plans, so it may end and start at any moment. Disposing ends it.
 */
export function startImporter(options: ImporterOptions): Disposable {
  const { hub, clock, speed } = options
  const timers = new Map<string, Timer>()
  let ended = false
  const look = (key: string): void => {
    timers.get(key)?.cancel()
    timers.delete(key)
    if (ended) return
    const [plan, run] = viewOf(hub, key)
    const step = plan === null || run === null ? null : nextOfPlan(plan, run, kubeTime(clock.now()))
    if (plan === null || run === null || step === null) return
    const due = (): void => {
      perform(options, plan, run, step)
      look(key)
    }
    timers.set(key, clock.setTimer(step.delayMs / speed, due))
  }
  // What changes a status is the importer itself, which looks by itself: only new runs, and runs that are cancelled, wake it.
  const release = hub.subscribe(RUNS, ({ object }) => look(planOf(object as Run)))
  for (const run of hub.list(RUNS)) look(planOf(run as Run))
  return {
    [Symbol.dispose]() {
      ended = true
      release()
      for (const timer of timers.values()) timer.cancel()
    },
  }
}

function planOf(run: Run): string {
  return `${run.spec.plan.namespace}/${run.spec.plan.name}`
}

/** A Plan, and the newest run of it. */
function viewOf(hub: Store, key: string): [Plan | null, Run | null] {
  const [namespace = '', name = ''] = key.split('/')
  const runs = hub.list(RUNS).filter(run => planOf(run as Run) === key)
  const newest = runs.sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion)).at(-1)
  return [hub.get(PLANS, { namespace, name }) as Plan | null, (newest ?? null) as Run | null]
}

function perform({ hub, clusters }: ImporterOptions, plan: Plan, run: Run, step: PlanStep): void {
  const { make, status } = step
  const destination = clusters.get(plan.spec.provider.destination.name)
  if (make !== undefined) unlessRefused(() => destination?.create(VMS, vmOf(plan, run, make)))
  const now = hub.get(PLANS, refOf(plan))
  if (now !== null) unlessRefused(() => hub.update(PLANS, { ...now, status }, 'status'))
}

/** A VM that is there already, a Plan that is gone: the toolkit would say so, and nothing here depends on it. */
function unlessRefused(write: () => unknown): void {
  try {
    write()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
  }
}

/** The labels by which Forklift knows its VMs again (pkg/controller/plan/kubevirt.go). */
function vmOf(plan: Plan, run: Run, { id, name }: { id: string; name: string }): Parameters<Store['create']>[1] {
  const labels = {
    plan: plan.metadata.uid,
    'plan-name': plan.metadata.name,
    'plan-namespace': plan.metadata.namespace ?? '',
    migration: run.metadata.uid,
    vmID: id,
    resource: 'vm-config',
  }
  const domain = {
    cpu: { cores: 2 },
    memory: { guest: '4Gi' },
    devices: { interfaces: [{ name: 'default', masquerade: {} }] },
  }
  const template = { metadata: { labels }, spec: { domain, networks: [{ name: 'default', pod: {} }], volumes: [] } }
  const metadata = { namespace: plan.spec.targetNamespace, name, labels }
  return { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', metadata, spec: { runStrategy: 'Always', template } }
}
