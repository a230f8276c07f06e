import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { type Config, parseSelector, readSecret } from '../../config/index.ts'
import {
  dueBySelf,
  explain,
  followHistory,
  followLedger,
  loadLedger,
  type LedgerView,
  type Policy,
  refuseNewerCommands,
} from '../../day2/index.ts'
import { Fault, messageOf } from '../../errors.ts'
import { buildApp, type Check, ConsumerRegister, createAuthenticator, limitsFrom } from '../../http/index.ts'
import { stalenessOf, type StaleLimits, type VerbStatus } from '../../inventory/index.ts'
import type { EventStream, Stored } from '../../log/index.ts'
import { VERSION } from '../../version.ts'
import { pause } from '../../waiting.ts'
import { DAY_MS } from '../log/open-log.ts'
import { onboardPolicy, verbPolicies } from '../policy.ts'
import type { RoleParts } from '../role.ts'
import { vaultOf } from '../sealing-keys.ts'
import { BelievedHosts } from './believed-hosts.ts'
import { CurrentInventory } from './current-inventory.ts'
import { openHistory } from './past-results.ts'
import { viewWarnings } from './view-warning.ts'

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
  const { config, log, fleet, metrics, now, newId, logger, signal } = parts
  await using stack = new AsyncDisposableStack()
  const onGap = ({ token, stream }: { token: string; stream: string }): void =>
    metrics.consumerGaps.inc({ token, stream })
  const consumers = new ConsumerRegister({ log, now, logger, onGap })
  const believed = new BelievedHosts(log)
  const { ledger, position } = await loadLedger(log, entry => [consumers, believed].forEach(one => one.restore(entry)))
  await refuseNewerCommands(log, ledger.commands)
  const limits = limitsOf(config)
  const expected = [...config.clusters, ...config.hubs].map(cluster => cluster.name)
  const verbsOf = verbReader(ledger)
  const believedBefore = (page: string): number => believed.of(page)
  const around = { fleet, expected, limits, verbsOf, now, believedBefore, ...viewWarnings(logger, metrics) }
  const current = stack.use(new CurrentInventory(config, around))
  const history = stack.use(openHistory(config, logger))
  let authenticate = authenticatorOf(config, parts)
  let sealingKeys = config.secrets.sealing_keys
  const verbs = verbPolicies(config)
  const policy: Policy | null = config.controller === undefined ? null : onboardPolicy(config)
  const app = buildApp({
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
    vault: vaultOf(() => sealingKeys),
    parseSelector,
    history,
    consumers,
    limits: limitsFrom(config.http.limits),
    trustedProxies: config.http.trusted_proxies,
    controllerConfigured: config.controller !== undefined,
    expected,
    checks,
    authenticate: header => authenticate(header),
    metrics,
    logger,
    version: VERSION,
    now,
    newId,
    signal,
  })
  const url = await listen(app, config.http.listen)
  stack.defer(() => app.close())
  // Begin to render, so that the first reader need not wait for the whole fleet. An error here comes again at the first read, and is told there.
  current.cache.prepare().catch(() => undefined)
  const onVerb = ({ host, uid }: { host: string; uid: string }): void => {
    const record = fleet.byHost(host)
    if (record?.uid === uid) current.cache.refresh(record)
  }
  const keepMs = config.log.audit_retention_days * DAY_MS
  const tell = (results: number): void => logger.info({ results }, 'the index of what was done is made anew')
  const tasks = [
    followLedger(ledger, { log, from: position, signal, onVerb }),
    consumers.watch(signal),
    believed.watch(() => [current.cache.believed(), current.guarded], signal),
    followHistory(history, { log, now, keepMs, signal, tell }),
    ...countEvents(parts),
  ]
  const owned = stack.move()
  const reconfigure = async (next: Config): Promise<void> => {
    await current.become(next)
    authenticate = authenticatorOf(next, parts)
    sealingKeys = next.secrets.sealing_keys
  }
  return { url, tasks, reconfigure, [Symbol.asyncDispose]: () => owned.disposeAsync() }
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

/** Reads from the ledger the status of each verb by the uid of a VM: of onboard and patch always, of others once they were done. */
function verbReader(ledger: LedgerView): (uid: string) => VerbStatus {
  return uid => {
    const told: Record<string, string> & VerbStatus = { onboard: '', patch: '' }
    for (const { verb, status } of ledger.verbsOf(uid)) told[verb] = status
    return told
  }
}

function limitsOf(config: Config): StaleLimits {
  const { stale_after_seconds, disable_stale_after_seconds } = config.inventory
  return { staleAfterMs: stale_after_seconds * 1000, disableAfterMs: disable_stale_after_seconds * 1000 }
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
