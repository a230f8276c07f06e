import { getEventListeners } from 'node:events'
import { beforeEach, expect, test } from 'vitest'
import { pause, until, Waiter } from '../src/waiting.ts'

const timers = (): number => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length - idle
/** Those of the runner. */
let idle = 0
beforeEach(() => {
  idle = 0
  idle = timers()
})
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

test('ends with what it waits for, and leaves no listener behind', async () => {
  const over = new AbortController()
  const event = Promise.withResolvers<void>()
  const waiting = until(event.promise, over.signal)
  expect(listeners(over.signal)).toBe(1)
  event.resolve()
  await waiting
  expect(listeners(over.signal)).toBe(0)
})

test('ends also when what it waits for fails', async () => {
  await expect(until(Promise.reject(new Error('failed')), new AbortController().signal)).resolves.toBeUndefined()
})

test('ends when it is over, before its time, and leaves no listener behind', async () => {
  const over = new AbortController()
  const waiting = pause(60_000, over.signal)
  over.abort()
  await waiting
  expect(listeners(over.signal)).toBe(0)
})

test('does not begin when it is over already', async () => {
  const over = AbortSignal.abort()
  await pause(60_000, over)
  await until(new Promise(() => {}), over)
  expect(listeners(over)).toBe(0)
})

test.each([
  ['in the past', -1_000],
  ['now', 0],
  ['in a moment', 1],
])('ends when its time is %s', async (_, ms) => {
  const over = new AbortController()
  await pause(ms, over.signal)
  expect(listeners(over.signal)).toBe(0)
})

test('a time longer than a timer holds does not end at once', async () => {
  const over = new AbortController()
  const first = await Promise.race([
    pause(1e15, over.signal).then(() => 'long'),
    pause(5, over.signal).then(() => 'short'),
  ])
  over.abort()
  expect(first).toBe('short')
})

test('who waits again and again is woken, and has one timer and one listener for all of it', async () => {
  const over = new AbortController()
  const waiter = new Waiter(over.signal)
  for (let turn = 0; turn < 100; turn += 1) {
    const waiting = waiter.wait(60_000)
    waiter.wake()
    await waiting
  }
  expect(listeners(over.signal)).toBe(1)
  expect(timers()).toBe(1)
  over.abort()
  expect([listeners(over.signal), timers()]).toEqual([0, 0])
})

test('who waits again and again waits no longer than he says, whatever he waited for before', async () => {
  const over = new AbortController()
  const waiter = new Waiter(over.signal)
  for (const before of [60_000, 1, null]) {
    const waiting = waiter.wait(before)
    waiter.wake()
    await waiting
    await expect(waiter.wait(2)).resolves.toBeUndefined()
  }
  over.abort()
})

test('who waits again and again is let go when it is over, and does not begin again', async () => {
  const over = new AbortController()
  const waiter = new Waiter(over.signal)
  const waiting = waiter.wait(null)
  over.abort()
  await waiting
  await waiter.wait(60_000)
  expect(timers()).toBe(0)
})
