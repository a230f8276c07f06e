import { property, array, assert, integer, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BELIEVED_AFTER_MS, LogTime, type TimeMark } from '../../src/log/sqlite/log-time.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const WEEK_MS = 7 * DAY_MS
const START = Date.parse('2026-11-22T12:00:00Z')

/** A machine: its clocks, and the log that is open on it. */
class Machine {
  wall = START
  passed = 0
  mark: TimeMark | null = { at: START, ahead: 0, doubted: 0 }
  readonly retentionMs: number
  time: LogTime

  constructor(retentionMs = WEEK_MS) {
    this.retentionMs = retentionMs
    this.time = this.start()
  }

  start(): LogTime {
    this.time = new LogTime({ now: () => this.wall, steady: () => this.passed }, this.mark, this.retentionMs)
    this.look()
    return this.time
  }

  look(): number {
    const { now, mark } = this.time.look()
    this.mark = mark ?? this.mark
    return now
  }

  /** Time passes, with a look each hour. */
  run(ms: number): number {
    for (let left = ms; left > 0; left -= HOUR_MS) {
      this.wall += Math.min(left, HOUR_MS)
      this.passed += Math.min(left, HOUR_MS)
      this.look()
    }
    return this.look()
  }
}

test('whatever is set, what retention goes by is never later than the wall clock, nor than the start and what passed since', () => {
  const steps = array(record({ set: integer({ min: -40_000, max: 40_000 }), hours: integer({ min: 0, max: 8 }) }), {
    maxLength: 8,
  })
  assert(
    property(steps, taken => {
      const machine = new Machine()
      for (const { set, hours } of taken) {
        machine.wall += set * HOUR_MS
        const now = machine.run(hours * HOUR_MS)
        expect(now).toBeLessThanOrEqual(machine.wall)
        expect(now).toBeLessThanOrEqual(START + machine.passed)
      }
    }),
  )
})

describe('a clock that is set years ahead', () => {
  test('is told in the same words until it is believed, and not before it said so for three days', () => {
    const machine = new Machine()
    machine.wall += 5_000 * DAY_MS
    expect(machine.run(HOUR_MS)).toBe(START + HOUR_MS)
    const told = machine.time.doubt
    expect(told).toMatch(
      /^the clock of this machine is 5000 days ahead of .* believed from 2040-08-03 on; set it right/,
    )
    expect(machine.run(2 * DAY_MS)).toBe(START + 2 * DAY_MS + HOUR_MS)
    expect(machine.time.doubt).toBe(told)
    expect(machine.run(DAY_MS)).toBe(machine.wall)
    expect(machine.time.doubt).toBe('')
  })

  test('is not believed for a restart, though what was written meanwhile has its time; and what it said before counts', () => {
    const machine = new Machine()
    machine.wall += 5_000 * DAY_MS
    machine.run(2 * DAY_MS)
    const told = machine.time.doubt
    machine.start()
    expect(machine.time.doubt).toBe(told)
    expect(machine.look()).toBe(START + 2 * DAY_MS)
    expect(machine.run(DAY_MS + HOUR_MS)).toBe(machine.wall)
  })

  test('is forgotten when it is set right', () => {
    const machine = new Machine()
    machine.wall += 5_000 * DAY_MS
    machine.run(DAY_MS)
    machine.wall -= 5_000 * DAY_MS
    expect(machine.run(HOUR_MS)).toBe(START + DAY_MS + HOUR_MS)
    expect(machine.time.doubt).toBe('')
    machine.start()
    expect(machine.look()).toBe(machine.wall)
  })

  test('and then elsewhere begins its three days anew', () => {
    const machine = new Machine()
    machine.wall += 5_000 * DAY_MS
    machine.run(BELIEVED_AFTER_MS - HOUR_MS)
    machine.wall -= 1_000 * DAY_MS
    machine.run(2 * DAY_MS)
    expect(machine.time.doubt).toMatch(/4000 days ahead/)
  })
})

describe('a log that was closed', () => {
  test('for a night goes by the wall clock at once', () => {
    const machine = new Machine()
    machine.wall += 14 * HOUR_MS
    machine.start()
    expect(machine.look()).toBe(machine.wall)
    expect(machine.time.doubt).toBe('')
  })

  test('for longer than a day, or half of one where events are kept for one, is told of it and waits', () => {
    const machine = new Machine()
    machine.wall += 25 * HOUR_MS
    machine.start()
    expect(machine.look()).toBe(START)
    expect(machine.time.doubt).toMatch(/25 hours ahead of .*do nothing if it is right, as after a long stop$/)
    const short = new Machine(DAY_MS)
    short.wall += 13 * HOUR_MS
    short.start()
    expect(short.look()).toBe(START)
  })

  test('and never said what it knows of time begins with the wall clock', () => {
    const machine = new Machine()
    machine.mark = null
    machine.wall += 5_000 * DAY_MS
    machine.start()
    expect(machine.look()).toBe(machine.wall)
    expect(machine.mark).toEqual({ at: machine.wall, ahead: 0, doubted: 0 })
  })
})

test('a clock that stands in the past is told too, and what it is set right to is believed at once', () => {
  const machine = new Machine()
  machine.wall = 0
  machine.start()
  expect(machine.look()).toBe(0)
  expect(machine.time.doubt).toMatch(/days behind the time that the log has seen pass: what is stored now has its time/)
  machine.wall = START + HOUR_MS
  machine.passed += HOUR_MS
  expect(machine.look()).toBe(START + HOUR_MS)
  expect(machine.time.doubt).toBe('')
})
