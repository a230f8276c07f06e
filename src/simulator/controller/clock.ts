/** Where the controller gets its time from, and how it is woken. */
export type Clock = {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls `act` once, `ms` from now; the function returned takes it back. */
  after(ms: number, act: () => void): () => void
  /** Says that I/O is under way. Virtual time stands still until it ends; real time takes no notice. */
  hold(io: Promise<unknown>): void
}

/** A clock that somebody can set: it goes on as the other does, `aheadMs` before it (or behind). */
export type SettableClock = Clock & { aheadMs: number }

export function settable(clock: Clock): SettableClock {
  return {
    aheadMs: 0,
    now() {
      return clock.now() + this.aheadMs
    },
    after: (ms, act) => clock.after(ms, act),
    hold: io => clock.hold(io),
  }
}

/** Real time. Its timers keep no process alive: the listening socket does. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    after(ms, act) {
      // Node answers a longer delay with an immediate call; the scheduler looks again after being woken, so a cap is harmless.
      const timer = setTimeout(act, Math.min(ms, 2 ** 31 - 1))
      timer.unref()
      return () => clearTimeout(timer)
    },
    hold: () => undefined,
  }
}

/** Time that moves only when told to. */
export type VirtualClock = Clock & {
  /** Moves on by `ms`, calling what falls due in order, and waiting for the I/O each call starts. */
  advance(ms: number): Promise<void>
}

/** A virtual clock that starts at `startMs`. */
export function virtualClock(startMs: number = Date.UTC(2026, 10, 21, 8, 0, 0)): VirtualClock {
  let now = startMs
  const timers = new Set<{ at: number; act: () => void }>()
  const pending = new Set<Promise<unknown>>()

  async function settle(): Promise<void> {
    while (pending.size > 0) await Promise.allSettled(pending)
  }

  return {
    now: () => now,
    after(ms, act) {
      const timer = { at: now + Math.max(0, ms), act }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    hold(io) {
      pending.add(io)
      const release = (): void => void pending.delete(io)
      io.then(release, release)
    },
    async advance(ms) {
      const target = now + ms
      await settle()
      for (;;) {
        const due = [...timers].filter(timer => timer.at <= target).sort((a, b) => a.at - b.at)[0]
        if (due === undefined) break
        timers.delete(due)
        now = Math.max(now, due.at)
        due.act()
        await settle()
      }
      now = target
    },
  }
}
