import { describe, expect, test } from 'vitest'
import { BURST_WINDOW_MS, DeletionCount, isSuspicious } from '../../src/cluster/loss.ts'

describe('a loss is suspicious', () => {
  test.each([
    [0, 0, false],
    [1, 1, false],
    [2, 2, false],
    [3, 3, true],
    [3, 2, false],
    [5, 5, true],
    [6, 5, false],
    [7, 6, true],
    [25, 5, false],
    [25, 6, true],
    [30, 6, false],
    [30, 7, true],
    [100, 20, false],
    [100, 21, true],
    [1000, 200, false],
    [1000, 201, true],
  ])('of %i known VMs %i missing: %s', (known, missing, suspicious) => {
    expect(isSuspicious(known, missing)).toBe(suspicious)
  })
})

describe('live deletions are a burst', () => {
  /** The verdicts of deleting `times.length` of `known` VMs one after another. */
  function verdicts(known: number, times: readonly number[]): boolean[] {
    const count = new DeletionCount()
    return times.map((at, index) => count.add(at, known - index - 1))
  }

  test('from the one that makes them too many', () => {
    expect(
      verdicts(
        30,
        Array.from({ length: 8 }, () => 0),
      ),
    ).toEqual([false, false, false, false, false, false, true, true])
  })

  test('when all of three or more go', () => {
    expect(verdicts(3, [0, 1, 2])).toEqual([false, false, true])
    expect(verdicts(2, [0, 1])).toEqual([false, false])
  })

  test('when they come within a minute, and not when they are spread', () => {
    const apart = (ms: number): number[] => Array.from({ length: 8 }, (_, index) => index * ms)
    expect(verdicts(20, apart(1_000)).at(-1)).toBe(true)
    expect(verdicts(20, apart(BURST_WINDOW_MS / 4)).includes(true)).toBe(false)
  })
})
