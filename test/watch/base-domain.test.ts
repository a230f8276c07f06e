import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { parseConfig } from '../../src/config/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import type { EventLog } from '../../src/log/index.ts'
import { WatchRole } from '../../src/service/watch/watch.ts'
import { VIEW } from '../../src/simulator/kube/access.ts'
import { onPlural } from '../../src/simulator/kube/faults.ts'
import { CLUSTER_RESOURCES, type Resource } from '../../src/simulator/kube/resource.ts'
import { createMetrics } from '../../src/telemetry/index.ts'
import { all, type Bridge, openLog, startBridge } from '../cluster/bridge.ts'
import { SOON, startWorld, TOKEN, type World } from '../kube/world.ts'
import { kubeconfig } from '../service/clusters.ts'
import { fileIn, SHORT_HOLDS, temporaryFolder } from '../support/bridge.ts'

const DNSES: Resource = {
  group: 'config.openshift.io',
  version: 'v1',
  plural: 'dnses',
  kind: 'DNS',
  namespaced: false,
  statusSubresource: true,
  generations: true,
  required: [],
}
let stack: AsyncDisposableStack
let folder: string
let log: EventLog
let wanted: boolean
let warned: string[]
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  folder = stack.use(await temporaryFolder()).path
  log = stack.use(await openLog(folder))
  wanted = true
  warned = []
})
afterEach(() => stack.disposeAsync())

async function openShift(baseDomain: string | null): Promise<World> {
  const at = stack.use(await startWorld({}, { resources: [...CLUSTER_RESOURCES, DNSES] }))
  if (baseDomain !== null) at.store.create(DNSES, { metadata: { name: 'cluster' }, spec: { baseDomain } })
  return at
}

async function watch(at: World): Promise<Bridge> {
  const baseDomain = { wanted: () => wanted, warn: ({ kind }: { kind: string }) => void warned.push(kind) }
  // A watch that soon ends is opened anew, and asks again.
  const reflect = { watchSeconds: { min: 1, spread: 0 } }
  return stack.use(await startBridge(at, log, { baseDomain, reflect }))
}

const domainOf = ({ watch: { record } }: Bridge): string | undefined => record.base_domain

test('a cluster says its base domain, and another one when its VMs are watched anew', async () => {
  const at = await openShift('prod-1.example.com')
  const some = await watch(at)
  await expect.poll(() => domainOf(some), SOON).toBe('prod-1.example.com')
  at.store.patch(DNSES, { namespace: '', name: 'cluster' }, { spec: { baseDomain: 'new.example.com' } })
  await expect.poll(() => domainOf(some), SOON).toBe('new.example.com')
  await expect.poll(() => some.watch.record.not_read, SOON).toEqual([])
  expect(warned).toEqual([])
})

test('a cluster is not asked where no view shows it, and soon when one does', async () => {
  const at = await openShift('prod-1.example.com')
  wanted = false
  const some = await watch(at)
  await expect.poll(() => some.watch.record.not_read, SOON).toEqual([])
  expect(domainOf(some)).toBeUndefined()
  wanted = true
  await expect.poll(() => domainOf(some), SOON).toBe('prod-1.example.com')
})

test('a cluster that is no OpenShift has no base domain, which is told once, whatever may be read', async () => {
  const at = stack.use(await startWorld())
  at.server.access.grant(TOKEN, { user: 'bridge', rules: VIEW.filter(({ resources }) => !resources.includes('dnses')) })
  const some = await watch(at)
  await expect.poll(() => domainOf(some), SOON).toBe('')
  await expect.poll(() => some.watch.record.not_read, SOON).toEqual(['dns: absent'])
  expect([warned, some.status()]).toEqual([['absent'], 'synced'])
})

test('a cluster that refuses has no base domain until it may be read, which is told once', async () => {
  const at = await openShift('prod-1.example.com')
  const mend = at.server.faults.plant({ kind: 'forbidden' }, onPlural('dnses'))
  const some = await watch(at)
  await expect.poll(() => some.watch.record.not_read, SOON).toEqual(['dns: forbidden'])
  expect([domainOf(some), some.status()]).toEqual(['', 'synced'])
  mend()
  await expect.poll(() => domainOf(some), SOON).toBe('prod-1.example.com')
  await expect.poll(() => some.watch.record.not_read, SOON).toEqual([])
  expect(warned).toEqual(['forbidden'])
})

test('where a cluster does not answer that nothing is known of it, its VMs are watched, and it is asked again', async () => {
  const at = await openShift('prod-1.example.com')
  at.addVm('web-1')
  const mend = at.server.faults.plant({ kind: 'status', code: 500 }, onPlural('dnses'))
  const some = await watch(at)
  await expect.poll(() => some.status(), SOON).toBe('synced')
  await expect.poll(() => some.watch.record.not_read, SOON).toEqual([])
  expect(domainOf(some)).toBeUndefined()
  mend()
  await expect.poll(() => domainOf(some), SOON).toBe('prod-1.example.com')
  expect(warned).toEqual([])
})

test('what a cluster said is on record for another life of the bridge', async () => {
  const at = await openShift('prod-1.example.com')
  const first = await watch(at)
  await expect.poll(() => domainOf(first), SOON).toBe('prod-1.example.com')
  await first[Symbol.asyncDispose]()
  at.server.faults.plant({ kind: 'status', code: 500 }, onPlural('dnses'))
  const second = await watch(at)
  await expect.poll(() => second.status(), SOON).toBe('synced')
  expect(domainOf(second)).toBe('prod-1.example.com')
})

test('a view that lacks the base domain of a cluster is told of in the log once, with the right that is missing and what to do', async () => {
  const at = await openShift('prod-1.example.com')
  at.server.faults.plant({ kind: 'forbidden' }, onPlural('dnses'))
  await fileIn(folder, 'kubeconfig', kubeconfig([{ name: 'prod-1', url: at.server.url }]))
  const view = {
    name: 'old',
    format: 'kubevirt.core',
    kubevirt_core: { network_name: 'vlan10', kube_secondary_dns: true },
  }
  const config = stringify({
    http: { tokens: [{ name: 't', token: { env: 'T' } }] },
    watch: SHORT_HOLDS,
    clusters: [{ name: 'prod-1', kubeconfig: 'kubeconfig', context: 'prod-1' }],
    inventory: { views: [view] },
  })
  const lines: Record<string, unknown>[] = []
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line) as never) })
  const stop = new AbortController()
  const around = { env: {}, logger, now: () => Date.now(), newId: () => 'id', metrics: createMetrics() }
  const parts = { config: parseConfig(config, `${folder}/virtbridge.yaml`), log, fleet: new Fleet() }
  const running = new WatchRole({ ...around, ...parts, signal: stop.signal }).run()
  const records = async (): Promise<unknown> => (await all(log, 'state.fleet')).map(({ value }) => value)
  await expect
    .poll(records, SOON)
    .toContainEqual(expect.objectContaining({ base_domain: '', not_read: ['dns: forbidden'] }))
  stop.abort()
  await running
  expect(lines).toMatchObject([
    {
      msg: 'a cluster tells no base domain',
      cluster: 'prod-1',
      reason: 'it may not be read: the right to get dnses.config.openshift.io "cluster" is missing',
      hint: expect.stringMatching(/deploy\/kubernetes.*base_domain/) as unknown,
    },
  ])
})
