import type { Config } from '../config/index.ts'
import type { Fleet } from '../fleet/index.ts'
import type { EventLog } from '../log/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { VERSION } from '../version.ts'

/** What a service is given from outside, so that no part of it touches the process, the clock or randomness by itself. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly logger: Logger
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** A fresh random UUID. */
  readonly newId: () => string
}

/** What every role is given. Roles share the log and the view of the fleet that follows it, and never call each other. */
export interface RoleParts extends Surroundings {
  readonly config: Config
  readonly log: EventLog
  readonly fleet: Fleet
  readonly metrics: Metrics
  /** Aborts when the service closes. */
  readonly signal: AbortSignal
}

/** The User-Agent of every request to an API server. */
export const USER_AGENT = `virtbridge/${VERSION}`
