import { expect, test } from 'vitest'
import type { Entry, EventLog } from '../../src/log/index.ts'
import { appending } from '../support/appending.ts'
import { guest, hostOf } from './guest.ts'
import { names, startWorld, type World } from './world.ts'

interface Poison {
  /** Records that can not be stored, for as long as it is so. */
  hits: (record: { readonly kind?: string; readonly status?: string; readonly verb?: string }) => boolean
  readonly logOf: (log: EventLog) => EventLog
}

/** A defect that puts what has no JSON into records of the ledger, before a log that is as it is. */
function poison(hits: Poison['hits']): Poison {
  const spoil = (entry: Entry): Entry =>
    entry.stream === 'state.runs' && entry.value !== null && poisoned.hits(entry.value)
      ? { ...entry, value: { ...entry.value, n: 1n } }
      : entry
  const poisoned: Poison = {
    hits,
    logOf: log => appending(log, entries => log.append(entries.map(spoil))),
  }
  return poisoned
}

async function known(logOf: Poison['logOf']): Promise<World> {
  const world = await startWorld({ logOf })
  world.put(guest('web-1', { adopted: true }), guest('web-2', { adopted: true }))
  await world.sync()
  return world
}

test('an intent that can not be put on record is never posted, and a person is told; when it can be, it is posted once', async () => {
  const bad = poison(record => record.status === 'posting')
  await using world = await known(bad.logOf)
  await world.command({ hosts: names('web-1') })
  for (let turn = 0; turn < 3; turn += 1) await world.turn()
  expect(world.launches()).toEqual([])
  expect(world.run()).toMatchObject({ status: 'planned' })
  expect(world.said('alarm')[0]).toMatch(
    /^state\.runs can not store run\/.*: a value in it is a BigInt; nothing of its append/,
  )
  bad.hits = () => false
  await world.settle()
  expect(world.launches()).toMatchObject([{ limit: hostOf('web-1') }])
  expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
})

test('a command whose run can not be put on record is passed over and told, and the one after it is done', async () => {
  const bad = poison(record => record.kind === 'run' && record.verb === 'onboard')
  await using world = await known(bad.logOf)
  await world.command({ hosts: names('web-1'), verb: 'onboard' })
  await world.command({ hosts: names('web-2') })
  await world.settle()
  expect(world.launches()).toMatchObject([{ limit: hostOf('web-2') }])
  expect(world.runs()).toHaveLength(1)
  expect(world.said('alarm')).toHaveLength(1)
})

test('a launch of which nothing can be put on record is searched for as one whose answer was lost, and never posted again', async () => {
  const bad = poison(record => record.status === 'following')
  await using world = await known(bad.logOf)
  await world.command({ hosts: names('web-1') })
  await world.until(() => world.said('alarm').length > 1)
  expect(world.run()).toMatchObject({ status: 'searching', attempts: 1 })
  bad.hits = () => false
  await world.settle()
  expect(world.launches()).toMatchObject([{ limit: hostOf('web-1') }])
  expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
})

test('a run whose end can not be put on record stays as it was and holds up no other', async () => {
  const bad = poison(record => record.kind === 'host')
  await using world = await known(bad.logOf)
  await world.command({ hosts: names('web-1') })
  await world.until(() => world.said('alarm').length > 0)
  expect(world.run()).toMatchObject({ status: 'following' })
  bad.hits = () => false
  await world.command({ hosts: names('web-2') })
  await world.settle()
  expect(world.launches()).toHaveLength(2)
  expect(world.runs().map(run => run.outcome)).toEqual(['ok', 'ok'])
})
