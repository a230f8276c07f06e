import { kubeTime } from '../kube/clock.ts'
import { MIGRATIONS, VMIS } from '../kube/resource.ts'
import { uuidOf } from '../kube/uuid.ts'
import { networkStatus } from './instance.ts'
import type { Migration, MigrationPhase, MigrationState, Vm, Vmi } from './objects.ts'
import { isFinal, withoutCondition } from './objects.ts'
import type { Step, View, Write } from './view.ts'
import { paced } from './view.ts'

/** How long each phase of a live migration lasts, in ms. */
const MIGRATION_PACE = {
  pending: 200,
  scheduling: 700,
  scheduled: 300,
  preparing: 400,
  ready: 200,
  running: 3500,
} as const

/** On a migration: it fails, and this is why. */
export const FAILS_ANNOTATION = 'simulator.virtbridge.io/fails'

/** KubeVirt keeps this many finished migrations per VMI. */
const KEPT = 5

/**
 * What happens next to the migrations of one VMI; null when none is under way.
 *
 * phase                | then
 * any, the VMI is gone | the migration is deleted
 * any, the VMI is over | Failed
 * none, …, Scheduled   | the next phase
 * PreparingTarget      | the VMI's migrationState, then TargetReady
 * TargetReady          | the VMI's startTimestamp, then Running
 * Running, is to fail  | the VMI's endTimestamp and why, then Failed
 * Running              | in one write the VMI's endTimestamp, node and pod; then Succeeded
 *
 * The pod on the target has another address, and the agent's channel opens anew there: AgentConnected is gone for a moment.
 */
export function nextOfMigrations(view: View, now: number): Step | null {
  const { vm, vmi, migrations } = view
  if (migrations.length === 0) return null
  if (vmi === null) return { stage: 'forget', delayMs: 0, writes: migrations.map(remove) }
  const done = migrations.filter(({ status }) => isFinal(asFinal(status?.phase)))
  if (done.length > KEPT) return { stage: 'collect', delayMs: 0, writes: done.slice(0, -KEPT).map(remove) }
  const migration = migrations.find(({ status }) => !isFinal(asFinal(status?.phase)))
  if (migration === undefined || vm === null) return null
  if (vmi.metadata.deletionTimestamp !== undefined || isFinal(vmi.status?.phase)) return fail(migration, vmi, now)
  return vmi.status?.phase === 'Running' || migration.status?.phase === undefined
    ? advance(view, { vm, vmi, migration }, now)
    : null
}

function asFinal(phase: MigrationPhase | undefined): 'Succeeded' | 'Failed' | undefined {
  return phase === 'Succeeded' || phase === 'Failed' ? phase : undefined
}

function remove(object: Migration): Write {
  return { kind: 'remove', resource: MIGRATIONS, object }
}

interface Moving {
  vm: Vm
  vmi: Vmi
  migration: Migration
}

function advance(view: View, moving: Moving, now: number): Step | null {
  const { vmi, migration } = moving
  const state = vmi.status?.migrationState
  const mine = state?.migrationUid === migration.metadata.uid ? state : undefined
  const to = (phase: MigrationPhase, delayMs: number): Step => ({
    stage: `migration ${phase}`,
    delayMs: paced(view, phase, delayMs),
    writes: [enter(migration, phase, now, mine)],
  })
  switch (migration.status?.phase) {
    case undefined:
      return to('Pending', 0)
    case 'Pending':
      return to('Scheduling', MIGRATION_PACE.pending)
    case 'Scheduling':
      return to('Scheduled', MIGRATION_PACE.scheduling)
    case 'Scheduled':
      return to('PreparingTarget', MIGRATION_PACE.scheduled)
    case 'PreparingTarget':
      return mine === undefined ? prepare(view, moving) : to('TargetReady', MIGRATION_PACE.preparing)
    case 'TargetReady':
      return mine?.startTimestamp === undefined ? begin(moving, mine, now) : to('Running', MIGRATION_PACE.ready)
    case 'Running':
      if (migration.metadata.annotations?.[FAILS_ANNOTATION] !== undefined) return fail(migration, vmi, now)
      return mine?.endTimestamp === undefined ? arrive(view, moving, now) : to('Succeeded', 0)
    default:
      return null
  }
}

function enter(migration: Migration, phase: MigrationPhase, now: number, state?: MigrationState): Write {
  const stamp = { phase, phaseTransitionTimestamp: kubeTime(now) }
  const status = {
    ...migration.status,
    phase,
    phaseTransitionTimestamps: [...(migration.status?.phaseTransitionTimestamps ?? []), stamp],
    ...(state === undefined ? {} : { migrationState: state }),
  }
  return { kind: 'update', resource: MIGRATIONS, object: { ...migration, status }, part: 'status' }
}

function told(vmi: Vmi, migrationState: MigrationState): Write {
  return { kind: 'update', resource: VMIS, object: { ...vmi, status: { ...vmi.status, migrationState } }, part: 'main' }
}

function prepare(view: View, { vm, vmi, migration }: Moving): Step {
  const source = vmi.status?.nodeName ?? ''
  const at = view.nodes.indexOf(source)
  const target = view.nodes[(at + 1) % view.nodes.length] ?? source
  const pod = (node: string) =>
    `virt-launcher-${vm.metadata.name}-${uuidOf(`${migration.metadata.uid}/${node}`).slice(0, 5)}`
  const state: MigrationState = {
    migrationUid: migration.metadata.uid,
    mode: 'PreCopy',
    sourceNode: source,
    targetNode: target,
    sourcePod: pod(source),
    targetPod: pod(target),
  }
  return { stage: 'migration prepare', delayMs: 0, writes: [told(vmi, state)] }
}

function begin({ vmi, migration }: Moving, state: MigrationState | undefined, now: number): Step | null {
  // Another migration took the VMI's only place in between: this one starts over.
  if (state === undefined)
    return { stage: 'migration again', delayMs: 0, writes: [enter(migration, 'PreparingTarget', now)] }
  return { stage: 'migration begin', delayMs: 0, writes: [told(vmi, { ...state, startTimestamp: kubeTime(now) })] }
}

function arrive(view: View, { vm, vmi, migration }: Moving, now: number): Step {
  const state = vmi.status?.migrationState
  const delayMs = paced(view, 'arrive', MIGRATION_PACE.running)
  if (state === undefined) return { stage: 'migration failed', delayMs: 0, writes: [enter(migration, 'Failed', now)] }
  const node = state.targetNode
  const moved: Vmi = {
    ...vmi,
    metadata: { ...vmi.metadata, labels: { ...vmi.metadata.labels, 'kubevirt.io/nodeName': node } },
    status: {
      ...vmi.status,
      nodeName: node,
      activePods: { [uuidOf(`${vmi.metadata.uid}/pod/${node}/${migration.metadata.uid}`)]: node },
      conditions: withoutCondition(vmi.status?.conditions, 'AgentConnected'),
      migrationState: { ...state, endTimestamp: kubeTime(now), completed: true },
    },
  }
  const object: Vmi = { ...moved, status: { ...moved.status, ...networkStatus(view, vm, moved, false) } }
  return { stage: 'migration arrive', delayMs, writes: [{ kind: 'update', resource: VMIS, object, part: 'main' }] }
}

/** `completed` is true on a failure too: only `failed` tells them apart. */
function fail(migration: Migration, vmi: Vmi, now: number): Step {
  const state = vmi.status?.migrationState
  const mine = state?.migrationUid === migration.metadata.uid && state.startTimestamp !== undefined
  const why = migration.metadata.annotations?.[FAILS_ANNOTATION]
  const reason = why === undefined ? {} : { failureReason: why }
  if (!mine || state.endTimestamp !== undefined)
    return { stage: 'migration failed', delayMs: 0, writes: [enter(migration, 'Failed', now)] }
  const ended = { ...state, ...reason, endTimestamp: kubeTime(now), completed: true, failed: true }
  return { stage: 'migration failed', delayMs: 0, writes: [told(vmi, ended), enter(migration, 'Failed', now, ended)] }
}
