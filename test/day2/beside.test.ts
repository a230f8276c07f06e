import { describe, expect, test } from 'vitest'
import type { VerbPolicy } from '../../src/day2/index.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { guest, type GuestWish, hostOf } from './guest.ts'
import { launchByHand } from './operator.ts'
import { BESIDE, startWorld, type World, type WorldOptions } from './world.ts'

const RESTORE = 'Day2 | Restore'
const NEVER = { boot: '', reachable: false, address: '' }
const STOPPED: GuestWish = {
  adopted: true,
  told: NEVER,
  seen: { boot: '', phase: '', status: 'Stopped', addresses: [], address: '', agent_connected: false },
}
const VERBS: Readonly<Record<string, VerbPolicy>> = Object.fromEntries(
  ['restore', 'offboard', 'snapshot'].map(verb => [
    verb,
    {
      template: `Day2 | ${verb.slice(0, 1).toUpperCase()}${verb.slice(1)}`,
      driver: 'bridge',
      os: ['linux', 'windows'],
      needs: 'vm',
    },
  ]),
)
const HOST = hostOf('web-1')

/** A world whose controller knows these VMs already. */
async function known(records: readonly VmRecord[], options: WorldOptions = {}): Promise<World> {
  const world = await startWorld({ verbs: VERBS, ...options })
  world.put(...records)
  await world.sync()
  await world.sync(BESIDE)
  return world
}

function inventoryOf(world: World, name: string): number {
  return world.controller.store.inventories.find(each => each.name === name)?.id ?? 0
}

async function settled(world: World, verb: string): Promise<void> {
  await world.command({ hosts: [HOST], verb })
  await world.turn()
  await world.settle()
}

/** One turn, some time after the last: then jobs of others are looked for. */
async function look(world: World): Promise<void> {
  await world.clock.advance(10)
  await world.turn()
}

describe('a verb whose work is beside the guest', () => {
  test.each<[what: string, vm: GuestWish]>([
    ['stopped', STOPPED],
    ['stopped, of a system that nobody knows', { ...STOPPED, family: '' }],
    ['paused', { adopted: true, seen: { paused: true } }],
    ['without an agent', { adopted: true, told: NEVER, seen: { agent_connected: false } }],
    ['without an address', { adopted: true, told: NEVER, seen: { address: '', addresses: [] } }],
  ])('is launched on a VM that is %s, in the inventory in which that is enabled', async (_, wish) => {
    await using world = await known([guest('web-1', wish)])
    await settled(world, 'restore')
    expect(world.launches()).toMatchObject([
      { name: RESTORE, limit: HOST, inventory: inventoryOf(world, BESIDE), status: 'successful' },
    ])
    expect(world.outcomes()).toEqual({ [HOST]: 'ok' })
    expect(world.updates()).toBe(2)
  })

  test('off-boards a stopped VM', async () => {
    await using world = await known([guest('web-1', STOPPED)])
    await settled(world, 'offboard')
    expect(world.outcomes()).toEqual({ [HOST]: 'ok' })
    expect(world.ledger.verb('uid-web-1', 'offboard')).toMatchObject({ status: 'ok' })
  })

  test('is launched on one that stops, or moves to another address, right before', async () => {
    await using world = await known([guest('web-1', { adopted: true })])
    world.controller.faults.afterwards({ method: 'GET', path: /\/script\/$/ }, () => world.put(guest('web-1', STOPPED)))
    await settled(world, 'restore')
    expect(world.outcomes()).toEqual({ [HOST]: 'ok' })
  })

  test('brings its own inventory up to date first, when that does not have the VM', async () => {
    await using world = await startWorld({ verbs: VERBS })
    world.put(guest('web-1', STOPPED))
    await settled(world, 'restore')
    expect(world.run()).toMatchObject({ outcome: 'ok', updates: 1 })
    const [update] = [...world.controller.store.updates.all()]
    expect(update?.inventory).toBe(inventoryOf(world, BESIDE))
  })

  test.each<[what: string, spoil: (world: World) => void, detail: RegExp]>([
    ['that is gone', world => world.gone(guest('web-1')), /no VM has this host name/],
    [
      'of a cluster that can not be seen',
      world => world.fleet.apply({ key: 'prod-1', value: null }),
      /its cluster is unknown/,
    ],
  ])('is not launched on a VM %s', async (_, spoil, detail) => {
    await using world = await known([guest('web-1', STOPPED)])
    spoil(world)
    await settled(world, 'restore')
    expect(world.launches()).toEqual([])
    expect(world.details()[HOST]).toMatch(detail)
  })

  test('is not launched on a VM that the controller has by another uid, or disabled, also after an update', async () => {
    await using world = await known([guest('web-1', STOPPED), guest('web-2', { ...STOPPED, uid: 'uid-old' })])
    world.breakSource(true)
    world.put(guest('web-2', STOPPED))
    const row = world.controller.store.hosts.find(
      each => each.name === HOST && each.inventory === inventoryOf(world, BESIDE),
    )
    if (row !== undefined) row.enabled = false
    await world.command({ hosts: [HOST, hostOf('web-2')], verb: 'restore' })
    await world.turn()
    await world.settle()
    expect(world.launches()).toEqual([])
    expect(world.details()[HOST]).toMatch(/^it is disabled in the controller’s inventory/)
    expect(world.details()[hostOf('web-2')]).toMatch(/^the controller has the VM with uid "uid-old", the fleet "uid-/)
  })

  test('is refused by a template that is bound to the inventory of guests', async () => {
    await using world = await known([guest('web-1', STOPPED)], {
      objects: objects => {
        for (const template of objects.templates) if (template.name === RESTORE) template.inventory = 'virtbridge fleet'
      },
    })
    await settled(world, 'restore')
    expect(world.launches()).toEqual([])
    expect(world.run().message).toContain('it runs on inventory "virtbridge fleet", not on "virtbridge beside guests"')
  })

  test('waits for nobody and goes before nobody: a VM has one run at a time, whatever each needs', async () => {
    await using world = await known([guest('web-1', { adopted: true })])
    await world.command({ hosts: [HOST], verb: 'patch' })
    await world.command({ hosts: [HOST], verb: 'snapshot' })
    await world.turn()
    await world.settle()
    expect(world.launches().map(job => job.name)).toEqual(['Day2 | Patch'])
    expect(world.details(world.run(1))[HOST]).toBe(`run ${world.run(0).id} holds it`)
  })
})

describe('a verb whose work is in the guest', () => {
  test('is never launched on a stopped VM, although another inventory has it enabled', async () => {
    await using world = await known([guest('web-1', STOPPED)])
    await settled(world, 'patch')
    expect(world.launches()).toEqual([])
    expect(world.details()).toEqual({ [HOST]: 'not ready: stopped' })
  })

  test('is refused by a template that is bound to the inventory of work beside the guest', async () => {
    await using world = await known([guest('web-1', { adopted: true })], {
      objects: objects => {
        for (const template of objects.templates) if (template.name === 'Day2 | Patch') template.inventory = BESIDE
      },
    })
    await settled(world, 'patch')
    expect(world.launches()).toEqual([])
    expect(world.run().message).toContain('it runs on inventory "virtbridge beside guests", not on "virtbridge fleet"')
  })
})

describe('what others launch in the inventory of work beside the guest', () => {
  const onlooking = { everyMs: 1, verbs: new Map([[RESTORE, 'restore']]), rulebooks: new Set<string>() }

  test('holds its VMs, and counts', async () => {
    await using world = await known([guest('web-1', { adopted: true })], { onlooking })
    await look(world)
    await launchByHand(world, RESTORE, { limit: HOST })
    await look(world)
    await world.command({ hosts: [HOST], verb: 'patch' })
    await world.turn()
    await world.settle()
    expect(world.launches().map(job => job.name)).toEqual([RESTORE])
    expect(world.details(world.run(1))[HOST]).toMatch(
      `run ${world.run(0).id}, launched from the controller, may run on it`,
    )
    expect(world.ledger.verb('uid-web-1', 'restore')).toMatchObject({ status: 'ok' })
  })

  test('is known although it began before that inventory was named to the bridge', async () => {
    await using world = await known([guest('web-1', { adopted: true })], { onlooking, besideLater: true })
    await look(world)
    await launchByHand(world, RESTORE, { limit: HOST })
    await look(world)
    await launchByHand(world, 'Day2 | Patch', { limit: hostOf('web-2') })
    await look(world)
    expect(world.runs().map(run => run.template)).toEqual(['Day2 | Patch'])
    await world.restart()
    await look(world)
    expect(world.runs().map(run => run.template)).toContain(RESTORE)
  })

  test('is not looked for while the controller has no such inventory: jobs on the other are seen, and it is told', async () => {
    await using world = await startWorld({
      verbs: VERBS,
      onlooking,
      objects: objects => {
        objects.inventories = objects.inventories.filter(({ name }) => name !== BESIDE)
        objects.inventory_sources = objects.inventory_sources.filter(({ inventory }) => inventory !== BESIDE)
        objects.templates = objects.templates.filter(({ inventory }) => inventory !== BESIDE)
        objects.roles = (objects.roles ?? []).filter(({ on, name }) => on !== 'inventory' || name !== BESIDE)
        const left = new Set(objects.templates.map(({ name }) => name))
        objects.roles = objects.roles.filter(({ on, name }) => on !== 'job_template' || left.has(name))
      },
    })
    world.put(guest('web-1', { adopted: true }))
    await world.sync()
    await look(world)
    await launchByHand(world, 'Day2 | Patch', { limit: HOST })
    await look(world)
    expect(world.runs()).toMatchObject([{ template: 'Day2 | Patch', external: { by: 'alice' } }])
    expect(world.said('trouble')).toContainEqual(expect.stringContaining(BESIDE))
  })
})
