import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { COMMAND_SCHEMA, LEDGER_SCHEMA } from '../../src/day2/index.ts'
import type { Event } from '../../src/event/index.ts'
import { EVENT_STREAMS, type Entry, type EventLog, STATE_STREAMS, type Stored } from '../../src/log/index.ts'
import { VMIS, VMS } from '../../src/simulator/kube/resource.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { clientOf, type World } from '../kube/world.ts'
import { type Clusters, startClusters } from '../service/clusters.ts'
import { type Bridge, startBridge, temporaryFolder } from '../support/bridge.ts'
import { all, latest } from './conformance.ts'

/** What the tests need to know of an engine: how a configuration names it, and how it is opened alone. */
export interface VersionedEngine {
  readonly config: (folder: string) => Record<string, unknown>
  readonly open: (folder: string) => Promise<EventLog>
  /** Of how many kinds of record it is tried: what decides is the same for every engine. */
  readonly kinds: number
}

/**
 * Every record as version 1 wrote it, of a bridge on one cluster: web-1 was there before, web-2 was onboarded, web-3 was halted and
 * waits to be told as stopped; a patch of web-1 is followed. Frozen: it stands for the program of then, and is never made anew.
 */
export const V1 = JSON.parse(
  readFileSync(new URL('../fixtures/records/v1.json', import.meta.url), 'utf8'),
) as readonly (Entry & { readonly value: object })[]

const SOON = { timeout: 60_000, interval: 20 }

/** What old and new programs promise each other on one log, whichever engine. */
export function versions(name: string, engine: VersionedEngine): void {
  describe(`old and new programs on the ${name} log`, () => {
    test('the new one reads what the old one wrote and goes on from it, turn by turn: nothing is lost or told twice', async () => {
      await using folder = await temporaryFolder()
      await using clusters = await startClusters(folder.path, 'prod-1')
      const old = await beforehand(clusters)
      await write(engine, folder.path, old)
      const before = eventsIn(old)
      {
        await using bridge = await start(engine, folder.path, clusters)
        await expect.poll(() => facts(bridge), SOON).toEqual([...before.map(factOf), 'stopped web-3'])
        expect((await shown(bridge)).runs).toEqual(['onboard ok', 'patch following'])
        clusters.worlds['prod-1']?.removeVm('web-2')
        await expect.poll(async () => (await facts(bridge)).at(-1), SOON).toBe('deleted web-2')
        expect((await bridge.events()).at(-1)?.data.previous).toBe(recordOf(old, 'web-2').last_event)
      }
      const between = await contents(engine, folder.path)
      expectReadableByOld(between)
      // The old one again: it goes on with what the new one left.
      const [last] = before.slice(-1)
      const again = { ...last, id: '6a6a1f7e-0000-5000-8000-000000000001' }
      await write(engine, folder.path, [{ stream: 'events.vm', key: 'prod-1/shop/web-3', value: again }])
      await using bridge = await start(engine, folder.path, clusters)
      await expect.poll(async () => (await shown(bridge)).vms, SOON).toEqual(['web-1', 'web-3'])
      const ids = (await bridge.events()).map(event => event.id)
      expect(ids).toEqual([...between.filter(isVmEvent).map(({ value }) => (value as Event).id), again.id])
      expect(ids.slice(0, before.length)).toEqual(before.map(event => event.id))
    })

    test('the old one refuses what is newer than it knows, in one sentence, before anything is written', async () => {
      await using folder = await temporaryFolder()
      await using clusters = await startClusters(folder.path, 'prod-1')
      let mended = V1
      for (const entry of TRIED.slice(0, engine.kinds)) {
        await write(engine, folder.path, [...mended, entry])
        mended = V1.filter(one => one.stream === entry.stream && one.key === entry.key)
        const before = await contents(engine, folder.path)
        await expect(start(engine, folder.path, clusters)).rejects.toMatchObject({
          code: 'log_newer',
          message: `${entry.stream} has ${entry.key} by a newer virtbridge (record schema 99, this one knows ${known(entry)})`,
          hint: expect.stringContaining('start the newer version again') as string,
        })
        expect(await contents(engine, folder.path)).toEqual(before)
      }
    })
  })
}

/** The schema of such a record that this program knows. */
export function known({ stream }: Pick<Entry, 'stream'>): number {
  if (stream === 'commands') return COMMAND_SCHEMA
  return stream === 'state.runs' ? LEDGER_SCHEMA : 1
}

/** Every kind of record that is acted upon, as a program of later may write it. */
export const NEWER: readonly Entry[] = V1.filter(({ stream }) => stream.startsWith('state.') || stream === 'commands')
  .filter((entry, index, all) => all.findIndex(one => isLike(one, entry)) === index)
  .map(({ stream, key, value }) => ({ stream, key, value: { ...value, schema: 99 } }))

/** A VM, a run and a command: what each role finds first. The command is last, as what is on its stream stays. */
const TRIED = [/shop/, /^run\/[^/]+$/, /^[^/]+$/].flatMap(
  (key, index) => NEWER.find(entry => key.test(entry.key) && (entry.stream === 'commands') === (index === 2)) ?? [],
)

/** Whether two entries are records of one kind, as their streams and keys tell. */
function isLike(one: Pick<Stored, 'stream' | 'key'>, other: Pick<Stored, 'stream' | 'key'>): boolean {
  if (one.stream !== other.stream) return false
  return one.stream !== 'state.runs' && one.stream !== 'state.fleet' ? true : kindOf(one.key) === kindOf(other.key)
}

function kindOf(key: string): string {
  return `${key.split('/')[0] ?? ''} ${key.split('/').length}`
}

/** The frozen records, with the uids that the simulated cluster gives to what they are of. */
async function beforehand({ worlds }: Clusters): Promise<readonly (Entry & { readonly value: object })[]> {
  const world = worlds['prod-1']
  if (world === undefined) throw new Error('there is no such cluster')
  world.relabel('web-1', { app: 'web' })
  world.addVm('web-2')
  world.boot('web-2', { address: '10.0.0.2' })
  world.addVm('web-3')
  await using client = clientOf(world.server.url)
  const uids = new Map([[recordOf(V1, 'web-1').cluster_uid, await client.identity(new AbortController().signal)]])
  for (const name of ['web-1', 'web-2', 'web-3']) {
    const { uid, seen } = recordOf(V1, name)
    uids.set(uid, uidOf(world, VMS, name))
    if (seen.boot !== '') uids.set(seen.boot, uidOf(world, VMIS, name))
  }
  let text = JSON.stringify(V1)
  for (const [was, is] of uids) text = text.replaceAll(was, is)
  return JSON.parse(text) as typeof V1
}

function uidOf({ store }: World, of: typeof VMS, name: string): string {
  return store.get(of, { namespace: 'shop', name })?.metadata.uid ?? ''
}

function recordOf(entries: readonly Entry[], name: string): VmRecord {
  return entries.find(({ stream, key }) => stream === 'state.fleet' && key.endsWith(`/${name}`))?.value as VmRecord
}

async function write(engine: VersionedEngine, folder: string, entries: readonly Entry[]): Promise<void> {
  await using log = await engine.open(folder)
  await log.append(entries)
}

function start(engine: VersionedEngine, folder: string, { config }: Clusters): Promise<Bridge> {
  return startBridge(folder, { clusters: config, log: engine.config(folder) })
}

/** All that is in the log: events of every stream, and the latest of each state. */
async function contents(
  engine: VersionedEngine,
  folder: string,
): Promise<readonly Pick<Stored, 'stream' | 'key' | 'value'>[]> {
  await using log = await engine.open(folder)
  const events = await Promise.all(EVENT_STREAMS.map(stream => all(log, stream)))
  const states = await Promise.all(STATE_STREAMS.map(stream => latest(log, stream)))
  const byKey = states.flat().sort((a, b) => (a.key < b.key ? -1 : 1))
  return [...events.flat(), ...byKey].map(({ stream, key, value }) => ({ stream, key, value }))
}

/** Each record that the new one wrote has everything that the old one reads, of the type that it reads. */
function expectReadableByOld(entries: readonly Pick<Stored, 'stream' | 'key' | 'value'>[]): void {
  for (const { stream, key, value } of entries) {
    const like = V1.find(one => isLike(one, { stream, key }) && hasSameKind(one.value, value))
    if (like === undefined || value === null) continue
    expect([key, missing(like.value, value)]).toEqual([key, []])
  }
}

/** Commands share a stream: what they are, they say. */
function hasSameKind(one: object, other: object | null): boolean {
  const kind = (value: object | null): unknown => (value !== null && 'kind' in value ? value.kind : undefined)
  return kind(one) === kind(other)
}

/** Paths of `wanted` that `found` has not, or of another type. Maps and lists may hold whatever they hold. */
function missing(wanted: object, found: object, at = ''): readonly string[] {
  return Object.entries(wanted).flatMap(([key, value]: [string, unknown]) => {
    const path = `${at}/${key}`
    const other = (found as Record<string, unknown>)[key]
    if (/\/(labels|last_of|counts|job|update|before)$/.test(path)) return typeof other === 'object' ? [] : [path]
    if (Array.isArray(value) || typeof value !== 'object' || value === null)
      return typeof value === typeof other && Array.isArray(value) === Array.isArray(other) ? [] : [path]
    return typeof other === 'object' && other !== null ? missing(value, other, path) : [path]
  })
}

function isVmEvent({ stream }: Pick<Stored, 'stream'>): boolean {
  return stream === 'events.vm'
}

function eventsIn(entries: readonly Entry[]): readonly Event<{ fact: string; vm: { name: string } }>[] {
  return entries.filter(isVmEvent).map(({ value }) => value as Event<{ fact: string; vm: { name: string } }>)
}

function factOf({ data }: Event<{ fact: string; vm: { name: string } }>): string {
  return `${data.fact} ${data.vm.name}`
}

async function facts(bridge: Bridge): Promise<readonly string[]> {
  return (await bridge.events()).map(factOf)
}

/** What the API shows: runs, names of VMs. */
async function shown({ api }: Bridge): Promise<{ runs: readonly string[]; vms: readonly string[] }> {
  const { runs } = (await api.get('/api/v1/runs')) as {
    runs: readonly { verb: string; status: string; outcome: string }[]
  }
  const { vms } = (await api.get('/api/v1/vms')) as { vms: readonly { name: string }[] }
  return {
    runs: runs.map(run => `${run.verb} ${run.outcome || run.status}`).sort(),
    vms: vms.map(vm => vm.name).sort(),
  }
}
