import { expect, test } from 'vitest'
import { Alarm, Watchdog } from '../../../src/log/kafka/watchdog.ts'

const open = new AbortController().signal
const hangs = (): Promise<never> => new Promise(() => undefined)

test('work that is done in time is as it is, what fails fails as it does', async () => {
  const dog = new Watchdog(60_000, open)
  expect(await dog.watch(() => Promise.resolve(1))).toBe(1)
  await expect(dog.watch(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
})

test('work that takes too long is given up, and so is the next one: each has its own time', async () => {
  const dog = new Watchdog(20, open)
  const told: unknown[] = []
  await dog.watch(() => Promise.resolve())
  await expect(dog.watch(hangs, why => told.push(why))).rejects.toThrow('no answer within 0.02 s')
  await expect(dog.watch(hangs)).rejects.toThrow('no answer within 0.02 s')
  expect(told).toEqual([new Error('no answer within 0.02 s')])
})

test('what was given up and ends after all leaves the next one looked after', async () => {
  const dog = new Watchdog(20, open)
  const late = Promise.withResolvers<void>()
  await expect(dog.watch(() => late.promise)).rejects.toThrow('no answer')
  const next = dog.watch(hangs)
  late.resolve()
  await expect(next).rejects.toThrow('no answer')
})

test('all is given up when it is closed, before and while it is done', async () => {
  const closing = new AbortController()
  const dog = new Watchdog(60_000, closing.signal)
  const work = dog.watch(hangs)
  closing.abort(new Error('closed'))
  await expect(work).rejects.toThrow('closed')
  await expect(dog.watch(hangs)).rejects.toThrow('closed')
})

test('an alarm goes off when its time is over, and not when what it was set for was done before', async () => {
  const rung: string[] = []
  const alarm = new Alarm(10, () => rung.push('first'))
  const later = new Alarm(30, () => rung.push('second'))
  alarm.set()
  alarm.off()
  later.set()
  await expect.poll(() => rung).toEqual(['second'])
  alarm.set()
  await expect.poll(() => rung).toEqual(['second', 'first'])
})
