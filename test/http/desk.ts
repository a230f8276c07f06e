import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { pino } from 'pino'
import { expect } from 'vitest'
import { type ClusterRecord, newCluster } from '../../src/cluster/index.ts'
import { Ledger, loadLedger, newRun, type Run, type VerbPolicy } from '../../src/day2/index.ts'
import { Fleet, type Scope } from '../../src/fleet/index.ts'
import {
  type AppParts,
  buildApp,
  ConsumerRegister,
  createAuthenticator,
  type TokenSource,
} from '../../src/http/index.ts'
import { InventoryCache, KUBEVIRT_CORE_DEFAULTS, kubevirtCoreRendering, type View } from '../../src/inventory/index.ts'
import { type EventLog, openSqliteLog, type Position } from '../../src/log/index.ts'
import { createMetrics } from '../../src/telemetry/index.ts'
import { inert } from '../../src/telemetry/inert.ts'
import { type VmRecord, vmKey } from '../../src/vm/index.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { watchAnswers } from './document.ts'

/** What may be done: by a rulebook, by the bridge, by nobody. */
const VERBS = new Map<string, VerbPolicy>([
  ['onboard', { template: 'Day2 | Onboard', driver: 'eda', os: ['linux'] }],
  ['patch', { template: 'Day2 | Patch', driver: 'bridge', os: ['linux'] }],
  ['ssh_keys', { template: 'Day2 | Ssh Keys', driver: 'bridge', os: ['linux'] }],
])

export const NOW = Date.UTC(2026, 10, 21)
export const TOKENS = {
  reader: 'reader-token-of-16',
  runner: 'runner-token-of-16',
  admin: 'admin-token-of-16',
  /** May read the view `web` alone. */
  scoped: 'scoped-token-of-16',
  /** May know of the namespace `shop` of the cluster `prod-1` alone. */
  shop: 'shop-token-of-16-or-so',
  /** May know of the cluster `prod-1` alone. */
  prod: 'prod-token-of-16-or-so',
  /** May do nothing but notify. */
  notifier: 'notifier-token-of-16',
}

/** The formats that any view may be asked for in. */
const FORMATS = new Map([['kubevirt.core', kubevirtCoreRendering(KUBEVIRT_CORE_DEFAULTS)]])

/** A run on nobody that waits for its launch; a test says what else is so. */
const PLANNED = newRun(
  { id: 'none', verb: 'patch', template: 'Day2 | Patch', askedBy: 'admin', reason: '', hosts: [] },
  0,
)

/** The HTTP face of virtbridge over a log of its own, with a fleet and a ledger that the test fills. */
export interface Desk extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly log: EventLog
  readonly fleet: Fleet
  readonly ledger: Ledger
  readonly consumers: ConsumerRegister
  /** Consumers that missed events, as they were told of. */
  readonly gaps: readonly string[]
  /** What it logged, a JSON line each. */
  readonly logged: string[]
  /** What it thinks the time is. */
  clock: number
  /** Values of the tokens, by name. */
  readonly tokens: Record<string, string>
  put(...records: readonly VmRecord[]): void
  cluster(name: string, wish?: Partial<ClusterRecord>): void
  run(wish: Partial<Run>): void
  /** Appends events `{ n }` and gives the last position. */
  events(count: number, filler?: string): Promise<Position>
  listen(): Promise<string>
  /** Logs what is at least as severe. */
  level(level: string): void
  get(path: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<LightMyRequestResponse>
}

export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}

export async function openDesk(more: Partial<AppParts> = {}, views: readonly View[] = []): Promise<Desk> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const log = stack.use(await openSqliteLog({ file: `${folder.path}/v.db`, retentionMs: 1e12, auditRetentionMs: 1e12 }))
  const closing = new AbortController()
  const [fleet, ledger, logged] = [new Fleet(), new Ledger(), [] as string[]]
  const tokens: Record<string, string> = { ...TOKENS }
  let ids = 0
  let sent = 0
  const desk = { clock: NOW }
  const now = (): number => desk.clock
  const limits = { staleAfterMs: 60_000, disableAfterMs: 3_600_000 }
  const verbsOf = (): { onboard: string; patch: string } => ({ onboard: '', patch: '' })
  const inventory = stack.use(
    new InventoryCache({ fleet, expected: ['prod-1'], limits, labelGroups: [], views, formats: FORMATS, verbsOf, now }),
  )
  const source = (
    name: string,
    can: readonly ('read' | 'run' | 'admin' | 'notify')[],
    views?: readonly string[],
    scope?: Scope,
  ): TokenSource => {
    return { name, can, views, scope, read: () => tokens[name] ?? '' }
  }
  const hooks = { streamWrite: inert }
  const logger = pino({ level: 'debug', hooks }, { write: (line: string) => void logged.push(line) })
  const gaps: string[] = []
  const consumers = new ConsumerRegister({ log, now, logger, onGap: ({ name }) => void gaps.push(name) })
  await loadLedger(log, entry => consumers.restore(entry))
  const parts: AppParts = {
    log,
    fleet,
    ledger,
    inventory,
    explain: () => {
      throw new Error('not asked for here')
    },
    verbs: VERBS,
    consumers,
    controllerConfigured: true,
    expected: ['prod-1'],
    checks: () => [],
    authenticate: createAuthenticator(
      [
        source('reader', ['read']),
        source('runner', ['read', 'run']),
        source('admin', ['read', 'run', 'admin']),
        source('notifier', ['notify']),
        source('scoped', ['read'], ['web']),
        source('shop', ['read', 'run', 'admin'], undefined, { clusters: ['prod-1'], namespaces: ['shop'] }),
        source('prod', ['read', 'run', 'admin'], undefined, { clusters: ['prod-1'], namespaces: [] }),
      ],
      { now },
    ),
    metrics: createMetrics(),
    logger,
    version: '0.0.0-test',
    now,
    newId: () => `id-${(ids += 1)}`,
    signal: closing.signal,
  }
  // What is asked for anew each time stays so.
  const app = buildApp(Object.defineProperties(parts, Object.getOwnPropertyDescriptors(more)))
  const unfit = watchAnswers(app)
  // Whatever a test was about: each answer is one that the document has.
  stack.defer(() => expect(unfit).toEqual([]))
  stack.defer(() => app.close())
  stack.defer(() => closing.abort())
  const owned = stack.move()
  return Object.assign(desk, {
    app,
    log,
    fleet,
    ledger,
    consumers,
    gaps,
    logged,
    tokens,
    put: (...records: readonly VmRecord[]) =>
      records.forEach(record => fleet.apply({ key: vmKey(record), value: record })),
    cluster: (name: string, wish: Partial<ClusterRecord> = {}) => {
      fleet.apply({
        key: name,
        value: { ...newCluster(name, ''), status: 'synced', reason: '', adopted_at: 1, heartbeat: NOW, ...wish },
      })
    },
    run: (wish: Partial<Run>) =>
      ledger.apply({
        key: `run/${wish.id}`,
        value: { ...PLANNED, ...wish },
      }),
    async events(count: number, filler = ''): Promise<Position> {
      const entries = Array.from({ length: count }, () => ({
        stream: 'events.vm' as const,
        key: 'k',
        value: { type: 'io.virtbridge.vm.started.v1', n: (sent += 1), filler },
      }))
      return log.append(entries)
    },
    level: (level: string) => {
      logger.level = level
    },
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
    get: (path: string, headers: Record<string, string> = bearer(TOKENS.reader)) =>
      app.inject({ method: 'GET', url: path, headers }),
    post: (path: string, body: unknown, headers: Record<string, string> = bearer(TOKENS.admin)) => {
      return app.inject({
        method: 'POST',
        url: path,
        headers: { 'content-type': 'application/json', ...headers },
        payload: typeof body === 'string' ? body : JSON.stringify(body),
      })
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  })
}
