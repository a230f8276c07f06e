import { describe, expect, test } from 'vitest'
import { Budget } from '../../src/kube/budget.ts'
import { Backoff } from '../../src/kube/retry.ts'

const never = new AbortController().signal

describe('the budget of lists', () => {
  test('lets so many be under way at once and no more; who comes first is first', async () => {
    const budget = new Budget({ atOnce: 3, perSecond: 1_000_000 })
    const order: number[] = []
    let most = 0
    const one = async (n: number): Promise<void> => {
      using _turn = await budget.enter(never)
      order.push(n)
      most = Math.max(most, budget.underWay)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    await Promise.all(Array.from({ length: 20 }, (_, n) => one(n)))
    expect(order).toEqual(Array.from({ length: 20 }, (_, n) => n))
    expect([most, budget.underWay]).toEqual([3, 0])
  })

  test('is 20 at once when nobody says otherwise', async () => {
    const budget = new Budget()
    let inside = 0
    const all = Array.from({ length: 25 }, () => budget.enter(never).then(() => (inside += 1)))
    await expect.poll(() => inside, { timeout: 60_000 }).toBe(20)
    await new Promise(resolve => setTimeout(resolve, 50))
    expect([inside, all.length]).toEqual([20, 25])
  })

  test('spreads beginnings over time', async () => {
    const budget = new Budget({ atOnce: 100, perSecond: 100 })
    const began = performance.now()
    for (let n = 0; n < 11; n += 1) (await budget.enter(never))[Symbol.dispose]()
    expect(performance.now() - began).toBeGreaterThan(95)
  })

  test('is not used up by who gives up while he waits', async () => {
    const budget = new Budget({ atOnce: 1, perSecond: 1_000_000 })
    const first = await budget.enter(never)
    const stop = new AbortController()
    const second = budget.enter(stop.signal)
    const third = budget.enter(never)
    stop.abort()
    ;(await second)[Symbol.dispose]()
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    ;(await third)[Symbol.dispose]()
    expect(budget.underWay).toBe(0)
  })
})

describe('the back-off', () => {
  test('is a random share of a time that doubles up to its bound, and begins anew when it works', () => {
    const whole = new Backoff({ initialMs: 100, maxMs: 1_000 }, () => 1)
    expect(Array.from({ length: 6 }, () => whole.next())).toEqual([100, 200, 400, 800, 1_000, 1_000])
    whole.reset()
    expect(whole.next()).toBe(100)
    expect(new Backoff({ initialMs: 100, maxMs: 1_000 }, () => 0).next()).toBe(0)
  })
})
