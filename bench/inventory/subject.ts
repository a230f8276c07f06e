import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import Fastify from 'fastify'
import { pino } from 'pino'
import { newCluster } from '../../src/cluster/index.ts'
import { Ledger } from '../../src/day2/index.ts'
import { Fleet, followFleet } from '../../src/fleet/index.ts'
import { type AppParts, buildApp, ConsumerRegister, createAuthenticator } from '../../src/http/index.ts'
import { InventoryCache } from '../../src/inventory/index.ts'
import { openSqliteLog } from '../../src/log/index.ts'
import { createMetrics } from '../../src/telemetry/index.ts'
import { vmKey } from '../../src/vm/index.ts'
import { recordOf, TOKEN } from './records.ts'

/** What the process is asked. */
export type Question =
  | { readonly ask: 'fill'; readonly vms: number }
  | { readonly ask: 'read' }
  | { readonly ask: 'settle' }
  | { readonly ask: 'change'; readonly vm: number; readonly node: string }
  | { readonly ask: 'append'; readonly vm: number; readonly node: string }

/** How the process is. */
export interface Reading {
  /** Where the inventory is served. */
  readonly url: string
  /** Where the same bytes are a buffer that a bare fastify route sends. */
  readonly bareUrl: string
  readonly rss: number
  /** Of all threads, in ms. */
  readonly cpu: number
  /** The longest that its event loop was held up since the last reading, in ms. */
  readonly stall: number
}

/** The benchmark is one caller that asks more than any would. */
const GENEROUS: NonNullable<AppParts['limits']> = { token: { burst: 1e9, perSecond: 1e9 } }

/**
 * `serve` alone in a process: fleet, inventory, HTTP, and a log that the fleet is followed from; and beside it a bare route with the bytes of
 * the document at the time of the last `settle`.
 */
async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-bench-'))
  const log = await openSqliteLog({ file: join(folder, 'v.db'), retentionMs: 1e12, auditRetentionMs: 1e12 })
  const [fleet, now] = [new Fleet(), () => Date.now()]
  const closing = new AbortController()
  fleet.apply({
    key: 'prod-1',
    value: { ...newCluster('prod-1', ''), status: 'synced', adopted_at: 1, heartbeat: now() + 1e9 },
  })
  const inventory = new InventoryCache({
    fleet,
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: ['app'],
    verbsOf: () => ({ onboard: 'ok', patch: '' }),
    now,
  })
  void followFleet(fleet, log, log.end('state.fleet'), closing.signal)
  const app = buildApp({
    log,
    fleet,
    ledger: new Ledger(),
    inventory,
    expected: ['prod-1'],
    checks: () => [],
    authenticate: createAuthenticator([{ name: 'bench', can: ['read'], read: () => TOKEN }], {
      now,
      warn: () => undefined,
    }),
    metrics: createMetrics(),
    logger: pino({}, { write: () => undefined }),
    limits: GENEROUS,
    version: '0',
    now,
    newId: () => 'id',
    signal: closing.signal,
    explain: () => {
      throw new Error('nobody asks for this here')
    },
    verbs: new Map(),
    consumers: new ConsumerRegister({ log, now, logger: pino({}, { write: () => undefined }) }),
    controllerConfigured: false,
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  let bytes: Buffer = Buffer.alloc(0)
  const bare = Fastify()
  bare.get('/', (_request, reply) => reply.type('application/json; charset=utf-8').send(bytes))
  bare.get('/304', (_request, reply) => reply.status(304).send())
  const bareUrl = await bare.listen({ host: '127.0.0.1', port: 0 })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const reading = (): Reading => {
    const { user, system } = process.cpuUsage()
    const stall = delay.max / 1e6
    delay.reset()
    return { url, bareUrl, rss: process.memoryUsage().rss, cpu: (user + system) / 1000, stall }
  }
  const changed = (vm: number, node: string): ReturnType<typeof recordOf> => {
    const record = recordOf(vm)
    return { ...record, seen: { ...record.seen, node } }
  }
  const answer = async (question: Question): Promise<void> => {
    if (question.ask === 'fill')
      for (let n = 0; n < question.vms; n += 1) {
        const record = recordOf(n)
        fleet.apply({ key: vmKey(record), value: record })
      }
    if (question.ask === 'settle') {
      await inventory.prepare()
      const document = inventory.read(now())
      // What no client could do: the bytes in one buffer, for the bare route alone.
      if (document.kind === 'document' && process.env['BARE'] === 'yes') bytes = Buffer.concat(document.plain.chunks)
      for (let turn = 0; turn < 3; turn += 1)
        (globalThis.gc as unknown as ((how: object) => void) | undefined)?.({
          type: 'major',
          execution: 'sync',
          flavor: 'last-resort',
        })
    }
    if (question.ask === 'change') {
      const record = changed(question.vm, question.node)
      fleet.apply({ key: vmKey(record), value: record })
    }
    if (question.ask === 'append') {
      const record = changed(question.vm, question.node)
      await log.append([{ stream: 'state.fleet', key: vmKey(record), value: record }])
    }
    process.send?.(reading())
  }
  process.on('message', (question: Question) => void answer(question))
  process.on('disconnect', () => {
    closing.abort()
    void rm(folder, { recursive: true, force: true }).then(() => process.exit(0))
  })
  process.send?.(reading())
}

await main()
