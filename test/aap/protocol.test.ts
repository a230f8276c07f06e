import { describe, expect, test } from 'vitest'
import {
  launchHazards,
  marker,
  openController,
  reconcile,
  rightGuest,
  sourceHazards,
  type Controller,
  type LaunchRequest,
} from '../../src/aap/index.ts'
import {
  loadObjects,
  readObjectFiles,
  startSimulatedController,
  type SimulatedController,
} from '../../src/simulator/controller/index.ts'
import { day2World, launch } from '../simulator/controller/worlds.ts'
import { TOKEN } from './recorded.ts'

const DEPLOY = new URL('../../deploy/aap/', import.meta.url)

const guest = (name: string, number: number) => ({
  host: `${name}.shop.prod-1`,
  uid: `uid-${number}`,
  ways: [{ ansible_host: `10.1.2.${number}` }],
})
const guests = [guest('web-1', 1), guest('web-2', 2), guest('db-1', 3)]

/** What the fleet's inventory endpoint answers. */
function fleet(enabled: (host: string) => boolean = () => true) {
  const hostvars = guests.map(({ host, uid, ways: [way] }) => [
    host,
    { kubevirt_uid: uid, ...way, kubevirt_enabled: enabled(host) },
  ])
  return {
    _meta: { hostvars: Object.fromEntries(hostvars) as object },
    all: { children: ['cluster_prod_1'] },
    cluster_prod_1: { hosts: guests.map(({ host }) => host) },
  }
}

const QUICK = { pendingMs: 1, waitingMs: 1, playMs: 5, eventsDelayMs: 5, cancelMs: 1, updateMs: 5, tickMs: 20 }

async function simulated(prefix: 'controller' | ''): Promise<SimulatedController> {
  return startSimulatedController({
    objects: loadObjects(readObjectFiles(DEPLOY)),
    tokens: {
      [TOKEN]: {
        user: 'virtbridge',
        scope: 'write',
        description: 'virtbridge',
        expires: Date.parse('2027-11-21T00:00:00Z'),
      },
    },
    origins: { virtbridge: () => fleet() },
    outcome: host => (host.startsWith('db') ? 'failed' : 'changed'),
    timing: QUICK,
    prefix,
  })
}

async function synced(controller: Controller) {
  const inventory = await controller.findInventory('virtbridge fleet', 'Default')
  const source = await controller.findInventorySource('virtbridge', inventory)
  const update = await controller.updateSource(source)
  await expect.poll(async () => (await controller.update(update)).finished).toBe(true)
  expect(await controller.update(update)).toMatchObject({ status: 'successful', failed: false })
  return { inventory, source }
}

function requestFor(hosts: string[], inventory: number, run = '6ade9a1c-fe51-4f99-9cea-b7b1662999d7'): LaunchRequest {
  return {
    hosts,
    inventory,
    marker: marker(run),
    extraVars: { virtbridge_run_id: run, virtbridge_expected_count: hosts.length, virtbridge_verb: 'patch' },
  }
}

describe.each(['', 'controller'] as const)(
  'with the objects of deploy/aap on a simulated controller (prefix %j)',
  prefix => {
    test('the shipped templates and source have no hazard', async () => {
      await using simulator = await simulated(prefix)
      await using controller = openController({ url: simulator.url, token: () => TOKEN, requestTimeoutMs: 5000 })
      const inventory = await controller.findInventory('virtbridge fleet', 'Default')
      const beside = await controller.findInventory('virtbridge beside guests', 'Default')
      const shipped = loadObjects(readObjectFiles(DEPLOY)).templates.filter(({ name }) => name.startsWith('Day2 | '))
      for (const { name, inventory: itsName } of shipped) {
        const its = itsName === beside.name ? beside : inventory
        expect(launchHazards(await controller.findTemplate(name, 'Default'), its, []), name).toEqual([])
      }
      expect(sourceHazards(await controller.findInventorySource('virtbridge', inventory))).toEqual([])
      expect((await controller.discover()).base).toBe(simulator.base)
    })

    test('hosts are synced, proven, launched on, followed and reconciled', async () => {
      await using simulator = await simulated(prefix)
      await using controller = openController({ url: simulator.url, token: () => TOKEN, requestTimeoutMs: 5000 })
      const { inventory } = await synced(controller)
      const { ready, stale } = rightGuest(
        [...guests, guest('gone', 9), { ...guest('web-1', 1), uid: 'a-new-vm' }],
        await controller.hosts(inventory),
      )
      expect(ready).toEqual(guests.map(({ host }) => host))
      expect(stale.map(({ why }) => why)).toEqual(['absent', 'uid'])

      const template = await controller.findTemplate('Day2 | Patch', 'Default')
      const request = requestFor([...ready, 'gone.shop.prod-1'], inventory.id)
      const launched = await controller.launch(template, request)
      expect(launched.kind).toBe('launched')
      const found = await controller.findByMarker(request.marker)
      const id = found.original?.id ?? 0
      await expect.poll(async () => (await controller.jobs([id])).get(id)).toMatchObject({ finished: true })
      const job = (await controller.jobs([id])).get(id) ?? 'vanished'
      const outcomes = reconcile(request.hosts, job, await controller.hostSummaries({ url: found.original?.url ?? '' }))
      expect([...outcomes].map(([host, { outcome }]) => [host, outcome])).toEqual([
        ['web-1.shop.prod-1', 'ok'],
        ['web-2.shop.prod-1', 'ok'],
        ['db-1.shop.prod-1', 'failed'],
        ['gone.shop.prod-1', 'missing'],
      ])
      expect(
        (await controller.failureReasons({ url: found.original?.url ?? '' })).get('db-1.shop.prod-1')?.message,
      ).not.toBe('')
      simulator.deleteJob(id)
      expect((await controller.jobs([id])).get(id)).toBe('vanished')
    })

    test.each([
      ['commit-then-drop', { kind: 'commit-then-drop' }, 'launched'],
      ['drop-before-commit', { kind: 'drop-before-commit' }, 'absent'],
      ['a truncated answer', { kind: 'truncated' }, 'launched'],
      ['a 504 with effect', { kind: 'gateway-error', status: 504, commit: true }, 'launched'],
      ['a 502 without', { kind: 'gateway-error', status: 502, commit: false }, 'absent'],
    ] as const)('a launch that meets %s is ambiguous, and its marker tells the rest', async (_, fault, recovered) => {
      await using simulator = await simulated(prefix)
      await using controller = openController({ url: simulator.url, token: () => TOKEN, requestTimeoutMs: 5000 })
      const { inventory } = await synced(controller)
      const template = await controller.findTemplate('Day2 | Patch', 'Default')
      simulator.faults.add({ method: 'POST', path: /launch/ }, fault)
      const request = requestFor(['web-1.shop.prod-1'], inventory.id)
      expect((await controller.launch(template, request)).kind).toBe('ambiguous')
      expect((await controller.recover(template, request)).kind).toBe(recovered)
    })

    test('a prompt that is switched off between preflight and POST is found by the echo, and the job cancelled', async () => {
      await using simulator = await simulated(prefix)
      await using controller = openController({ url: simulator.url, token: () => TOKEN, requestTimeoutMs: 5000 })
      const { inventory } = await synced(controller)
      simulator.flipPromptAfterPreflight('Day2 | Patch', 'limit')
      const template = await controller.findTemplate('Day2 | Patch', 'Default')
      const launched = await controller.launch(template, requestFor(['web-1.shop.prod-1'], inventory.id))
      expect(launched).toMatchObject({ kind: 'widened', cancelled: true })
    })
  },
)

test('jobs on an inventory are not missed when some are cleaned up while pages are turned', async () => {
  await using world = await day2World()
  const first = await launch(world, { limit: 'vm1' })
  await world.clock.advance(10_000)
  const ids = Array.from({ length: 205 }, (_, index) => first + index)
  for (const id of ids) world.store.jobs.add({ ...world.store.jobs.must(first), id })
  world.faults.afterwards({ method: 'GET', path: /\/jobs\/$/ }, () => {
    for (const id of ids.slice(0, 3)) world.deleteJob(id)
  })
  await using controller = openController({ url: world.url, token: () => 'admin', requestTimeoutMs: 5_000 })
  const { jobs, newest, more } = await controller.jobsOn([{ id: 1 }], 0)
  expect(jobs.map(({ id }) => id)).toEqual(ids)
  expect([newest, more]).toEqual([ids.at(-1), false])
})
