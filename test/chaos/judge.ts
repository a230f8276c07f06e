import { isDeepStrictEqual } from 'node:util'
import type { Event, VmEventData } from '../../src/event/index.ts'
import type { EventLog } from '../../src/log/index.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { pause } from '../../src/waiting.ts'
import { all } from '../cluster/bridge.ts'
import type { KubeClient } from '../servers/kube-client.ts'

/** Facts that change what is said of a VM. `restarted` is of another boot. */
const TELLING: readonly string[] = ['labels_changed', 'started', 'stopped', 'crashed']

/** What can be said of a VM by all three: the API server, who heard the events, and the stored state. */
interface Said {
  readonly uid: string
  readonly labels: object
  readonly runs: boolean
}

type Fleet = Record<string, Said>

interface KubeList {
  readonly items: readonly {
    readonly metadata: {
      namespace: string
      name: string
      uid: string
      labels?: object
      ownerReferences?: readonly { uid: string }[]
    }
    readonly status?: { phase?: string }
  }[]
}

/**
 * What the API server has, by `namespace/name`. A VMI belongs to the VM that owns it: an answer that got lost can leave one of a VM that is
 * gone under the name of a new one.
 */
export async function truthOf(client: KubeClient): Promise<Fleet> {
  const [vms, vmis] = await Promise.all(
    ['virtualmachines', 'virtualmachineinstances'].map(plural =>
      client.get<KubeList>(`/apis/kubevirt.io/v1/${plural}`),
    ),
  )
  const keyOf = (item: KubeList['items'][number]): string => `${item.metadata.namespace}/${item.metadata.name}`
  const running = new Set(
    (vmis?.items ?? [])
      .filter(({ status }) => status?.phase === 'Running')
      .flatMap(({ metadata }) => (metadata.ownerReferences ?? []).map(({ uid }) => uid)),
  )
  const entries = (vms?.items ?? []).map((item): [string, Said] => {
    const { uid, labels = {} } = item.metadata
    return [keyOf(item), { uid, labels, runs: running.has(uid) }]
  })
  return Object.fromEntries(entries)
}

/** What the stored state says. */
export async function storedIn(log: EventLog): Promise<Fleet> {
  const fleet: Fleet = {}
  for await (const { key, value } of log.latest('state.fleet')) {
    if (value === null || !('told' in value)) continue
    const { uid, seen } = value as VmRecord
    fleet[key.slice(key.indexOf('/') + 1)] = { uid, labels: seen.labels, runs: seen.phase === 'Running' }
  }
  return fleet
}

/** What is known to who heard the events alone, and what is wrong with them. */
export async function heardIn(log: EventLog): Promise<{ fleet: Fleet; wrong: readonly string[] }> {
  const fleet: Record<string, Said> = {}
  const wrong: string[] = []
  const seen = new Set<string>()
  const once = new Set<string>()
  const last = new Map<string, string>()
  for (const { value } of await all(log, 'events.vm')) {
    const { id, data } = value as Event<VmEventData>
    if (seen.has(id)) continue
    seen.add(id)
    const { vm, fact, previous } = data
    const key = `${vm.namespace}/${vm.name}`
    const about = `${fact} of ${key} ${vm.uid}`
    const before = fleet[key]
    if (['created', 'discovered', 'deleted'].includes(fact)) {
      if (once.has(`${fact} ${vm.uid}`)) wrong.push(`${about} has two ids`)
      once.add(`${fact} ${vm.uid}`)
    }
    if ((last.get(vm.uid) ?? '') !== previous) wrong.push(`${about} does not follow the event before it`)
    last.set(vm.uid, id)
    if (data.origin === 'sync' && !data.gap) wrong.push(`${about} was missed, and does not say so`)
    if (fact === 'created' || fact === 'discovered') {
      if (before !== undefined) wrong.push(`${about} came before the end of the one before`)
      // What was there before is told as it was: whether it ran can be read off its node.
      fleet[key] = { uid: vm.uid, labels: vm.labels, runs: fact === 'discovered' && vm.node !== '' }
    } else if (before?.uid !== vm.uid) wrong.push(`${about}, of which nobody had heard`)
    else if (fact === 'deleted') delete fleet[key]
    else {
      const after = next(before, data)
      // One change that is told under two ids would change nothing the second time.
      if (TELLING.includes(fact) && isDeepStrictEqual(after, before)) wrong.push(`${about} was so already`)
      fleet[key] = after
    }
  }
  return { fleet, wrong }
}

function next(before: Said, { fact, vm }: VmEventData): Said {
  if (fact === 'labels_changed') return { ...before, labels: vm.labels }
  if (fact === 'started' || fact === 'restarted') return { ...before, runs: true }
  return fact === 'stopped' || fact === 'crashed' ? { ...before, runs: false } : before
}

/**
 * Waits until the events, the stored state and the API server say the same; gives what is wrong with the events, and what they still
 * differ in after `ms`.
 */
export async function disagreement(log: EventLog, client: KubeClient, ms = 120_000): Promise<readonly string[]> {
  const forever = new AbortController().signal
  for (const deadline = performance.now() + ms; ; await pause(50, forever)) {
    const [heard, stored, truth] = [await heardIn(log), await storedIn(log), await truthOf(client)]
    const same = isDeepStrictEqual(heard.fleet, truth) && isDeepStrictEqual(stored, truth)
    if (same) return heard.wrong
    if (performance.now() < deadline) continue
    return [...heard.wrong, ...differences('heard', heard.fleet, truth), ...differences('stored', stored, truth)]
  }
}

function differences(who: string, fleet: Fleet, truth: Fleet): readonly string[] {
  const keys = [...new Set([...Object.keys(fleet), ...Object.keys(truth)])]
  return keys
    .filter(key => !isDeepStrictEqual(fleet[key], truth[key]))
    .map(key => `${key} is ${JSON.stringify(truth[key])}, and was ${who} as ${JSON.stringify(fleet[key])}`)
}
