import type { EventLog, Entry } from '../../src/log/index.ts'
import { VMIS, VMS } from '../../src/simulator/kube/resource.ts'
import { all, dying } from '../cluster/bridge.ts'
import type { World } from '../kube/world.ts'
import type { Event, VmEventData } from '../../src/event/index.ts'

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** One thing that happens to one of a few VMs. `vm-0` stays, so that never all are gone: that is held, which is another law. */
export function happen(at: World, random: () => number): void {
  const name = `vm-${Math.floor(random() * 6)}`
  const ref = { namespace: 'shop', name }
  const there = at.store.get(VMS, ref) !== null
  const booted = at.store.get(VMIS, ref) !== null
  const dice = random()
  if (!there) at.addVm(name)
  else if (dice < 0.2 && name !== 'vm-0') {
    if (booted) at.halt(name)
    at.removeVm(name)
  } else if (dice < 0.4) at.relabel(name, { turn: String(Math.floor(random() * 1_000)) })
  else if (booted) at.halt(name)
  else at.boot(name, { address: `10.0.0.${1 + Math.floor(random() * 9)}` })
}

/** One thing that goes wrong between the API server and the bridge. Gives what mends it. */
export async function trouble(at: World, random: () => number): Promise<() => Promise<void>> {
  const { server } = at
  const nothing = (): Promise<void> => Promise.resolve()
  const kinds = [
    () => server.watches.forEach(watch => watch.cut()),
    () => server.watches.forEach(watch => watch.truncateNext()),
    () => server.watches.forEach(watch => watch.end()),
    () => at.store.compact(),
    () => void server.faults.plant({ kind: 'drop' }, undefined, 3),
    () => void server.faults.plant({ kind: 'status', code: 500 }, undefined, 3),
    () => void server.faults.plant({ kind: 'status', code: 410 }, undefined, 2),
  ]
  const chosen = Math.floor(random() * (kinds.length + 1))
  kinds[chosen]?.()
  if (chosen < kinds.length) return nothing
  await server.down()
  return () => server.up()
}

/** A log that dies at its nth append that has an event, before it is durable or after. */
export function mortal(log: EventLog, random: () => number): EventLog & { readonly died: boolean } {
  let left = 1 + Math.floor(random() * 3)
  const when = (entries: readonly Entry[]): boolean =>
    entries.some(entry => entry.stream === 'events.vm') && (left -= 1) === 0
  return dying(log, { when, durable: random() < 0.5 })
}

/** What somebody believes who heard only the events, each id once: uid, labels and whether it runs, by name. */
export async function believed(log: EventLog): Promise<Record<string, unknown>> {
  const seen = new Set<string>()
  const vms: Record<string, { uid: string; labels: object; runs: boolean }> = {}
  for (const { value } of await all(log, 'events.vm')) {
    const { id, data } = value as Event<VmEventData>
    if (seen.has(id)) continue
    seen.add(id)
    const { name, uid, labels } = data.vm
    const known = vms[name]
    if (data.fact === 'deleted') delete vms[name]
    else if (data.fact === 'created') vms[name] = { uid, labels, runs: false }
    // What was there before is told as it was: whether it ran can be read off its node.
    else if (data.fact === 'discovered') vms[name] = { uid, labels, runs: data.vm.node !== '' }
    else if (known === undefined || known.uid !== uid) throw new Error(`${data.fact} of ${name}, which nobody heard of`)
    else if (data.fact === 'labels_changed') vms[name] = { ...known, labels }
    else if (data.fact === 'started' || data.fact === 'restarted') vms[name] = { ...known, runs: true }
    else if (data.fact === 'stopped') vms[name] = { ...known, runs: false }
  }
  return vms
}

/** The truth: what the API server has. */
export function truth(at: World): Record<string, unknown> {
  return Object.fromEntries(
    at.store.list(VMS).map(({ metadata }) => {
      const runs = at.store.get(VMIS, { namespace: 'shop', name: metadata.name }) !== null
      return [metadata.name, { uid: metadata.uid, labels: metadata.labels ?? {}, runs }]
    }),
  )
}
