import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { type Config, parseSelector, readSecret } from '../../config/index.ts'
import { dueBySelf, explain, followHistory, followLedger, type Policy } from '../../day2/index.ts'
import { Fault, messageOf } from '../../errors.ts'
import { type AppParts, buildApp, type Check, createAuthenticator, limitsFrom } from '../../http/index.ts'
import { stalenessOf } from '../../inventory/index.ts'
import type { EventStream, Stored } from '../../log/index.ts'
import { VERSION } from '../../version.ts'
import { pause } from '../../waiting.ts'
import { DAY_MS } from '../log/open-log.ts'
import { onboardPolicy, verbPolicies } from '../policy.ts'
import type { RoleParts } from '../role.ts'
import { vaultOf } from '../sealing-keys.ts'
import { openViews, type Views } from './open-views.ts'

/** The role `serve`: the HTTP server. It answers from views that follow the log, and what people ask for it appends to the log as a command. */
export interface ServeRole extends AsyncDisposable {
  /** The URL that it listens at, without a slash at the end. */
  readonly url: string
  /** The tasks that keep its views up to date with the log. They end when the signal aborts, and reject when the log is lost. */
  readonly tasks: readonly Promise<void>[]
  /**
   * Applies the keys of a changed configuration that need no restart: views, networks, profiles, tokens, sealing keys. Rejects when they
   * can not be applied, and goes on with the configuration that it had.
   */
  readonly reconfigure: (config: Config) => Promise<void>
}

/**
 * Opens the views (ledger, inventory, history, consumers) and starts to listen. `checks` gives what the other roles report on `/readyz`, and is asked at
 * each request. Throws a Fault `listen` when the address can not be had; then nothing is left open.
 */
export async function startServe(parts: RoleParts, checks: () => readonly Check[]): Promise<ServeRole> {
  const { config } = parts
  await using stack = new AsyncDisposableStack()
  const views = await openViews(parts, stack)
  const { current } = views
  let access = accessOf(config, parts)
  const app = buildApp(answersOf(parts, views, { checks, access: () => access }))
  const url = await listen(app, config.http.listen)
  stack.defer(() => app.close())
  // Begin to render, so that the first reader need not wait for the whole fleet. An error here comes again at the first read, and is told there.
  current.cache.prepare().catch(() => undefined)
  const tasks = tasksOf(parts, views)
  const owned = stack.move()
  const reconfigure = async (next: Config): Promise<void> => {
    await current.become(next)
    access = accessOf(next, parts)
  }
  return { url, tasks, reconfigure, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Who may ask, and what opens secrets: both may change while it runs. */
interface Access {
  readonly authenticate: ReturnType<typeof createAuthenticator>
  readonly sealingKeys: Config['secrets']['sealing_keys']
}

function accessOf(config: Config, parts: RoleParts): Access {
  return { authenticate: authenticatorOf(config, parts), sealingKeys: config.secrets.sealing_keys }
}

function answersOf(
  { config, log, fleet, metrics, now, newId, logger, signal }: RoleParts,
  { ledger, consumers, current, history, limits, expected }: Views,
  { checks, access }: { checks: () => readonly Check[]; access: () => Access },
): AppParts {
  const verbs = verbPolicies(config)
  const policy: Policy | null = config.controller === undefined ? null : onboardPolicy(config)
  return {
    log,
    fleet,
    ledger,
    get inventory() {
      return current.cache
    },
    explain: (host, record, told, tells) => {
      const rival = current.cache.rivalOf(record)
      const named = rival === '' || told(rival) ? rival : 'another VM'
      const staleness = stalenessOf(fleet.ageOf(record.cluster, now()), limits)
      const profile = current.cache.profileWhy(record)
      const about = { host, fleet, ledger, policy, verbs, staleness, rival: named, profile }
      return explain(record, { ...about, ...(tells === undefined ? {} : { tells }) }, now())
    },
    dueBySelf: () => (policy === null ? [] : dueBySelf({ fleet, ledger }, policy, now())),
    verbs,
    sharing: () => pause(config.dispatch.coalesce_seconds * 1000, signal),
    vault: vaultOf(() => access().sealingKeys),
    parseSelector,
    history,
    consumers,
    limits: limitsFrom(config.http.limits),
    trustedProxies: config.http.trusted_proxies,
    controllerConfigured: config.controller !== undefined,
    expected,
    checks,
    authenticate: header => access().authenticate(header),
    metrics,
    logger,
    version: VERSION,
    now,
    newId,
    signal,
  }
}

/** What keeps the views up to date with the log. */
function tasksOf(parts: RoleParts, views: Views): readonly Promise<void>[] {
  const { config, log, fleet, now, logger, signal } = parts
  const { ledger, position, consumers, believed, current, history } = views
  const onVerb = ({ host, uid }: { host: string; uid: string }): void => {
    const record = fleet.byHost(host)
    if (record?.uid === uid) current.cache.refresh(record)
  }
  const keepMs = config.log.audit_retention_days * DAY_MS
  const tell = (results: number): void => logger.info({ results }, 'the index of what was done is made anew')
  return [
    followLedger(ledger, { log, from: position, signal, onVerb }),
    consumers.watch(signal),
    believed.watch(() => [current.cache.believed(), current.guarded], signal),
    followHistory(history, { log, now, keepMs, signal, tell }),
    ...countEvents(parts),
  ]
}

function authenticatorOf({ http }: Config, { env, now, logger }: RoleParts): ReturnType<typeof createAuthenticator> {
  const sources = http.tokens.map(({ token, clusters = [], namespaces = [], expires, ...about }) => ({
    ...about,
    scope: { clusters, namespaces },
    expiresAt: expires === undefined ? undefined : Date.parse(expires),
    read: () => readSecret(token, env),
  }))
  return createAuthenticator(sources, {
    now,
    warn: (token, reason) => logger.warn({ name: token, reason }, 'a token lets nobody in'),
  })
}

function countEvents({ log, metrics, signal }: RoleParts): readonly Promise<void>[] {
  const count = async (stream: EventStream): Promise<void> => {
    for await (const entry of log.follow(stream, log.end(stream), signal)) {
      const { fact, run, outcome } = dataOf(entry)
      metrics.events.inc({ stream, fact: fact ?? '' })
      if (fact === 'run_finished') metrics.runs.inc({ verb: run?.verb ?? '', outcome: outcome ?? '' })
    }
  }
  return (['events.vm', 'events.cluster', 'events.day2'] as const).map(count)
}

function dataOf(entry: Stored): { fact?: string; run?: { verb?: string }; outcome?: string } {
  const event: { data?: { fact?: string; run?: { verb?: string }; outcome?: string } } | null = entry.value
  return event?.data ?? {}
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
