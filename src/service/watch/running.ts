import { isDeepStrictEqual } from 'node:util'
import { type ClusterRecord, ClusterWatch, type Extras, ImportBoard, USUAL } from '../../cluster/index.ts'
import { annotationsNamed, type Config, labelsNamed } from '../../config/index.ts'
import { Budget, KubeClient } from '../../kube/index.ts'
import { GuestIndex, type Keep, type VmRecord } from '../../vm/index.ts'
import { type RoleParts, USER_AGENT } from '../role.ts'
import { wantsBaseDomain } from '../views.ts'
import type { Candidate } from './candidate.ts'
import type { Confirmations } from './confirmations.ts'
import { FleetContests } from './contests.ts'
import type { Stock } from './stock.ts'

interface Running {
  /** Its VMs by `<namespace>/<name>`; its watch changes them after each append. */
  readonly records: Keep<VmRecord>
  readonly watch: ClusterWatch
  readonly stop: AbortController
  readonly done: Promise<void>
}

/** How many audits may run at once over all clusters, and begin in a second: few, as they are in no hurry. */
const AUDITS = { atOnce: 2, perSecond: 1 }

/** Clusters that are listed anew at once, when more is to be kept of VMs: few, as nobody watches one until its list is there. */
const RELISTS_AT_ONCE = 4

/** The clusters that are being watched now, by name: starts and stops a ClusterWatch for each, and holds what they share (guests, imports, contests, the budget of lists). */
export class RunningClusters {
  readonly #parts: RoleParts
  readonly #stock: Stock
  readonly #confirmations: Confirmations
  readonly #running = new Map<string, Running>()
  /** Shared by all clusters: which guest lives where, and what the plans of the hubs say of imports. */
  readonly guests = new GuestIndex()
  readonly imports = new ImportBoard()
  /** uid of a cluster → the name that it is watched under, so that no cluster is watched twice under two names. */
  readonly #claims = new Map<string, string>()
  readonly #contests: FleetContests
  readonly #lost = Promise.withResolvers<never>()
  readonly #lists = new Budget()
  readonly #audits = new Budget(AUDITS)
  #config: Config
  #extras: Extras

  constructor(parts: RoleParts, stock: Stock, confirmations: Confirmations) {
    this.#parts = parts
    this.#config = parts.config
    this.#extras = extrasOf(parts.config)
    this.#stock = stock
    this.#confirmations = confirmations
    for (const [name, records] of stock.vms()) {
      this.guests.attach(name, records)
      for (const record of records.values()) this.guests.replace(null, record)
    }
    this.#contests = new FleetContests(parts)
    parts.signal.addEventListener('abort', () => this.#contests[Symbol.dispose](), { once: true })
    this.#lost.promise.catch(() => undefined)
  }

  /** Never resolves. Rejects when a watch failed because the log is lost, which ends all of them. */
  get lost(): Promise<never> {
    return this.#lost.promise
  }

  has(name: string): boolean {
    return this.#running.has(name)
  }

  /** The record of a cluster that is being watched; undefined for any other. */
  record(name: string): ClusterRecord | undefined {
    return this.#running.get(name)?.watch.record
  }

  /** Starts to watch a cluster. Its first record must be durable already. Returns as soon as the watch has begun. */
  async start({ name, hub, connection, word, sets }: Candidate): Promise<void> {
    const { config, log, logger, metrics, now, signal } = this.#parts
    const known = await this.#stock.take(name)
    const stop = new AbortController()
    const client = new KubeClient({ connection, userAgent: USER_AGENT })
    const watch = new ClusterWatch({
      name,
      hub,
      client,
      log,
      known,
      holds: holdsOf(config),
      now,
      signal: AbortSignal.any([signal, stop.signal]),
      heartbeatMs: config.watch.heartbeat_seconds * 1000,
      outageHoldMs: config.watch.outage_hold_seconds * 1000,
      reflect: {
        budget: this.#lists,
        audit: { everyMs: config.watch.audit_hours * 3_600_000, budget: this.#audits },
      },
      onAudited: corrections => {
        metrics.audits.inc({ cluster: name })
        metrics.auditCorrections.inc({ cluster: name }, corrections)
      },
      baseDomain: {
        wanted: () => wantsBaseDomain(this.#config, name),
        warn: ({ reason, hint }) => logger.warn({ cluster: name, reason, hint }, 'a cluster tells no base domain'),
      },
      word,
      sets,
      confirmedBy: digest => this.#confirmations.confirmedBy(name, digest),
      claim: uid => this.#claim(uid, name),
      guests: this.guests,
      imports: this.imports,
      contests: this.#contests,
      extras: this.#extras,
      resources: config.watch.services ? [...USUAL, 'service'] : USUAL,
    })
    this.#running.set(name, { records: known.records, watch, stop, done: this.#finish(name, watch, client) })
  }

  /** Takes over what a changed inventory shows of VMs and by which addresses, cluster by cluster. What it can not show yet, it keeps closed. */
  reconfigure(config: Config): void {
    const fail = (error: unknown): void => this.#lost.reject(error)
    this.#contests.reconfigure(config).catch(fail)
    // Its base domain is asked for at the next heartbeat where it is not known, else when it is watched anew.
    this.#config = config
    const extras = extrasOf(config)
    if (isDeepStrictEqual(extras, this.#extras)) return
    this.#extras = extras
    const clusters = this.#running.values()
    const relist = async (): Promise<void> => {
      for (const { watch, stop } of clusters) {
        if (this.#extras !== extras) return
        await watch.keep(extras, AbortSignal.any([this.#parts.signal, stop.signal]))
      }
    }
    for (let n = 0; n < RELISTS_AT_ONCE; n += 1) relist().catch(fail)
  }

  /** Stops to watch a cluster. Resolves when nothing more is written about it, with its record and VMs, or with null when it was not watched. */
  async stop(name: string): Promise<{ cluster: ClusterRecord; records: Keep<VmRecord> } | null> {
    const running = this.#running.get(name)
    if (running === undefined) return null
    running.stop.abort()
    await running.done
    this.#running.delete(name)
    return { cluster: running.watch.record, records: running.records }
  }

  /** Resolves when no watch writes any more. The signal must have been aborted before. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running.values()].map(running => running.done))
  }

  #claim(uid: string, name: string): string | null {
    const holder = this.#claims.get(uid) ?? name
    if (holder !== name) return holder
    this.#claims.set(uid, name)
    return null
  }

  async #finish(name: string, watch: ClusterWatch, client: KubeClient): Promise<void> {
    try {
      await watch.run()
    } catch (error) {
      this.#lost.reject(error)
    } finally {
      for (const [uid, holder] of this.#claims) if (holder === name) this.#claims.delete(uid)
      await client[Symbol.asyncDispose]()
    }
  }
}

/** What the watch keeps of objects beyond their records, because a view of the inventory shows it: annotations, labels, whole portraits. */
function extrasOf(config: Config): Extras {
  const { inventory } = config
  const named = { annotations: annotationsNamed(config), labels: labelsNamed(config) }
  const views = inventory.views.filter(({ format }) => format === 'kubevirt.core')
  if (views.length === 0 && inventory.formats.length === 0) return named
  const timed = views.some(({ kubevirt_core }) => kubevirt_core.timestamps)
  return { ...named, portraits: timed ? 'volatile' : 'stable' }
}

function holdsOf({ watch }: Config): { stopped: number; reachable: number; unreachable: number; address: number } {
  return {
    stopped: watch.stopped_hold_seconds * 1000,
    reachable: watch.reachable_hold_seconds * 1000,
    unreachable: watch.unreachable_hold_seconds * 1000,
    address: watch.address_hold_seconds * 1000,
  }
}
