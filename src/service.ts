import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { type Controller, openController } from './aap/index.ts'
import { type Config, type ControllerConfig, readSecret } from './config/index.ts'
import { Dispatcher, explain, followLedger, loadLedger, PATIENCE, type Policy } from './day2/index.ts'
import { Fault, messageOf } from './errors.ts'
import { type Fleet, followFleet, loadFleet } from './fleet/index.ts'
import { buildApp, type Check, createAuthenticator } from './http/index.ts'
import { InventoryCache, stalenessOf, type StaleLimits } from './inventory/index.ts'
import { type EventLog, type EventStream, openSqliteLog } from './log/index.ts'
import { createMetrics, type Logger, type Metrics } from './telemetry/index.ts'
import { VERSION } from './version.ts'
import { WatchRole } from './watch.ts'

/** What the outside gives a service: nothing in it looks at the process itself. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly logger: Logger
  readonly now: () => number
  readonly newId: () => string
}

export interface Service extends AsyncDisposable {
  /** Where it listens. */
  readonly url: string
  /** Rejects when the service can not go on: the log is lost. Never resolves before it is closed. */
  readonly ended: Promise<void>
}

const USER_AGENT = `virtbridge/${VERSION}`
const DAY_MS = 86_400_000

/**
 * The whole of virtbridge, put together. All that passes between the roles is the log:
 *
 *   watch     clusters → facts and records → log
 *   fleet     log (state.fleet) → the view of the fleet
 *   serve     view, ledger and events → inventory, API, streams; what people ask for → log (commands)
 *   dispatch  view, ledger, commands → launches at the controller → log (state.runs, events.day2)
 *
 * Resolves when it listens. Throws a Fault when it can not start; then nothing is left open.
 */
export async function startService(config: Config, around: Surroundings): Promise<Service> {
  await using stack = new AsyncDisposableStack()
  const { logger } = around
  const closing = new AbortController()
  const log = stack.use(await openLog(config, logger))
  const metrics = createMetrics()
  const tasks: Promise<void>[] = []
  stack.defer(async () => {
    closing.abort()
    await Promise.allSettled(tasks)
  })
  const { fleet, position } = await loadFleet(log)
  tasks.push(followFleet(fleet, log, position, closing.signal))

  const watch = new WatchRole({
    config,
    log,
    logger,
    now: around.now,
    userAgent: USER_AGENT,
    signal: closing.signal,
    readFile: path => readFileSync(path, 'utf8'),
  })
  tasks.push(watch.run())

  const dispatch = startDispatch(config, { around, log, fleet, metrics, stack, signal: closing.signal })
  tasks.push(...(await dispatch.tasks))

  const app = await serve(config, {
    around,
    log,
    fleet,
    metrics,
    watch,
    dispatch,
    stack,
    tasks,
    signal: closing.signal,
  })
  const url = await listen(app, config.http.listen)
  stack.defer(() => app.close())
  logger.info({ url, clusters: config.clusters.length, hubs: config.hubs.length }, 'listening')
  const resources = stack.move()
  return {
    url,
    ended: Promise.all(tasks).then(() => undefined),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

async function openLog(config: Config, logger: Logger): Promise<EventLog> {
  return openSqliteLog({
    file: config.log.path,
    retentionMs: config.log.retention_days * DAY_MS,
    auditRetentionMs: config.log.audit_retention_days * DAY_MS,
    onHealth: health =>
      health.writable
        ? logger.info('the log is written again')
        : logger.error({ reason: health.reason }, 'the log can not be written'),
  })
}

interface Parts {
  readonly around: Surroundings
  readonly log: EventLog
  readonly fleet: Fleet
  readonly metrics: Metrics
  readonly stack: AsyncDisposableStack
  readonly signal: AbortSignal
}

interface Dispatch {
  readonly tasks: Promise<readonly Promise<void>[]>
  readonly check: () => readonly Check[]
  readonly policy: Policy | null
}

function startDispatch(config: Config, parts: Parts): Dispatch {
  const settings = config.controller
  if (settings === undefined) return { tasks: Promise.resolve([]), check: () => [], policy: null }
  const { around, log, fleet, metrics, stack, signal } = parts
  const policy = onboardPolicy(config)
  const controller = stack.use(connectController(settings, around.env))
  let trouble = ''
  const start = async (): Promise<readonly Promise<void>[]> => {
    const { ledger } = await loadLedger(log)
    const dispatcher = new Dispatcher({
      log,
      fleet,
      ledger,
      controller,
      place: { organization: settings.organization, inventory: settings.inventory, source: settings.inventory_source },
      policies: { onboard: policy, patch: config.verbs.patch },
      patience: { ...PATIENCE, quiet: settings.quiet_period_seconds * 1000 },
      pollMs: settings.poll_seconds * 1000,
      now: around.now,
      newId: around.newId,
      report: (what, details) => {
        if (what === 'trouble') trouble = details.message
        else if (what !== 'deferred') trouble = ''
        if (what === 'finished') metrics.runs.inc({ verb: details.message.split(':')[0] ?? '', outcome: 'finished' })
        const level = what === 'alarm' ? 'error' : what === 'trouble' ? 'warn' : what === 'deferred' ? 'debug' : 'info'
        around.logger[level]({ run: details.run, what }, details.message)
      },
    })
    return [dispatcher.run(signal)]
  }
  const check = (): readonly Check[] => [
    {
      name: 'controller',
      ok: trouble === '',
      reason: trouble,
      hint: trouble === '' ? '' : 'virtbridge check tells more',
    },
  ]
  return { tasks: start(), check, policy }
}

/** The client of the configured controller. Its token is read when it is needed, so that a rotated one counts at once. */
export function connectController(settings: ControllerConfig, env: Surroundings['env']): Controller {
  return openController({
    url: settings.url,
    token: () => readSecret(settings.token, env),
    requestTimeoutMs: settings.request_timeout_seconds * 1000,
    ...(settings.token_description === '' ? {} : { tokenDescription: settings.token_description }),
    ...(settings.ca_file === '' ? {} : { ca: readFileSync(settings.ca_file, 'utf8') }),
  })
}

function onboardPolicy(config: Config): Policy {
  const { verbs, dispatch } = config
  return {
    verb: 'onboard',
    ...verbs.onboard,
    coalesceMs: dispatch.coalesce_seconds * 1000,
    maxHosts: dispatch.max_hosts_per_job,
    maxJobs: dispatch.max_jobs,
    brake: { hosts: dispatch.brake.hosts, perMs: dispatch.brake.per_seconds * 1000 },
  }
}

interface ServeParts extends Parts {
  readonly watch: WatchRole
  readonly dispatch: Dispatch
  readonly tasks: Promise<void>[]
}

async function serve(config: Config, parts: ServeParts): Promise<FastifyInstance> {
  const { around, log, fleet, metrics, watch, dispatch, stack, tasks, signal } = parts
  const { ledger, position } = await loadLedger(log)
  const limits = limitsOf(config)
  const verbsOf = (uid: string): { onboard: string; patch: string } => ({
    onboard: ledger.verb(uid, 'onboard')?.status ?? '',
    patch: ledger.verb(uid, 'patch')?.status ?? '',
  })
  const expected = [...config.clusters, ...config.hubs].map(cluster => cluster.name)
  const inventory = stack.use(
    new InventoryCache({
      fleet,
      expected,
      limits,
      labelGroups: config.inventory.label_groups,
      verbsOf,
      now: around.now,
    }),
  )
  const onVerb = ({ host, uid }: { host: string; uid: string }): void => {
    const record = fleet.byHost(host)
    if (record?.uid === uid) inventory.refresh(record)
  }
  tasks.push(followLedger(ledger, { log, from: position, signal, onVerb }), ...countEvents(log, metrics, signal))
  return buildApp({
    log,
    fleet,
    ledger,
    inventory,
    explain: (host, record) => {
      const staleness = stalenessOf(fleet.clusters.get(record.cluster), limits, around.now())
      return explain(record, { host, fleet, ledger, policy: dispatch.policy, staleness }, around.now())
    },
    drivers: { onboard: config.verbs.onboard.driver, patch: config.verbs.patch.driver },
    controllerConfigured: config.controller !== undefined,
    expected,
    checks: () => [...faultChecks(watch), ...dispatch.check()],
    authenticate: createAuthenticator(
      config.http.tokens.map(token => ({
        name: token.name,
        can: token.can,
        read: () => readSecret(token.token, around.env),
      })),
      around.now,
    ),
    metrics,
    logger: around.logger,
    version: VERSION,
    now: around.now,
    newId: around.newId,
    signal,
  })
}

function limitsOf(config: Config): StaleLimits {
  return {
    staleAfterMs: config.inventory.stale_after_seconds * 1000,
    disableAfterMs: config.inventory.disable_stale_after_seconds * 1000,
  }
}

function faultChecks(watch: WatchRole): readonly Check[] {
  return [...watch.faults].map(([name, fault]) => ({
    name: `cluster ${name} (configuration)`,
    ok: false,
    reason: fault.message,
    hint: fault.hint,
  }))
}

function countEvents(log: EventLog, metrics: Metrics, signal: AbortSignal): readonly Promise<void>[] {
  const count = async (stream: EventStream): Promise<void> => {
    for await (const entry of log.follow(stream, log.end(stream), signal)) {
      const event: { data?: { fact?: string } } | null = entry.value
      metrics.events.inc({ stream, fact: event?.data?.fact ?? '' })
    }
  }
  return (['events.vm', 'events.cluster', 'events.day2'] as const).map(count)
}

async function listen(app: FastifyInstance, where: string): Promise<string> {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(where) ?? []
  try {
    await app.listen({ host: host.replace(/^\[|\]$/g, ''), port: Number(port) })
  } catch (error) {
    await app.close()
    const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    const message = taken ? `${where} is in use by another process` : `can not listen on ${where}: ${messageOf(error)}`
    throw new Fault('listen', message, { hint: 'stop that process, or set http.listen to another port' })
  }
  const { address, port: bound } = app.server.address() as AddressInfo
  return `http://${address.includes(':') ? `[${address}]` : address}:${bound}`
}
