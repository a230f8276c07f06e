import { expect, test } from 'vitest'
import type { FetchedRecord } from '../../../src/log/kafka/fetch-response.ts'
import { Library } from '../../../src/log/kafka/library.ts'
import type { Found, Wanted } from '../../../src/log/kafka/reader.ts'
import { Strangers } from '../../../src/log/kafka/strangers.ts'
import { connectionTo } from './place.ts'

/** One partition of `state.fleet`: its decided records, and the end of what is not decided. */
class Partition {
  readonly records: FetchedRecord[] = []
  fetches = 0

  /** So many commits are decided: each a record and its marker. */
  decide(commits: number): void {
    for (let n = this.records.length; n < commits; n += 1) {
      this.records.push({ offset: n * 2, timestamp: n, key: Buffer.from(`k${n}`), value: Buffer.from(`{"n":${n}}`) })
    }
  }

  fetch([wanted]: readonly Wanted[]): Promise<readonly Found[]> {
    this.fetches += 1
    const from = wanted?.offset ?? 0
    const end = this.records.length * 2
    const records = this.records.filter(({ offset }) => offset >= from)
    const found = { topic: 't', partition: 0, errorCode: 0, stableOffset: end, startOffset: 0 }
    return Promise.resolve([{ ...found, stream: 'state.fleet', nextOffset: Math.max(from, end), records }])
  }

  ends(): Promise<{ first: readonly number[]; next: readonly number[] }> {
    return Promise.resolve({ first: [0], next: [this.records.length * 2] })
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A library of that partition, whose time goes by as it rests; `after` is called each time it rested. */
function libraryOf(partition: Partition, after: (rested: number) => void = () => undefined): Library {
  let now = 0
  const clock = {
    steady: () => now,
    rest: (ms: number) => {
      now += ms
      after(now)
      return Promise.resolve()
    },
  }
  const reading = {
    connection: connectionTo([]),
    prefix: 'p',
    partitions: 1,
    strangers: new Strangers('p', () => undefined),
  }
  return new Library(reading, new AbortController().signal, { open: () => Promise.resolve(partition), clock })
}

const ACKED = [5]

async function read(library: Library, what: 'page' | 'latest', at = 0): Promise<readonly string[]> {
  if (what === 'page') return (await library.page('state.fleet', [at], 10, ACKED)).map(({ key }) => key)
  return (await Array.fromAsync(library.latest('state.fleet', ACKED))).map(({ key }) => key)
}

test('a page gives what can be read, and what was acknowledged and is not decided yet by the next page, when it is', async () => {
  const partition = new Partition()
  partition.decide(2)
  await using library = libraryOf(partition, () => partition.decide(3))
  expect(await read(library, 'page')).toEqual(['k0', 'k1'])
  expect(await read(library, 'page', 3)).toEqual(['k2'])
})

test('the latest content has all that was acknowledged: it waits for what is not decided yet', async () => {
  const partition = new Partition()
  partition.decide(2)
  await using library = libraryOf(partition, () => partition.decide(3))
  expect(await read(library, 'latest')).toEqual(['k0', 'k1', 'k2'])
})

test.each([
  ['a page', 'page'],
  ['the latest content', 'latest'],
] as const)(
  '%s that waits for what is never decided is given up with words, asks ever more seldom until then, and is well afterwards',
  async (_, what) => {
    const partition = new Partition()
    partition.decide(2)
    let rested = 0
    await using library = libraryOf(partition, now => (rested = now))
    await expect(read(library, what, 4)).rejects.toMatchObject({ reaction: 'retry' })
    expect(rested).toBeGreaterThan(20_000)
    expect(partition.fetches).toBeLessThan(150)
    partition.decide(3)
    expect(await read(library, what, 4)).toContain('k2')
  },
)

test('whoever waits while more and more is decided is not given up', async () => {
  const partition = new Partition()
  await using library = libraryOf(partition, now => partition.decide(Math.min(3, Math.floor(now / 15_000))))
  expect(await read(library, 'latest')).toEqual(['k0', 'k1', 'k2'])
})
