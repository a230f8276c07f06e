import { expect, test } from 'vitest'
import { Inbox } from '../../src/cluster/inbox.ts'

const never = new AbortController().signal

test('gives all there is at once, in the order it came', async () => {
  const inbox = new Inbox<number>(10)
  for (const item of [1, 2, 3]) await inbox.put(item, never)
  expect(await inbox.take(null, never)).toEqual([1, 2, 3])
  expect(inbox.size).toBe(0)
})

test('holds no more than its limit: who comes later waits, and comes in order', async () => {
  const inbox = new Inbox<number>(3)
  let done = 0
  const puts = Array.from({ length: 10 }, (_, item) => inbox.put(item, never).then(() => (done += 1)))
  const taken: number[] = []
  for (let turn = 1; taken.length < 10; turn += 1) {
    await expect.poll(() => inbox.size).toBe(Math.min(3, 10 - taken.length))
    expect(done).toBe(Math.min(turn * 3, 10))
    taken.push(...(await inbox.take(null, never)))
  }
  await Promise.all(puts)
  expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('wakes a reader that waits, and gives none when its time is over', async () => {
  const inbox = new Inbox<string>(1)
  const taking = inbox.take(60_000, never)
  await inbox.put('came', never)
  expect(await taking).toEqual(['came'])
  expect(await inbox.take(1, never)).toEqual([])
})

test('lets everybody go when it is over: the reader without, the writer without leaving its item', async () => {
  const over = new AbortController()
  const inbox = new Inbox<string>(1)
  await inbox.put('full', over.signal)
  const put = inbox.put('never', over.signal)
  over.abort()
  await put
  expect(inbox.size).toBe(1)
  expect(await inbox.take(null, over.signal)).toEqual(['full'])
  expect(await inbox.take(null, over.signal)).toEqual([])
})
