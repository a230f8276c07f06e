import { type Config, type ConfigDifference, differenceOf, reloaded } from '../config/index.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Check } from '../http/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

/** Where a running service reads its configuration again. */
export interface ConfigSource {
  /** The configuration as it is now. Throws a Fault that names everything that is wrong with it. */
  readonly load: () => Config
  /** Yields when the configuration may have changed; ends when the signal aborts. */
  readonly changes: (signal: AbortSignal) => AsyncIterable<void>
}

export interface ReloadOptions {
  readonly source: ConfigSource
  /** What the service was started with. */
  readonly config: Config
  /** Applies the keys that need no restart. Rejects when it can not; then nothing has changed. */
  readonly apply: (config: Config) => Promise<void>
  readonly metrics: Metrics
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** The result of reading the configuration again; the label `outcome` of `virtbridge_config_reloads_total`. */
type Outcome = 'unchanged' | 'applied' | 'faulty'

/**
 * Applies a changed configuration to the running service, as far as that is possible without a restart; keys that need one are named in
 * the log and on `/readyz`. A configuration with a fault changes nothing: the last good one stays, and the fault is reported until it is mended.
 */
export class Reload {
  readonly #options: ReloadOptions
  #running: Config
  #fault = ''
  /** Paths of keys that were changed and wait for a restart. */
  #later: readonly string[] = []

  constructor(options: ReloadOptions) {
    this.#options = options
    this.#running = options.config
    options.metrics.configValid.set(1)
  }

  /** Reads the configuration again whenever the source yields. Resolves when the service closes; never rejects. */
  async run(): Promise<void> {
    const { source, signal } = this.#options
    for await (const _ of source.changes(signal)) await this.look()
  }

  /** Reads the configuration again and applies it. Never rejects: a fault is an outcome. */
  async look(): Promise<Outcome> {
    const { metrics } = this.#options
    const outcome = await this.#attempt()
    metrics.configReloads.inc({ outcome })
    metrics.configValid.set(outcome === 'faulty' ? 0 : 1)
    return outcome
  }

  /** For `/readyz`: a failed check while the file has a fault, a passed one that names the keys which wait for a restart, else none. */
  checks(): readonly Check[] {
    if (this.#fault !== '')
      return [
        {
          name: 'configuration',
          ok: false,
          reason: `what was read before counts, as ${this.#fault}`,
          hint: 'virtbridge check --config FILE tells the faults one by one; the file counts as soon as it is right',
        },
      ]
    if (this.#later.length === 0) return []
    return [{ name: 'configuration', ok: true, reason: waits(this.#later), hint: 'start virtbridge anew' }]
  }

  async #attempt(): Promise<Outcome> {
    const { source, logger, apply } = this.#options
    try {
      const next = source.load()
      const { now, later } = differenceOf(this.#running, next)
      const isNews = JSON.stringify(this.#later) !== JSON.stringify(later)
      const running = reloaded(this.#running, next)
      if (now.length > 0) await apply(running)
      const wasFaulty = this.#fault !== ''
      this.#running = running
      this.#fault = ''
      this.#later = later
      this.#tell({ now, later: isNews ? later : [] }, wasFaulty)
      return now.length > 0 ? 'applied' : 'unchanged'
    } catch (error) {
      this.#fault = messageOf(error)
      const hint = error instanceof Fault ? error.hint : ''
      logger.error({ reason: this.#fault, hint }, 'the configuration has a fault: what was read before counts')
      return 'faulty'
    }
  }

  #tell({ now, later }: ConfigDifference, wasFaulty: boolean): void {
    const { logger } = this.#options
    if (now.length > 0) logger.info({ changed: now }, 'the configuration was read again, and counts')
    else if (wasFaulty) logger.info('the configuration is right again')
    if (later.length > 0) logger.warn({ changed: later }, waits(later))
  }
}

function waits(keys: readonly string[]): string {
  return `changed, and counts after the next start: ${keys.join(', ')}`
}
