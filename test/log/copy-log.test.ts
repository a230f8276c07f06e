import { join } from 'node:path'
import { expect, test } from 'vitest'
import { copyLog, findMove, refuseHalfCopied } from '../../src/service/log/copy-log.ts'
import { EXIT } from '../../src/cli/exit.ts'
import { loadLedger } from '../../src/day2/index.ts'
import { type Entry, type EventLog, EVENT_STREAMS, openSqliteLog, START, STATE_STREAMS } from '../../src/log/index.ts'
import { type Move, MOVE_KEY, moveOf } from '../../src/log/move.ts'
import { openSqliteSource } from '../../src/log/sqlite/source.ts'
import type { Glimpse } from '../../src/log/kafka/index.ts'
import { virtbridge } from '../cli/console.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'
import { all, latest } from './conformance.ts'

const CLUSTERS = 'clusters: [{name: c, in_cluster: true}]\n'

function open(file: string): Promise<EventLog> {
  return openSqliteLog({ file, retentionMs: 1e12, auditRetentionMs: 1e12 })
}

/** The log that others look at before they take it: here a file. */
async function seen<T>(file: string, look: (found: Glimpse) => Promise<T>): Promise<T> {
  await using log = await open(file)
  return await look({
    latest: async (stream, key) => (await latest(log, stream)).find(entry => entry.key === key)?.value ?? null,
    held: () => Promise.resolve([...EVENT_STREAMS, ...STATE_STREAMS].find(stream => log.end(stream) !== START) ?? null),
  })
}

/** A log with something of everything; two of its three commands were taken in. */
async function fill(file: string): Promise<void> {
  await using log = await open(file)
  const filler = 'x'.repeat(1_000)
  const command = (n: number): Entry => ({ stream: 'commands', key: `c${n}`, value: { kind: 'run', id: `c${n}` } })
  await log.append([command(1)])
  const taken = await log.append([command(2)])
  await log.append(
    Array.from({ length: 1_200 }, (_, n) => ({
      stream: 'events.vm',
      key: `c/n/vm-${n % 9}`,
      value: { id: `e${n}`, filler },
    })),
  )
  await log.append([
    { stream: 'events.cluster', key: 'c', value: { id: 'joined' } },
    { stream: 'events.day2', key: 'r', value: { id: 'started' } },
    ...Array.from({ length: 800 }, (_, n): Entry => ({
      stream: 'state.fleet',
      key: `c/n/vm-${n}`,
      value: { schema: 1, filler },
    })),
    { stream: 'state.runs', key: 'run/c1', value: { schema: 1, id: 'c1', status: 'finished', hosts: [] } },
    { stream: 'state.runs', key: 'vm/u1/onboard', value: { schema: 1, uid: 'u1', verb: 'onboard', at: 1 } },
    { stream: 'state.runs', key: 'position/commands', value: { schema: 1, kind: 'position', position: taken } },
    { stream: 'state.fleet', key: 'c/n/vm-3', value: null },
  ])
  await log.append([command(3)])
}

/** What a log says, in the order of each stream; but for the position of commands, which is another one in each log. */
async function content(log: EventLog): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const stream of EVENT_STREAMS) found[stream] = (await all(log, stream)).map(({ key, value }) => [key, value])
  for (const stream of STATE_STREAMS) {
    const entries = (await latest(log, stream)).filter(({ key }) => key !== MOVE_KEY && key !== 'position/commands')
    found[stream] = Object.fromEntries(entries.map(({ key, value }) => [key, value]))
  }
  return found
}

/** Copies, and ends after so many transactions. */
async function copy(from: string, to: string, transactions = Infinity): Promise<Move> {
  using source = openSqliteSource(from)
  const move = await seen(to, found => findMove(found, source))
  const stop = new AbortController()
  let count = 0
  const onProgress = (): void => {
    count += 1
    if (count === transactions) stop.abort()
  }
  return await copyLog({ source, target: await open(to), move, signal: stop.signal, onProgress })
}

test('a copy that is ended again and again goes on where it was: all is there once, in order, with the same ids', async () => {
  await using folder = await temporaryFolder()
  const [from, to] = [join(folder.path, 'a.db'), join(folder.path, 'b.db')]
  await fill(from)
  let lives = 0
  for (let done = false; !done; lives += 1) {
    const outcome = await copy(from, to, 2).catch((error: unknown) => error)
    done = moveOf(outcome as object)?.status === 'done'
    if (done) break
    expect(outcome).toMatchObject({ code: 'interrupted' })
    await expect(seen(to, refuseHalfCopied)).rejects.toMatchObject({
      code: 'log_half_copied',
      hint: expect.stringContaining('virtbridge log copy --from') as string,
    })
  }
  expect(lives).toBeGreaterThan(3)
  await seen(to, refuseHalfCopied)
  await using a = await open(from)
  await using b = await open(to)
  expect(await content(b)).toEqual(await content(a))
  const { ledger } = await loadLedger(b)
  expect((await all(b, 'commands', ledger.commands)).map(({ key }) => key)).toEqual(['c3'])
  expect(ledger.runs.has('c1')).toBe(true)
})

test('what the log got after an interrupted copy is copied by the next one, also what was deleted', async () => {
  await using folder = await temporaryFolder()
  const [from, to] = [join(folder.path, 'a.db'), join(folder.path, 'b.db')]
  await fill(from)
  await expect(copy(from, to, 5)).rejects.toMatchObject({ code: 'interrupted' })
  {
    await using log = await open(from)
    const position = await log.append([{ stream: 'commands', key: 'c4', value: { kind: 'run', id: 'c4' } }])
    await log.append([
      { stream: 'events.vm', key: 'c/n/vm-1', value: { id: 'late' } },
      { stream: 'state.fleet', key: 'c/n/vm-7', value: null },
      { stream: 'state.runs', key: 'position/commands', value: { schema: 1, kind: 'position', position } },
      { stream: 'commands', key: 'c5', value: { kind: 'run', id: 'c5' } },
    ])
  }
  const move = await copy(from, to)
  expect(move.status).toBe('done')
  await using a = await open(from)
  await using b = await open(to)
  expect(await content(b)).toEqual(await content(a))
  const { ledger } = await loadLedger(b)
  expect((await all(b, 'commands', ledger.commands)).map(({ key }) => key)).toEqual(['c5'])
})

test('a log that holds anything else, another log, or a later state of this one is refused, and not changed', async () => {
  await using folder = await temporaryFolder()
  const [from, to, other, older] = ['a.db', 'b.db', 'c.db', 'd.db'].map(name => join(folder.path, name)) as [
    string,
    string,
    string,
    string,
  ]
  await fill(from)
  expect(
    (await virtbridge(['backup', older, '-c', await fileIn(folder.path, 'v.yaml', `log: {path: a.db}\n${CLUSTERS}`)]))
      .code,
  ).toBe(EXIT.ok)
  {
    await using log = await open(other)
    await log.append([{ stream: 'events.cluster', key: 'c', value: {} }])
  }
  await expect(copy(from, other)).rejects.toMatchObject({
    code: 'log_occupied',
    message: expect.stringContaining('events.cluster has records') as string,
  })
  {
    await using log = await open(from)
    await log.append([{ stream: 'events.vm', key: 'k', value: { id: 'late' } }])
  }
  await copy(from, to)
  await expect(copy(other, to)).rejects.toMatchObject({
    code: 'log_occupied',
    message: expect.stringContaining('another log') as string,
  })
  await expect(copy(older, to)).rejects.toMatchObject({
    code: 'log_occupied',
    message: expect.stringContaining('later state') as string,
  })
  expect((await copy(from, to)).status).toBe('done')
})

test('virtbridge log copy says what is in its way before it asks Kafka anything', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'a.db')
  await using _held = await open(file)
  const none = await fileIn(folder.path, 'none.yaml', CLUSTERS)
  const kafka = await fileIn(folder.path, 'kafka.yaml', `log: {kafka: {brokers: ["127.0.0.1:1"]}}\n${CLUSTERS}`)
  const run = (from: string, config: string, ...more: string[]): ReturnType<typeof virtbridge> =>
    virtbridge(['log', 'copy', '--from', from, '-c', config, ...more])
  expect(await run(file, none)).toMatchObject({
    code: EXIT.fault,
    err: expect.stringContaining('no log on Kafka to copy to') as string,
  })
  expect(await run(file, kafka)).toMatchObject({
    code: EXIT.fault,
    err: expect.stringContaining(`held by process ${process.pid}`) as string,
  })
  expect(await run(join(folder.path, 'no.db'), kafka)).toMatchObject({
    code: EXIT.fault,
    err: expect.stringContaining('there is no log at') as string,
  })
  const source = await fileIn(folder.path, 'v.yaml', `log: {path: a.db}\n${CLUSTERS}`)
  const backup = join(folder.path, 'copy.db')
  await virtbridge(['backup', backup, '-c', source])
  const old = await run(backup, kafka)
  expect(old.code).toBe(EXIT.fault)
  expect(old.err).toMatch(/is a copy made at 20.*: what was launched after that would not be known/)
  // It was no log of a bridge before, and is none now: the next copy may replace it.
  expect((await virtbridge(['backup', backup, '-c', source, '--force'])).code).toBe(EXIT.ok)
})
