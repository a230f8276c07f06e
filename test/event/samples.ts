import { clusterEvent } from '../../src/cluster/event.ts'
import { type ClusterRecord, newCluster, outOfScope } from '../../src/cluster/index.ts'
import { hostEvent, runEvent } from '../../src/day2/event.ts'
import { type Brake, braked, released } from '../../src/day2/brake.ts'
import { groundsOfNews } from '../../src/day2/grounds.ts'
import { confirmedEvent, lossEvent } from '../../src/day2/loss-event.ts'
import { newRun } from '../../src/day2/new-run.ts'
import type { HostResult, Run } from '../../src/day2/run.ts'
import { CLUSTER_FACTS, type ClusterFact, type Event } from '../../src/event/index.ts'
import type { Entry, Loss } from '../../src/log/index.ts'
import { type Fact, vmEvent, type VmPart, type VmRecord } from '../../src/vm/index.ts'
import { deed, HOLDS, Story, vm as aVm, vmi as aVmi } from '../vm/story.ts'

const AT = Date.UTC(2026, 10, 21, 12)
const UID = '5f0c1e2a-6f3b-4f0e-9c57-1b8a52d3c0aa'
const vm = (values: Partial<VmPart> = {}): VmPart => aVm({ uid: UID, labels: { app: 'web' }, ...values })
const vmi = (values: Parameters<typeof aVmi>[0] = {}): ReturnType<typeof aVmi> => aVmi({ owner: UID, ...values })

/** One event of every fact, as the code makes them, by `vm.created`. */
export function samples(): ReadonlyMap<string, Event> {
  return new Map([...vmEvents(), ...clusterEvents(), ...day2Events()].map(event => [nameOf(event), event]))
}

/** `io.virtbridge.vm.created.v1` → `vm.created` */
export function nameOf(event: Pick<Event, 'type'>): string {
  return event.type.split('.').slice(2, 4).join('.')
}

function vmEvents(): readonly Event[] {
  const found = new Story().look(vm(), vmi(), { adopting: true }).leave()
  const facts = [...found.facts, ...life(), ...trouble(), ...contest(), ...deeds(), ...move()]
  return facts.map(fact => vmEvent(fact, AT))
}

/** A VM from its creation to its end, as most of them go. */
function life(): readonly Fact[] {
  const story = new Story()
    .look(vm({ status: 'Stopped', labels: {} }))
    .look(vm(), vmi())
    .wait(HOLDS.reachable)
  story.look(vm(), vmi({ node: 'node-2', migrated: { uid: 'migration-1', from: 'node-1', to: 'node-2' } }))
  story.look(vm(), vmi({ node: 'node-2', address: '10.0.0.2' })).wait(HOLDS.address)
  story.look(vm(), vmi({ node: 'node-2', agentConnected: false })).wait(HOLDS.unreachable)
  story
    .look(vm(), vmi({ uid: 'boot-2' }))
    .look(vm({ status: 'Stopped', runStrategy: 'Halted' }))
    .wait(HOLDS.stopped)
    .look(null)
  return story.facts
}

/** What befalls a VM, one after the other. */
function trouble(): readonly Fact[] {
  const story = new Story().with({ claims: { 'web-1-root': 'claim-1' } }).look(vm(), vmi())
  const ever = story.facts.length
  story
    .look(vm(), vmi({ paused: true, pausedBecause: 'PausedIOError' }))
    .look(vm(), vmi())
    .look(vm({ restartRequired: true }), vmi())
  const refused = { uid: 'migration-2', from: 'node-1', to: 'node-2', reason: 'target pod could not be scheduled' }
  story.look(vm(), vmi({ migrationFailed: refused }))
  story.look(vm(), vmi({ phase: 'Failed', end: 'failed', reason: 'NodeUnresponsive' }))
  story.with({ claims: { 'web-1-root': 'claim-2' } }).look(vm({ status: 'Provisioning' }))
  story.look(vm({ status: 'CrashLoopBackOff', failedBoots: 2, failedBoot: 'boot-3' }))
  const os = { family: 'linux', id: 'rhel', name: 'Red Hat Enterprise Linux', version: '10.0' }
  story.look(vm(), vmi({ uid: 'boot-4', os, kernel: '6.12.0-55' }))
  return story.facts.slice(ever)
}

/** Another VM claims its address, by better right, and then does not any more. */
function contest(): readonly Fact[] {
  const rival = { host: 'web-9.shop.prod-1', uid: 'b7c1a9de-52f4-4f4b-8a17-3a2f9e0c6d55', address: '10.0.0.1' }
  const story = new Story().look(vm(), vmi()).wait(HOLDS.reachable)
  const before = story.facts.length
  story.with({ rival }).look(vm(), vmi()).wait(HOLDS.address)
  story.with({ rival: null }).look(vm(), vmi()).wait(HOLDS.address)
  return story.facts.slice(before)
}

/** What is done to a VM by objects of their own. */
function deeds(): readonly Fact[] {
  const story = new Story().with({ deeds: { snapshot: [], restore: [], import: [] } }).look(vm())
  const failed = { outcome: 'failed', reason: 'snapshot deadline exceeded' } as const
  const snapshots = [deed({ uid: 'before-patch' }), deed({ uid: 'nightly', ...failed })]
  const restore = { kind: 'restore', from: 'before-patch' } as const
  const restores = [
    deed({ uid: 'roll-back', ...restore }),
    deed({ uid: 'again', ...restore, outcome: 'failed', reason: 'the VM is running' }),
  ]
  const plan = { kind: 'import', from: 'vm-1042', to: 'openshift-mtv/wave-3' } as const
  const imports = [
    deed({ uid: 'plan-1/vm-1042/1', ...plan }),
    deed({ uid: 'plan-1/vm-1042/2', ...plan, outcome: 'failed', reason: 'ConvertGuest: guest conversion failed' }),
  ]
  return story
    .with({ deeds: { snapshot: snapshots, restore: restores, import: imports } })
    .look(vm())
    .facts.slice(1)
}

/** A guest that comes from another cluster. */
function move(): readonly Fact[] {
  const before = new Story().look(vm({ uid: '0d7a3c1e-8f52-4d0a-9a54-2c1f6b7e9d10', status: 'Stopped' })).record
  const there = { ...(before as VmRecord), cluster: 'prod-2', cluster_uid: 'another' }
  const guests = { elsewhere: () => [there], isSeen: () => true }
  return new Story().look(vm({ runStrategy: 'WaitAsReceiver', status: 'WaitingForReceiver' }), null, { guests }).facts
}

function clusterEvents(): readonly Event[] {
  const known: ClusterRecord = {
    ...newCluster('prod-1', 'hub1'),
    uid: '7a1d6c52-0c39-4f5e-8a44-9a1f0a2d4b11',
    adopted_at: AT,
    vms: 412,
    status: 'synced',
    reason: '',
    last_event: 'the-one-before',
  }
  const at: Partial<Record<ClusterFact, ClusterRecord>> = {
    unreachable: {
      ...known,
      status: 'unavailable',
      cause: 'unreachable',
      reason: 'connect ECONNREFUSED 10.0.0.5:6443',
    },
    unavailable: {
      ...known,
      status: 'unavailable',
      cause: 'forbidden',
      reason: 'virtualmachines.kubevirt.io is forbidden',
    },
    detached: outOfScope(known, 'its hub hub1 has no such cluster any more', AT),
    placement_changed: {
      ...known,
      kind: 'hub',
      name: 'hub1',
      hub: '',
      uid: '0b0f6a51-7a64-4d06-9d7f-6f3f4f6f7a01',
      vms: 0,
    },
  }
  const details: Partial<Record<ClusterFact, Parameters<typeof clusterEvent>[3]>> = {
    placement_changed: { added: ['prod-3'], removed: ['prod-1', 'prod-2'] },
    deletions_confirmed: { confirmed: { count: 2, names: ['shop/web-8', 'shop/web-9'], by: 'alice' } },
  }
  return CLUSTER_FACTS.map(fact => clusterEvent(at[fact] ?? known, fact, AT, details[fact]))
}

const LOSS: Loss = {
  id: '3f1d9a52-77c1-4d7e-9a43-51a3c5f0e6b2',
  stream: 'state.runs',
  reason: 'virtbridge.state.runs lost records: it was made anew or emptied',
  at: AT,
}

function brakeEvents(): readonly Event[] {
  const id = '8d0c1c52-2f0e-4c37-a1a5-6e1f5b9d2c10'
  const reason = 'more than 50 hosts would start by themselves within 3600 s'
  const brake: Brake = { schema: 5, kind: 'brake', id, at: AT, reason, hosts: 7 }
  const release = { schema: 1, kind: 'release_brake', id: '', brake: id, asked_by: 'operator', at: AT } as const
  const after = released(release, brake, AT)
  if (typeof after === 'string') throw new Error(after)
  const entries: readonly Entry[] = [...braked(brake), ...after]
  return entries.flatMap(({ stream, value }) => (stream === 'events.day2' ? [value as unknown as Event] : []))
}

function day2Events(): readonly Event[] {
  const host = { host: 'web-1.shop.prod-1', key: 'prod-1/shop/web-1', uid: UID, address: '10.0.0.1' }
  const wish = {
    id: '9b3f3f0e-7f55-4c0b-8b5f-3d4a8a0c7f01',
    verb: 'onboard' as const,
    template: 'Day2 | Onboard',
    askedBy: 'bridge',
    reason: 'created after its cluster was adopted, and reachable',
    grounds: groundsOfNews('onboard', { hosts: 50, perMs: 3_600_000 }),
    hosts: [host],
  }
  const run: Run = {
    ...newRun(wish, AT),
    status: 'following',
    attempts: 1,
    launched_at: AT,
    job: { id: 4711, url: 'https://aap.example.com/execution/jobs/playbook/4711/output' },
  }
  const done: Run = { ...run, status: 'finished', outcome: 'ok', counts: { ok: 1 }, finished_at: AT }
  const outcomes: readonly (readonly [HostResult['outcome'], string])[] = [
    ['ok', ''],
    ['failed', 'task "Subscribe" failed'],
    ['unreachable', 'ssh: connect to host 10.0.0.1 port 22: Connection refused'],
    ['missing', 'the job did not run on it'],
    ['unknown', 'the job was cancelled while it ran'],
    ['refused', 'the controller knows it under another address'],
  ]
  const result = (outcome: HostResult['outcome'], detail: string): HostResult => ({
    schema: 1,
    kind: 'host',
    run: run.id,
    host: host.host,
    uid: host.uid,
    outcome,
    detail,
    at: AT,
  })
  return [
    runEvent(run, 'run_started', AT),
    ...outcomes.map(([outcome, detail]) => hostEvent(done, host, result(outcome, detail), AT)),
    runEvent(done, 'run_finished', AT),
    runEvent({ ...run, message: 'its job waits at the controller: no capacity' }, 'run_stuck', AT),
    lossEvent(LOSS),
    confirmedEvent(LOSS, 'operator', AT),
    ...brakeEvents(),
  ]
}
