import { clusterEvent } from '../../src/cluster/event.ts'
import { type ClusterRecord, newCluster } from '../../src/cluster/index.ts'
import { hostEvent, runEvent } from '../../src/day2/event.ts'
import { type HostResult, newRun, type Run } from '../../src/day2/run.ts'
import { CLUSTER_FACTS, type Event } from '../../src/event/index.ts'
import { vmEvent, type VmPart } from '../../src/vm/index.ts'
import { HOLDS, Story, vm as aVm, vmi as aVmi } from '../vm/story.ts'

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
  const found = new Story().look(vm(), vmi(), { adopting: true })
  const life = new Story()
    .look(vm({ status: 'Stopped', labels: {} }))
    .look(vm(), vmi())
    .wait(HOLDS.reachable)
  life.look(vm(), vmi({ node: 'node-2', migrated: { uid: 'migration-1', from: 'node-1', to: 'node-2' } }))
  life.look(vm(), vmi({ node: 'node-2', address: '10.0.0.2' })).wait(HOLDS.address)
  life.look(vm(), vmi({ node: 'node-2', agentConnected: false })).wait(HOLDS.unreachable)
  life
    .look(vm(), vmi({ uid: 'boot-2' }))
    .look(vm({ status: 'Stopped' }))
    .wait(HOLDS.stopped)
    .look(null)
  return [...found.facts, ...life.facts].map(fact => vmEvent(fact, AT))
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
  const away: ClusterRecord = {
    ...known,
    status: 'unavailable',
    cause: 'unreachable',
    reason: 'connect ECONNREFUSED 10.0.0.5:6443',
  }
  return CLUSTER_FACTS.map(fact => clusterEvent(fact === 'unreachable' ? away : known, fact, AT))
}

function day2Events(): readonly Event[] {
  const host = { host: 'web-1.shop.prod-1', key: 'prod-1/shop/web-1', uid: UID, address: '10.0.0.1' }
  const wish = {
    id: '9b3f3f0e-7f55-4c0b-8b5f-3d4a8a0c7f01',
    verb: 'onboard' as const,
    template: 'Day2 | Onboard',
    askedBy: 'bridge',
    reason: 'created after its cluster was adopted, and reachable',
    hosts: [host],
  }
  const run: Run = {
    ...newRun(wish, AT),
    status: 'following',
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
  ]
}
