import { describe, expect, test } from 'vitest'
import { BURST, Pace } from '../../src/aap/pace.ts'

/** A pace on a clock that its own pauses move on. */
function pace(perSecond: number): { pace: Pace; clock: { now: number }; signal: AbortSignal; abort: () => void } {
  const clock = { now: 0 }
  const aborting = new AbortController()
  const made = new Pace({
    perSecond,
    steady: () => clock.now,
    pause: ms => {
      clock.now += ms
      return Promise.resolve()
    },
  })
  return { pace: made, clock, signal: aborting.signal, abort: () => aborting.abort() }
}

const QUICK = { tookMs: 10, overloaded: false, retryAfterMs: 0 }

describe('requests to a controller', () => {
  test('go out at once in a burst, then so many a second and no more', async () => {
    const { pace: limit, clock, signal } = pace(8)
    for (let sent = 0; sent < BURST; sent += 1) await limit.take(signal)
    expect(clock.now).toBe(0)
    for (let sent = 0; sent < 80; sent += 1) await limit.take(signal)
    expect(clock.now).toBeGreaterThan(9_900)
    expect(clock.now).toBeLessThan(10_200)
  })

  test('are fewer while it is slow, down to one in two seconds, and as many as before when it is well again', async () => {
    const { pace: limit, clock, signal } = pace(8)
    for (let answer = 0; answer < 10; answer += 1) {
      limit.felt({ tookMs: 2_001, overloaded: false, retryAfterMs: 0 })
      clock.now += 1_000
    }
    expect(limit.rate).toBe(0.5)
    for (let sent = 0; sent < BURST; sent += 1) await limit.take(signal)
    const before = clock.now
    await limit.take(signal)
    await limit.take(signal)
    expect(clock.now - before).toBeGreaterThanOrEqual(2_000)
    for (let answer = 0; answer < 20; answer += 1) limit.felt(QUICK)
    expect(limit.rate).toBe(8)
  })

  test('that were sent together halve it once', () => {
    const { pace: limit } = pace(8)
    for (let answer = 0; answer < 8; answer += 1) limit.felt({ tookMs: 5, overloaded: true, retryAfterMs: 0 })
    expect(limit.rate).toBe(4)
  })

  test.each([
    [3_000, 3_000],
    [3_600_000, 60_000],
  ])('wait when they are asked to, a minute at most: %d ms', async (retryAfterMs, waits) => {
    const { pace: limit, clock, signal } = pace(8)
    limit.felt({ tookMs: 5, overloaded: true, retryAfterMs })
    await limit.take(signal)
    expect(clock.now).toBe(waits)
  })

  test('that are urgent never wait, and leave less for the others', async () => {
    const { pace: limit, clock, signal } = pace(8)
    limit.felt({ tookMs: 5, overloaded: true, retryAfterMs: 60_000 })
    for (let sent = 0; sent < 100; sent += 1) await limit.take(signal, true)
    expect(clock.now).toBe(0)
    await limit.take(signal)
    expect(clock.now).toBe(60_000)
  })

  test('that nobody waits for any more are not sent, and hold up nobody', async () => {
    const { pace: limit, signal, abort } = pace(8)
    abort()
    await expect(limit.take(signal)).rejects.toThrow('aborted')
    await limit.take(new AbortController().signal)
  })
})
