import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { newCluster } from '../../src/cluster/index.ts'
import type { Entry, EventLog, Loss, StateStream } from '../../src/log/index.ts'
import type { Day2EventData, Event } from '../../src/event/index.ts'
import { openSqliteLog, START } from '../../src/log/index.ts'
import { followLossConfirmations, lossChecks, meetLosses } from '../../src/service/log/losses.ts'
import type { RoleParts } from '../../src/service/role.ts'
import { temporaryFolder } from '../support/bridge.ts'

const FLEET: Loss = {
  id: 'l1',
  stream: 'state.fleet',
  reason: 'v.state.fleet lost records: partition 1 made anew',
  at: 1_000,
}
const LEDGER: Loss = { ...FLEET, id: 'l2', stream: 'state.runs', reason: 'v.state.runs lost records' }
const quiet = pino({ level: 'silent' })

/** A log in a file that says that it lost these. */
async function losing(...losses: Loss[]): Promise<EventLog & { readonly losses: () => readonly Loss[] }> {
  const stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const log = stack.use(await openSqliteLog({ file: `${folder.path}/v.db`, retentionMs: 1e12, auditRetentionMs: 1e12 }))
  return {
    append: entries => log.append(entries),
    follow: (stream, from, signal) => log.follow(stream, from, signal),
    page: (stream, from, limit) => log.page(stream, from, limit),
    latest: stream => log.latest(stream),
    end: stream => log.end(stream),
    health: () => log.health(),
    losses: () => losses,
    confirmLoss: async id => void losses.splice(0, losses.length, ...losses.filter(loss => loss.id !== id)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function state(log: EventLog, stream: StateStream): Promise<Record<string, object | null>> {
  const found: Record<string, object | null> = {}
  for await (const { key, value } of log.latest(stream)) found[key] = value
  return found
}

/** What the audit has. */
async function told(log: EventLog): Promise<readonly string[]> {
  return (await log.page('events.day2', START, 100)).map(({ value }) => {
    const { fact, reason, run } = (value as Event<Day2EventData>).data
    return `${fact} ${reason} ${run.asked_by}`
  })
}

function clusterEntry(name: string, change: object): Entry {
  return {
    stream: 'state.fleet',
    key: name,
    value: { ...newCluster(name, ''), status: 'synced', uid: `u-${name}`, ...change },
  }
}

describe('a loss of the fleet', () => {
  test('makes every cluster be adopted anew, whatever is left of it; who was adopted after it stays so', async () => {
    await using log = await losing({ ...FLEET })
    await log.append([
      clusterEntry('a', { adopted_at: 900 }),
      clusterEntry('b', { adopted_at: 1_001 }),
      clusterEntry('c', { adopted_at: 900, status: 'out_of_scope' }),
      clusterEntry('d', { adopted_at: 0, status: 'joining' }),
      clusterEntry('hub', { adopted_at: 900, kind: 'hub' }),
      { stream: 'state.fleet', key: 'a/shop/web-1', value: { schema: 1, name: 'web-1' } },
    ])
    await meetLosses(log, quiet)
    const after = await state(log, 'state.fleet')
    expect(after).toMatchObject({
      a: { adopted_at: 0, status: 'joining', uid: 'u-a' },
      b: { adopted_at: 1_001, status: 'synced' },
      c: { adopted_at: 0, status: 'out_of_scope' },
      d: { adopted_at: 0 },
      hub: { adopted_at: 900, status: 'synced' },
      'a/shop/web-1': { name: 'web-1' },
    })
    const end = log.end('state.fleet')
    await meetLosses(log, quiet)
    expect(log.end('state.fleet')).toBe(end)
    expect(await state(log, 'state.runs')).toEqual({ 'loss/state.fleet': { schema: 1, kind: 'loss', id: 'l1' } })
  })
})

test('a loss of the ledger is told once, and until when nothing is known is written down', async () => {
  await using log = await losing({ ...LEDGER })
  for (let start = 0; start < 2; start += 1) await meetLosses(log, quiet)
  expect(await state(log, 'state.runs')).toEqual({
    baseline: { schema: 1, kind: 'baseline', at: 1_000 },
    'loss/state.runs': { schema: 1, kind: 'loss', id: 'l2' },
  })
  expect(await told(log)).toEqual(['records_lost state.runs bridge'])
  expect(lossChecks(log)).toEqual([
    {
      name: 'records of state.runs',
      ok: false,
      reason: LEDGER.reason,
      hint: expect.stringContaining('virtbridge loss confirm state.runs') as string,
    },
  ])
})

test('a confirmation is taken in although nobody listened when it was given, and means the loss it was given for alone', async () => {
  await using log = await losing({ ...FLEET }, { ...LEDGER })
  const command = (loss: string): Entry => {
    const value = {
      schema: 1,
      kind: 'confirm_loss',
      id: `for-${loss}`,
      loss,
      stream: 'state.runs',
      asked_by: 'ops',
      at: 0,
    }
    return { stream: 'commands', key: value.id, value }
  }
  await log.append([
    command('another'),
    { stream: 'commands', key: 'r', value: { schema: 1, kind: 'run', id: 'r' } },
    command('l2'),
  ])
  const stop = new AbortController()
  const following = followLossConfirmations({
    log,
    signal: stop.signal,
    logger: quiet,
    now: () => 5_000,
  } as unknown as RoleParts)
  await expect.poll(() => log.losses().map(({ id }) => id)).toEqual(['l1'])
  await log.append([command('l1')])
  // With none left there is nothing to follow any more.
  await following
  expect(log.losses()).toEqual([])
  expect(await told(log)).toEqual(['loss_confirmed state.runs ops', 'loss_confirmed state.fleet ops'])
})
