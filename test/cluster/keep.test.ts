import { afterEach, beforeEach, expect, test } from 'vitest'
import { keep } from '../../src/cluster/keep.ts'
import type { Entry, EventLog } from '../../src/log/index.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { all, openLog, watched } from './bridge.ts'

let stack: AsyncDisposableStack
let log: ReturnType<typeof watched>
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  log = watched(stack.use(await openLog(stack.use(await temporaryFolder()).path)))
})
afterEach(() => stack.disposeAsync())

function group(name: string, bad: '' | 'event' | 'state' = ''): readonly Entry[] {
  const value = (of: string): object => (of === bad ? { n: 1n } : { name })
  return [
    { stream: 'events.vm', key: name, value: value('event') },
    { stream: 'state.fleet', key: name, value: value('state') },
  ]
}

async function keysOf(stream: Parameters<typeof all>[1]): Promise<readonly string[]> {
  return (await all(log as EventLog, stream)).map(({ key }) => key)
}

test('groups that can be stored are one append', async () => {
  await keep(log, [group('a'), group('b')])
  expect(log.appends).toHaveLength(1)
  expect([await keysOf('events.vm'), await keysOf('state.fleet')]).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ])
})

test('a record that can not be stored takes no other with it: its facts are told, it stays as it was, and others are whole', async () => {
  await keep(log, [group('a'), group('b', 'state'), group('c')])
  expect(await keysOf('events.vm')).toEqual(['a', 'b', 'c'])
  expect(await keysOf('state.fleet')).toEqual(['a', 'c'])
  expect(new Set(await keysOf('events.dead'))).toEqual(new Set(['b']))
  await keep(log, [group('d', 'state')])
  expect(await keysOf('events.vm')).toEqual(['a', 'b', 'c', 'd'])
})

test('an event that can not be stored is a dead letter, and its record is stored', async () => {
  await keep(log, [group('a', 'event'), group('b')])
  expect([await keysOf('events.vm'), await keysOf('state.fleet'), await keysOf('events.dead')]).toEqual([
    ['b'],
    ['a', 'b'],
    ['a'],
  ])
})

test('a log that is lost is not gone around', async () => {
  const closed = stack.use(await openLog(stack.use(await temporaryFolder()).path))
  await closed[Symbol.asyncDispose]()
  await expect(keep(closed, [group('a'), group('b')])).rejects.toMatchObject({ reaction: 'fatal' })
})
