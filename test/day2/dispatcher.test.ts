import { describe, expect, test } from 'vitest'
import type { Controller } from '../../src/aap/index.ts'
import { guest, hostOf } from './guest.ts'
import { LAUNCH, names, ONBOARD, startWorld, type World } from './world.ts'

const SCRIPT = { method: 'GET', path: /\/script\/$/ }
const UPDATE = { method: 'POST', path: /\/inventory_sources\/\d+\/update\/$/ }

/** A world whose controller knows these guests of `prod-1` already. */
async function known(short: readonly string[], options: Parameters<typeof startWorld>[0] = {}): Promise<World> {
  const world = await startWorld(options)
  world.put(...short.map(name => guest(name)))
  await world.sync()
  return world
}

/** Turns until the first run is in this status, without letting time pass by more than needed. */
async function reach(world: World, status: string): Promise<void> {
  await world.until(() => world.run().status === status, 100)
}

describe('a guest that is news', () => {
  test('is onboarded once: an update brings it to the controller, a job is launched on it, and what became of it is recorded', async () => {
    await using world = await startWorld()
    world.put(guest('web-1'), guest('old-2', { adopted: true }), guest('win-3', { family: 'windows' }))
    await world.settle()
    expect(world.run()).toMatchObject({
      status: 'finished',
      outcome: 'ok',
      updates: 1,
      attempts: 1,
      asked_by: 'bridge',
      trigger: 'news',
      allowed_by: expect.stringMatching(/^the rule of onboard: new since .*; \d+ hosts in \d+ s at most$/) as string,
      launched_at: expect.any(Number) as number,
    })
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
    expect(world.launches()).toMatchObject([
      {
        limit: hostOf('web-1'),
        name: ONBOARD,
        skip_tags: `virtbridge-${world.run().id.replaceAll('-', '')}`,
        extra_vars: { virtbridge_run_id: world.run().id, virtbridge_expected_count: 1, virtbridge_verb: 'onboard' },
      },
    ])
    const told = await world.events()
    expect(told.map(event => event.fact)).toEqual(['run_started', 'host_succeeded', 'run_finished'])
    const { reason: asked_because, allowed_by } = world.run()
    for (const { of } of told) expect(of).toMatchObject({ asked_because, trigger: 'news', allowed_by, attempts: 1 })
    expect(world.ledger.verb('uid-web-1', 'onboard')).toMatchObject({ status: 'ok', run: world.run().id })
  })

  test('is left alone afterwards, however long one looks, and after a restart', async () => {
    await using world = await known(['web-1'])
    await world.settle()
    await world.restart({ reopen: true })
    for (let turn = 0; turn < 20; turn++) {
      await world.turn()
      await world.clock.advance(3_600_000)
    }
    expect(world.jobs()).toHaveLength(1)
    expect(world.updates()).toBe(1)
    expect(world.runs()).toHaveLength(1)
  })

  test('is onboarded again when it is another incarnation of the same name', async () => {
    await using world = await known(['web-1'])
    await world.settle()
    world.put(guest('web-1', { uid: 'uid-anew' }))
    await world.settle()
    expect(world.runs().map(run => run.hosts.map(host => host.uid))).toEqual([['uid-web-1'], ['uid-anew']])
    expect(world.launches()).toHaveLength(2)
  })

  test('shares its job with those that come at about the same time, and each has its own outcome', async () => {
    await using world = await known(['web-1', 'web-2'], {
      policy: { coalesceMs: 5_000 },
      outcome: host => (host === hostOf('web-2') ? 'failed' : 'changed'),
    })
    world.gone(guest('web-2'))
    await world.turn()
    await world.clock.advance(4_000)
    world.put(guest('web-2'))
    await world.turn()
    expect(world.runs()).toEqual([])
    await world.clock.advance(1_000)
    await world.settle()
    expect(world.launches()).toMatchObject([{ limit: `${hostOf('web-1')},${hostOf('web-2')}` }])
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok', [hostOf('web-2')]: 'failed' })
    expect(world.run()).toMatchObject({ outcome: 'failed', counts: { ok: 1, failed: 1 } })
    expect(world.ledger.verb('uid-web-2', 'onboard')?.status).toBe('failed')
  })

  test('waits no longer for others although somebody sets the clock back', async () => {
    await using world = await known(['web-1'], { policy: { coalesceMs: 5_000 } })
    await world.turn()
    world.ahead = -86_400_000
    await world.settle()
    expect(world.launches()).toHaveLength(1)
  })
})

describe('a job', () => {
  test.each(['failed', 'unreachable'] as const)(
    'may fail on a host that is %s: recorded, and never tried again',
    async how => {
      await using world = await known(['web-1'], { outcome: () => how })
      await world.settle()
      expect(world.outcomes()).toEqual({ [hostOf('web-1')]: how })
      await world.clock.advance(86_400_000)
      await world.turn()
      expect(world.jobs()).toHaveLength(1)
    },
  )

  test('that did not touch a host has left it out: missing, although the job was successful', async () => {
    await using world = await known(['web-1', 'web-2'])
    // The host leaves the controller's inventory between preflight and play.
    world.controller.faults.afterwards(LAUNCH, () => {
      const { hosts } = world.controller.store
      const row = hosts.find(host => host.name === hostOf('web-2'))
      hosts.delete(row?.id ?? 0)
    })
    await world.settle()
    expect(world.jobs()).toMatchObject([{ status: 'successful' }])
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok', [hostOf('web-2')]: 'missing' })
    expect(world.run().outcome).toBe('failed')
  })

  test('that is cancelled by a person leaves its hosts unknown', async () => {
    await using world = await known(['web-1'])
    await reach(world, 'following')
    await world.client.cancel({ url: world.run().job?.url ?? '' })
    await world.settle()
    expect(world.jobs()).toMatchObject([{ status: 'canceled' }])
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
    expect(world.details()[hostOf('web-1')]).toContain('cancelled')
  })

  test('that a clean-up deletes leaves its hosts unknown, and nothing is launched again', async () => {
    await using world = await known(['web-1'])
    await reach(world, 'following')
    await world.clock.advance(60_000)
    world.controller.deleteJob(world.run().job?.id ?? 0)
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
    expect(world.run().message).toBe('the job is vanished')
    await world.clock.advance(86_400_000)
    await world.turn()
    expect(world.jobs()).toEqual([])
  })

  test('that is put back into the queue is followed on, and its play counts once', async () => {
    await using world = await known(['web-1'])
    await reach(world, 'following')
    await world.until(() => world.jobs()[0]?.status === 'running', 100)
    world.controller.requeueJob(world.run().job?.id ?? 0)
    await world.turn()
    expect(world.run().status).toBe('following')
    await world.settle()
    expect(world.jobs()).toMatchObject([{ status: 'successful' }])
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
    expect((await world.events()).map(event => event.fact)).toEqual(['run_started', 'host_succeeded', 'run_finished'])
  })

  test('that its node has forgotten leaves its hosts unknown, and is not launched again', async () => {
    await using world = await known(['web-1'])
    await reach(world, 'following')
    await world.until(() => world.jobs()[0]?.status === 'running', 100)
    world.controller.reapJob(world.run().job?.id ?? 0)
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
    expect(world.details()[hostOf('web-1')]).toContain('was not present in the job queue')
    await world.clock.advance(86_400_000)
    await world.turn()
    expect(world.jobs()).toHaveLength(1)
  })

  test('whose results come late is waited for', async () => {
    await using world = await known(['web-1'], { outcome: () => ({ outcome: 'ok', ms: 1 }) })
    await reach(world, 'following')
    await world.until(() => world.run().job_ended_at > 0, 50)
    expect(world.run().status).toBe('following')
    await world.settle(100)
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
  })

  test('that runs on hosts that nobody asked for raises an alarm that names them; its record does not, as who may read it need not know of them', async () => {
    // From 2 on: web-1 has the first address.
    const strays = Array.from({ length: 7 }, (_, index) => `stray-${index + 2}`)
    await using world = await known(['web-1', ...strays], { policy: { os: [] } })
    await world.command({ hosts: names('web-1') })
    world.controller.faults.afterwards(LAUNCH, () => {
      for (const job of world.controller.store.jobs.all()) job.limit = ''
    })
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
    const named = names(...strays.slice(0, 5)).join(', ')
    expect(world.said('alarm')).toEqual([`its job ran on hosts that nobody asked for: ${named} and 2 more`])
    const { job, message } = world.run()
    expect(message).toBe(
      `its job ran on 7 hosts that nobody asked for: job ${job?.id ?? 0} at the controller names them`,
    )
    expect(JSON.stringify(await world.events())).not.toContain('stray-')
  })

  test('that never ends is cancelled after its time, and its hosts are unknown', async () => {
    await using world = await known(['web-1'], {
      outcome: () => 'hang',
      patience: { job: 7_200_000 },
      objects: noTimeouts,
    })
    await reach(world, 'following')
    await world.clock.advance(7_200_000)
    await world.turn()
    expect(world.run()).toMatchObject({ status: 'following', stopped_at: 0 })
    await world.settle()
    expect(world.jobs()).toMatchObject([{ status: 'canceled' }])
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
    expect(world.said('alarm')).toEqual(['it ran for more than 2 h and was cancelled'])
  })

  test('is not overdue as somebody sets the clock forward, but after its time', async () => {
    await using world = await known(['web-1'], {
      outcome: () => 'hang',
      patience: { job: 7_200_000 },
      objects: noTimeouts,
    })
    await reach(world, 'following')
    world.ahead = 86_400_000
    for (let turn = 0; turn < 3; turn++) {
      await world.turn()
      await world.clock.advance(1_000)
    }
    expect(world.run()).toMatchObject({ status: 'following', stopped_at: 0 })
    expect(world.said('alarm')).toEqual([])
    await world.clock.advance(7_200_000)
    await world.settle()
    expect(world.said('alarm')).toEqual(['it ran for more than 2 h and was cancelled'])
  })

  test('that is being cancelled is not given up as somebody sets the clock forward', async () => {
    await using world = await known(['web-1'], { outcome: () => 'hang', patience: { job: 1_000 }, objects: noTimeouts })
    world.controller.faults.add({ method: 'POST', path: /\/cancel\/$/ }, { kind: 'drop-before-commit' }, 100)
    await world.until(() => (world.runs()[0]?.stopped_at ?? 0) > 0, 500)
    world.ahead = 86_400_000
    await world.turn()
    expect(world.run().status).toBe('following')
    await world.clock.advance(600_001)
    await world.turn()
    expect(world.run()).toMatchObject({ status: 'finished', outcome: 'unknown' })
  })

  test('holds its VM until it has ended, also while it is being cancelled', async () => {
    await using world = await known(['web-1'], { outcome: () => 'hang', patience: { job: 1_000 }, objects: noTimeouts })
    await world.until(() => (world.runs()[0]?.stopped_at ?? 0) > 0, 500)
    await world.command({ hosts: names('web-1') })
    await world.turn()
    expect(world.details(world.run(1))).toEqual({ [hostOf('web-1')]: `run ${world.run().id} holds it` })
  })

  test('of which nobody hears any more is given up in the end', async () => {
    await using world = await known(['web-1'], { patience: { job: 60_000, cancel: 30_000 } })
    await reach(world, 'following')
    world.controller.faults.add({ path: /\/jobs\// }, { kind: 'gateway-error', status: 503, commit: false }, 10_000)
    await world.settle(10_000)
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
    expect(world.run().message).toContain('it was given up, and may still run')
  })

  test('is followed with all others that run by one question', async () => {
    await using world = await known(['web-1', 'web-2', 'web-3'], { policy: { os: [] }, outcome: () => 'hang' })
    for (const name of ['web-1', 'web-2', 'web-3']) await world.command({ hosts: names(name) })
    await world.until(
      () => world.runs().length === 3 && world.runs().every(({ status }) => status === 'following'),
      100,
    )
    const asked: string[] = []
    const { faults } = world.controller
    const take = faults.take.bind(faults)
    faults.take = (method, path) => {
      asked.push(`${method} ${path}`)
      return take(method, path)
    }
    await world.turn()
    expect(asked).toEqual([expect.stringMatching(/^GET .*jobs\/$/)])
  })

  test('that can not be read holds up no other', async () => {
    await using world = await known(['web-1', 'web-2'], { policy: { maxHosts: 1 } })
    await world.until(() => world.runs().length === 2 && world.runs().every(run => run.status === 'following'), 10)
    const [bad, good] = world.runs()
    const path = new RegExp(`/jobs/${bad?.job?.id}/`)
    world.controller.faults.add({ path }, { kind: 'server-error' }, 10_000)
    await world.until(() => world.ledger.runs.get(good?.id ?? '')?.status === 'finished')
    expect(world.outcomes(world.ledger.runs.get(good?.id ?? ''))).toEqual({ [good?.hosts[0]?.host ?? '']: 'ok' })
    world.controller.faults.clear()
    await world.settle()
    expect(world.outcomes(world.ledger.runs.get(bad?.id ?? ''))).toEqual({ [bad?.hosts[0]?.host ?? '']: 'ok' })
  })

  test('whose results can not be read is asked for them again, and its hosts are not called missing', async () => {
    await using world = await known(['web-1'])
    await reach(world, 'following')
    world.controller.faults.add({ path: /job_host_summaries/ }, { kind: 'server-error' }, 5)
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
    expect(world.said('trouble').filter(message => message.includes('results'))).toHaveLength(5)
  })

  test('whose results can never be read is given up after its time: its hosts are unknown, and say why', async () => {
    await using world = await known(['web-1'], { patience: { job: 600_000 } })
    await reach(world, 'following')
    world.controller.faults.add({ path: /job_host_summaries/ }, { kind: 'server-error' }, 10_000)
    await world.settle(30_000)
    expect(world.run()).toMatchObject({ outcome: 'unknown' })
    expect(world.details()[hostOf('web-1')]).toMatch(/^the results of its job can not be read: .*500/)
  })
})

function noTimeouts({ templates }: { templates: { timeout?: number }[] }): void {
  for (const template of templates) template.timeout = 0
}

describe('the right guest', () => {
  test('is brought to the controller by one update, awaited before the launch', async () => {
    await using world = await known(['web-1'])
    world.put(guest('web-1', { address: '10.7.7.7' }))
    await world.turn()
    expect(world.run().status).toBe('updating')
    await world.turn()
    await world.turn()
    expect(world.run().status).toBe('updating')
    expect(world.jobs()).toEqual([])
    await world.settle()
    expect(world.updates()).toBe(2)
    expect(world.launches()).toHaveLength(1)
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
  })

  test('is brought there with all the others that need it by one update; one that comes while that runs needs the next, and who comes before that has begun waits for it too', async () => {
    await using world = await startWorld({ policy: { maxHosts: 1, maxJobs: 10 } })
    const isUpdating = (count: number): boolean =>
      world.ledger.active().filter(({ status }) => status === 'updating').length === count
    world.put(...['web-1', 'web-2', 'web-3', 'web-4'].map(name => guest(name)))
    await world.turn()
    expect(isUpdating(4)).toBe(true)
    expect(world.updates()).toBe(1)
    await world.clock.advance(500)
    expect([...world.controller.store.updates.all()].map(({ status }) => status)).toEqual(['running'])
    world.put(guest('web-5'))
    await world.turn()
    expect(isUpdating(5)).toBe(true)
    expect(world.updates()).toBe(2)
    world.put(guest('web-6'))
    await world.turn()
    expect(isUpdating(6)).toBe(true)
    expect(world.updates()).toBe(2)
    await world.settle()
    expect(world.updates()).toBe(2)
    expect(world.runs().map(run => world.outcomes(run))).toEqual(
      [1, 2, 3, 4, 5, 6].map(index => ({ [hostOf(`web-${index}`)]: 'ok' })),
    )
  })

  test('is brought there by the update that was asked for before a restart, unless that had begun', async () => {
    await using world = await startWorld({ policy: { maxHosts: 1 } })
    world.put(guest('web-1'))
    await world.turn()
    await world.restart({ reopen: true })
    world.put(guest('web-2'))
    await world.turn()
    expect(world.updates()).toBe(1)
    await world.clock.advance(500)
    await world.restart({ reopen: true })
    world.put(guest('web-3'))
    await world.settle()
    expect(world.updates()).toBe(2)
    expect(world.runs().map(run => run.outcome)).toEqual(['ok', 'ok', 'ok'])
  })

  test('waits for an update of its own source: what another inventory is updated from is none', async () => {
    const verbs = { snapshot: { template: 'Day2 | Snapshot', driver: 'bridge', os: ['linux'], needs: 'vm' } } as const
    await using world = await startWorld({ verbs })
    world.put(guest('web-1'), guest('web-2', { adopted: true }))
    await world.turn()
    await world.command({ hosts: names('web-2'), verb: 'snapshot' })
    await world.settle()
    expect(world.updates()).toBe(2)
    expect(world.runs().map(run => run.outcome)).toEqual(['ok', 'ok'])
  })

  test('is looked at again after an update that others asked for: who still differs is left out', async () => {
    await using world = await startWorld({ policy: { maxHosts: 1 } })
    world.put(guest('web-1'), guest('web-2'))
    await world.turn()
    world.put(guest('web-2', { address: '10.7.7.7' }), guest('web-3'))
    world.controller.setOrigin('virtbridge', () => ({}))
    await world.settle()
    expect(world.jobs()).toEqual([])
    expect(world.runs().map(run => run.outcome)).toEqual(['refused', 'refused', 'refused'])
    expect(world.updates()).toBe(1)
  })

  test('costs one look at the update that several wait for, however many they are', async () => {
    await using world = await startWorld({ policy: { maxHosts: 1, maxJobs: 20 } })
    world.put(...Array.from({ length: 8 }, (_, index) => guest(`web-${index + 1}`)))
    await world.turn()
    let looks = 0
    const { faults } = world.controller
    const take = faults.take.bind(faults)
    faults.take = (method, path) => {
      if (method === 'GET' && path.includes('/inventory_updates/')) looks += 1
      return take(method, path)
    }
    await world.turn()
    expect(looks).toBe(1)
  })

  test.each([
    ['another address', { address: '10.9.9.9' }, /would reach it at "10.9.9.9", the fleet says "10.1.0.2"/],
    ['another VM', { uid: 'uid-old' }, /has the VM with uid "uid-old", the fleet "uid-web-2"/],
    ['it disabled', { told: { reachable: false } }, /disabled/],
  ])('is launched on alone while the controller still has %s for the other', async (_, wish, reason) => {
    await using world = await startWorld()
    world.put(guest('web-1'), guest('web-2', wish))
    await world.sync()
    const stale = await world.client.hosts(await world.client.findInventory('virtbridge fleet', 'Default'))
    const script = Object.fromEntries(
      [...stale].map(([host, { variables, enabled }]) => [host, { ...variables, kubevirt_enabled: enabled }]),
    )
    world.controller.setOrigin('virtbridge', () => ({
      _meta: { hostvars: script },
      all: { hosts: Object.keys(script) },
    }))
    world.put(guest('web-2'))
    await world.settle()
    expect(world.updates()).toBe(2)
    expect(world.launches()).toMatchObject([{ limit: hostOf('web-1') }])
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok', [hostOf('web-2')]: 'refused' })
    expect(world.details()[hostOf('web-2')]).toMatch(reason)
    expect(world.ledger.verb('uid-web-2', 'onboard')).toMatchObject({ status: 'refused', refusals: 1 })
  })

  test('is not launched on at all when nobody is left', async () => {
    await using world = await startWorld()
    world.put(guest('web-1'))
    world.breakSource(true)
    await world.settle()
    expect(world.jobs()).toEqual([])
    expect(world.run()).toMatchObject({ outcome: 'refused' })
    expect(world.details()[hostOf('web-1')]).toMatch(/does not have it \(inventory update \d+ is failed\)/)
  })

  test('is left out after its time when the update can never be started', async () => {
    await using world = await startWorld({ patience: { preflight: 60_000 } })
    world.put(guest('web-1'))
    world.controller.faults.add(UPDATE, { kind: 'gateway-error', status: 503, commit: false }, 10_000)
    await world.settle(10_000)
    expect(world.updates()).toBe(0)
    expect(world.details()[hostOf('web-1')]).toMatch(/does not have it \(inventory update: .*503/)
  })

  test('is left out at once when the update may not be started', async () => {
    await using world = await startWorld()
    world.put(guest('web-1'))
    const [source] = world.controller.store.sources.all()
    world.controller.store.sources.delete(source?.id ?? 0)
    await world.settle(10)
    expect(world.details()[hostOf('web-1')]).toMatch(/does not have it \(inventory update: .*inventory source/)
  })

  test('is left out after its time when the update never ends', async () => {
    await using world = await startWorld({ patience: { update: 60_000 } })
    world.put(guest('web-1'))
    world.controller.setOrigin('virtbridge', () => ({}))
    await world.turn()
    for (const update of world.controller.store.updates.all()) update.eligible_at = Number.MAX_SAFE_INTEGER
    await world.settle(10_000)
    expect(world.details()[hostOf('web-1')]).toMatch(/inventory update \d+ is pending/)
  })

  test('is waited for as long as ever, although somebody sets the clock forward: for room, for the controller, for an update', async () => {
    await using world = await startWorld({ caps: { jobs: 1 } })
    world.put(guest('web-1'), guest('web-2', { adopted: true }), guest('web-3', { adopted: true }))
    await world.turn()
    expect(world.run().status).toBe('updating')
    world.controller.faults.add(SCRIPT, { kind: 'gateway-error', status: 503, commit: false }, 4)
    for (const each of ['web-2', 'web-3']) await world.command({ hosts: names(each) })
    for (let turn = 0; turn < 3; turn++) {
      await world.turn()
      world.ahead += 2 * 86_400_000
    }
    await world.settle()
    expect(world.runs().map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok'])
    expect(await world.events()).not.toContainEqual(expect.objectContaining({ fact: 'run_stuck' }))
  })

  test('is looked at anew after its update, although another run has read the hosts a moment before', async () => {
    const begin = async (): Promise<World> => {
      const world = await startWorld()
      world.put(guest('web-1', { adopted: true }), guest('web-2', { adopted: true }))
      await world.sync()
      world.put(guest('web-1', { adopted: true, address: '10.7.7.7' }))
      await world.command({ hosts: names('web-1') })
      await world.turn()
      expect(world.run().status).toBe('updating')
      return world
    }
    let lasts = 0
    {
      await using world = await begin()
      const { update } = world.run()
      if (update === null) throw new Error('no update')
      for (; !(await world.client.update(update)).finished; lasts += 100) await world.clock.advance(100)
    }
    await using world = await begin()
    await world.clock.advance(lasts - 100)
    await world.command({ hosts: names('web-2') })
    await world.turn()
    expect(world.runs().map(({ status }) => status)).toEqual(['updating', 'following'])
    await world.clock.advance(100)
    await world.turn()
    expect(world.run().status).toBe('planned')
    await world.turn()
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
  })

  test('waits as long for room as a job may run, and is refused then: nothing ran', async () => {
    await using world = await startWorld({ caps: { jobs: 1 }, outcome: () => 'hang', patience: { job: 600_000 } })
    world.put(...['web-1', 'web-2', 'web-3'].map(name => guest(name, { adopted: true })))
    await world.sync()
    for (const each of ['web-1', 'web-2', 'web-3']) {
      await world.command({ hosts: names(each) })
      await world.turn()
      await world.clock.advance(60_000)
    }
    // The first is cancelled when its time is over, and the second has the room.
    await world.until(() => world.run(2).status === 'finished', 10_000)
    expect(world.run(1).status).toBe('following')
    expect(world.run(2)).toMatchObject({ outcome: 'refused', attempts: 0 })
    expect(world.details(world.run(2))).toEqual({ [hostOf('web-3')]: 'waits: 1 job is in flight' })
    expect(world.launches().map(({ limit }) => limit)).toEqual(names('web-1', 'web-2'))
  })

  test.each<[string, (world: World) => void, RegExp]>([
    ['recreated', world => world.put(guest('web-1', { uid: 'uid-anew' })), /another VM has its name by now/],
    ['given another address', world => world.put(guest('web-1', { address: '10.7.7.7' })), /its address has changed/],
    ['deleted', world => world.gone(guest('web-1')), /no VM has this host name/],
    ['stopped', world => world.put(guest('web-1', { seen: { boot: '' } })), /not ready: stopped/],
    [
      'moved to another cluster',
      world => (world.gone(guest('web-1')), world.put(guest('web-1', { cluster: 'dev-1' }))),
      /no VM has this host name/,
    ],
  ])('is not launched on when it was %s between plan and launch', async (_, act, reason) => {
    for (const when of ['before', 'while'] as const) {
      await using world = await known(['web-1', 'web-2'], { policy: { maxJobs: 1 } })
      if (when === 'while') world.controller.faults.afterwards(SCRIPT, () => act(world))
      else world.controller.faults.add(SCRIPT, { kind: 'gateway-error', status: 503, commit: false })
      await world.turn()
      if (when === 'before') act(world)
      await world.until(() => world.run().status === 'finished')
      expect(world.launches()[0]).toMatchObject({ limit: hostOf('web-2') })
      expect({ when, ...world.outcomes() }).toEqual({ when, [hostOf('web-1')]: 'refused', [hostOf('web-2')]: 'ok' })
      expect(world.details()[hostOf('web-1')]).toMatch(reason)
    }
  })
})

describe('a template that could do something else than asked is not launched, and the reason says how to mend it', () => {
  const cases: [string, (world: World) => void, RegExp][] = [
    [
      'no prompt for the limit',
      world => world.controller.setPrompt(ONBOARD, 'limit', false),
      /switch on "Prompt on launch" for Limit/,
    ],
    ['no prompt for variables', world => world.controller.setPrompt(ONBOARD, 'variables', false), /for Variables/],
    ['no prompt for skip tags', world => world.controller.setPrompt(ONBOARD, 'skip_tags', false), /for Skip tags/],
    ['it is cut into slices', world => change(world, { job_slice_count: 3 }), /set Job slicing to 1/],
    [
      'its own limit names hosts',
      world => change(world, { limit: 'all' }),
      /set its Limit to virtbridge-no-default-limit/,
    ],
    ['its own limit is empty', world => change(world, { limit: '' }), /set its Limit to virtbridge-no-default-limit/],
    [
      'it is renamed',
      world => world.controller.renameTemplate(ONBOARD, 'renamed'),
      /knows no job template "Day2 \| Onboard"/,
    ],
    ['there are two', duplicate, /has 2 of job template "Day2 \| Onboard"/],
  ]

  test.each(cases)('%s', async (_, spoil, mend) => {
    await using world = await known(['web-1'])
    spoil(world)
    await world.settle(10)
    expect(world.jobs()).toEqual([])
    expect(world.run()).toMatchObject({ outcome: 'refused', attempts: 0 })
    expect(world.details()[hostOf('web-1')]).toMatch(mend)
    expect((await world.events()).map(event => event.fact)).toEqual(['launch_refused', 'run_finished'])
  })

  test('it is tried again later, and goes on once it was mended', async () => {
    await using world = await known(['web-1'])
    world.controller.setPrompt(ONBOARD, 'limit', false)
    await world.settle(10)
    world.controller.setPrompt(ONBOARD, 'limit', true)
    await world.turn()
    expect(world.runs()).toHaveLength(1)
    await world.clock.advance(300_000)
    await world.settle()
    expect(world.outcomes(world.run(1))).toEqual({ [hostOf('web-1')]: 'ok' })
  })

  test('it is given up after six times: a person is to look', async () => {
    await using world = await known(['web-1'])
    world.controller.setPrompt(ONBOARD, 'limit', false)
    for (let hours = 0; hours < 48; hours++) {
      await world.turn()
      await world.clock.advance(3_600_000)
    }
    expect(world.runs()).toHaveLength(6)
    expect(world.runs().every(run => run.outcome === 'refused')).toBe(true)
  })
})

function change(world: World, settings: object): void {
  const template = world.controller.store.templates.find(row => row.name === ONBOARD)
  Object.assign(template ?? {}, settings)
}

function duplicate(world: World): void {
  // Who may launch one template need not see another of its name.
  for (const user of world.controller.store.users.all()) user.is_superuser = true
  const template = world.controller.store.templates.find(row => row.name === ONBOARD)
  if (template !== undefined) world.controller.store.templates.add({ ...template, id: 9_999 })
}

describe('a launch that came out differently', () => {
  test.each(['limit', 'variables', 'skip_tags'] as const)(
    'is cancelled at once when the prompt for %s was switched off meanwhile: alarm, hosts unknown, held to its end',
    async prompt => {
      await using world = await known(['web-1', 'web-2'], { outcome: () => ({ outcome: 'ok', ms: 60_000 }) })
      world.controller.flipPromptAfterPreflight(ONBOARD, prompt)
      await world.until(() => world.run().astray !== '', 10)
      expect(world.said('alarm')).toHaveLength(1)
      expect(world.said('alarm')[0]).toMatch(/is not what was asked for .*; it was cancelled at once/)
      expect(world.run().status).toBe('following')
      expect(world.ledger.holder('uid-web-1')?.id).toBe(world.run().id)
      await world.settle()
      expect(world.jobs()).toMatchObject([{ status: 'canceled' }])
      expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown', [hostOf('web-2')]: 'unknown' })
      expect(world.details()[hostOf('web-1')]).toBe(world.said('alarm')[0])
      expect(world.run()).toMatchObject({ outcome: 'unknown', attempts: 1 })
    },
  )

  test('is held to its end also when it can not be cancelled, and its results count for nothing', async () => {
    await using world = await known(['web-1', 'web-2'], {
      policy: { os: [] },
      outcome: () => ({ outcome: 'ok', ms: 60_000 }),
    })
    await world.command({ hosts: names('web-1') })
    world.controller.flipPromptAfterPreflight('Day2 | Patch', 'limit')
    world.controller.faults.add({ method: 'POST', path: /\/cancel\/$/ }, { kind: 'server-error' }, 10)
    // A default limit that names somebody: the very hazard that the preflight refuses, made after it.
    world.controller.faults.afterwards({ method: 'GET', path: /\/launch\/$/ }, () => {
      const template = world.controller.store.templates.find(row => row.name === 'Day2 | Patch')
      Object.assign(template ?? {}, { limit: '' })
    })
    await world.until(() => (world.runs()[0]?.astray ?? '') !== '', 10)
    await world.clock.advance(30_000)
    await world.turn()
    expect(world.ledger.holder('uid-web-1')?.id).toBe(world.run().id)
    // It runs on whomever its limit means now, so nobody is launched on beside it.
    await world.command({ hosts: names('web-2') })
    await world.turn()
    expect(world.run(1).left_out).toMatchObject([{ reason: `run ${world.run().id} holds it` }])
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
    expect(world.said('alarm')).toEqual([
      expect.stringMatching(/it could not be cancelled/),
      `its job ran on hosts that nobody asked for: ${hostOf('web-2')}`,
    ])
  })
})

describe('a controller that does not answer', () => {
  test('is asked again before the launch, and the run goes on when it is back', async () => {
    await using world = await known(['web-1'])
    world.controller.faults.add({}, { kind: 'gateway-error', status: 502, commit: false }, 5)
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
    expect(world.said('trouble').length).toBeGreaterThan(0)
  })

  test('is waited for an hour and no longer: nothing ran, so it is tried again later', async () => {
    await using world = await known(['web-1'])
    world.controller.faults.add({}, { kind: 'gateway-error', status: 502, commit: false }, 100_000)
    await world.turn()
    await world.clock.advance(3_600_000)
    await world.turn()
    expect(world.run().status).toBe('planned')
    await world.clock.advance(1)
    await world.turn()
    expect(world.run()).toMatchObject({ status: 'finished', outcome: 'refused' })
    expect(world.details()[hostOf('web-1')]).toContain('502')
    world.controller.faults.clear()
    await world.clock.advance(300_000)
    await world.settle()
    expect(world.outcomes(world.run(1))).toEqual({ [hostOf('web-1')]: 'ok' })
  })

  test('a token that is refused is read again; until it is renewed the run waits, before and after its launch', async () => {
    let token = 'expired'
    await using world = await startWorld({ token: () => token })
    world.put(guest('web-1'))
    await world.turn()
    await world.turn()
    expect(world.run().status).toBe('planned')
    expect(world.said('trouble').join()).toContain('401')
    token = 'a-token-of-the-test'
    await reach(world, 'following')
    world.controller.faults.add({ path: /\/jobs\// }, { kind: 'unauthorized' }, 6)
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
    expect(world.jobs()).toHaveLength(1)
  })

  test('a launch that meets 401 or 429 ran nothing, and is sent again', async () => {
    await using world = await known(['web-1'])
    world.controller.faults.add(LAUNCH, { kind: 'unauthorized' })
    world.controller.faults.add(LAUNCH, { kind: 'too-many-requests', retryAfterS: 1 })
    await world.settle()
    expect(world.run()).toMatchObject({ attempts: 3, outcome: 'ok' })
    expect(world.jobs()).toHaveLength(1)
  })
})

test('a dispatcher that is stopped launches nothing more', async () => {
  const stopping = new AbortController()
  const stopped = (client: Controller): Controller => ({
    ...client,
    hosts: async inventory => {
      stopping.abort()
      return client.hosts(inventory)
    },
  })
  await using world = await known(['web-1'], { controllerOf: stopped })
  await world.dispatcher.run(stopping.signal)
  expect(world.run().status).toBe('planned')
  expect(world.jobs()).toEqual([])
})
