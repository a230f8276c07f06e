/** A line of a writer and when it came, in ms of a clock that only goes on. */
export interface Said {
  readonly at: number
  readonly line: string
}

/**
 * Where what a writer said of its health was not so, as sentences: it acknowledged while it said that it can not write, or said nothing
 * of it when nothing had been acknowledged for `patienceMs`.
 */
export function liesOf(said: readonly Said[], patienceMs: number): readonly string[] {
  const lies: string[] = []
  let trouble = ''
  let last: number | null = null
  for (const { at, line } of said) {
    if (last !== null && trouble === '' && at - last > patienceMs) {
      lies.push(`nothing was acknowledged for ${Math.round(at - last)} ms, and it said that it can write`)
      last = at
    }
    if (line.startsWith('health')) {
      trouble = line.slice('health '.length)
      if (trouble === '') last = at
    } else if (line.startsWith('ok ')) {
      if (trouble !== '') lies.push(`it acknowledged (${line}) and said that it can not write: ${trouble}`)
      last = at
    }
  }
  return lies
}

/** The longest time between two acknowledgements, in ms. */
export function longestGap(said: readonly Said[]): number {
  const times = said.filter(({ line }) => line.startsWith('ok ')).map(({ at }) => at)
  return times.reduce((longest, at, index) => Math.max(longest, at - (times[index - 1] ?? at)), 0)
}

/** The most bytes of memory, resident and waiting to be written, that a writer told of between two moments. */
export function mostMemory(said: readonly Said[], from = 0, to = Infinity): { resident: number; waiting: number } {
  let [resident, waiting] = [0, 0]
  for (const { at, line } of said) {
    if (!line.startsWith('memory ') || at < from || at > to) continue
    const [, rss, outbox] = line.split(' ')
    resident = Math.max(resident, Number(rss))
    waiting = Math.max(waiting, Number(outbox))
  }
  return { resident, waiting }
}
