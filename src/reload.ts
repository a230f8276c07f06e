import { type Config, type ConfigDifference, differenceOf, reloaded } from './config/index.ts'
import { Fault, messageOf } from './errors.ts'
import type { Check } from './http/index.ts'
import type { Logger, Metrics } from './telemetry/index.ts'

/** Where the configuration is read again from, and when. */
export interface ConfigSource {
  /** The configuration as it stands there now. Throws a Fault that says what is wrong with it. */
  readonly load: () => Config
  /** Yields whenever it may be another one. */
  readonly changes: (signal: AbortSignal) => AsyncIterable<void>
}

export interface ReloadOptions {
  readonly source: ConfigSource
  /** What runs now. */
  readonly config: Config
  /** Takes over what counts at once; rejects when it can not, and is then as it was. */
  readonly apply: (config: Config) => Promise<void>
  readonly metrics: Metrics
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** What became of a look at the configuration. */
type Outcome = 'unchanged' | 'applied' | 'faulty'

/**
 * Takes over a changed configuration while the bridge runs, as far as that is possible. One with a fault changes nothing: what was read
 * before counts, and the fault is told until the file is right again.
 */
export class Reload {
  readonly #options: ReloadOptions
  #running: Config
  #fault = ''
  /** What waits for another start. */
  #later: readonly string[] = []

  constructor(options: ReloadOptions) {
    this.#options = options
    this.#running = options.config
    options.metrics.configValid.set(1)
  }

  /** Looks whenever the source says so, until the service closes. */
  async run(): Promise<void> {
    const { source, signal } = this.#options
    for await (const _ of source.changes(signal)) await this.look()
  }

  /** Reads the configuration once more. Never rejects. */
  async look(): Promise<Outcome> {
    const { metrics } = this.#options
    const outcome = await this.#attempt()
    metrics.configReloads.inc({ outcome })
    metrics.configValid.set(outcome === 'faulty' ? 0 : 1)
    return outcome
  }

  /** What is to be said of it. A faulty file is trouble; keys that wait for a start are not. */
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
      const { now, later } = differenceOf(this.#running, next, this.#options.config)
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
