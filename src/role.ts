import type { Config } from './config/index.ts'
import type { Fleet } from './fleet/index.ts'
import type { EventLog } from './log/index.ts'
import type { Logger, Metrics } from './telemetry/index.ts'
import { VERSION } from './version.ts'

/** What the outside gives a service: nothing in it looks at the process itself. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly logger: Logger
  readonly now: () => number
  readonly newId: () => string
}

/** What every role is given. They share the log and the view of the fleet that is read from it, and nothing else. */
export interface RoleParts extends Surroundings {
  readonly config: Config
  readonly log: EventLog
  readonly fleet: Fleet
  readonly metrics: Metrics
  /** Aborts when the service closes. */
  readonly signal: AbortSignal
}

/** How virtbridge names itself to the servers it asks. */
export const USER_AGENT = `virtbridge/${VERSION}`
