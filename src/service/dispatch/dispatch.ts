import { readFileSync } from 'node:fs'
import { type Controller, openController } from '../../aap/index.ts'
import { steadyClock } from '../../clocks.ts'
import { type Config, type ControllerConfig, readSecret } from '../../config/index.ts'
import {
  Dispatcher,
  type DispatchReport,
  type LedgerView,
  loadLedger,
  PATIENCE,
  type Place,
  whyBraked,
} from '../../day2/index.ts'
import { Fault, messageOf } from '../../errors.ts'
import type { Check } from '../../http/index.ts'
import { type Approach, waysTo } from '../../inventory/index.ts'
import { pause } from '../../waiting.ts'
import { capsOf, onboardPolicy, onlookingOf, verbPolicies } from '../policy.ts'
import type { RoleParts, Surroundings } from '../role.ts'
import { vaultOf } from '../sealing-keys.ts'
import { approachesIn } from '../views.ts'
import { watchToken } from './token-watch.ts'

/** The role `dispatch`: launches jobs at the controller for guests that are news and for people's commands, and follows each to an outcome per host. */
export class DispatchRole {
  readonly #parts: RoleParts
  readonly #settings: ControllerConfig
  readonly #controller: Controller
  /** The ways by which the views lead to a guest; the controller's host must have one of them before a launch. */
  #approaches: readonly Approach[]
  #sealingKeys: readonly string[]
  #trouble = ''
  /** Null until it is read. */
  #ledger: LedgerView | null = null

  /** Sends nothing yet. Throws a Fault `ca_file` when the authority of the controller can not be read. */
  constructor(parts: RoleParts, settings: ControllerConfig) {
    this.#parts = parts
    this.#settings = settings
    this.#controller = connectController(settings, parts.env)
    this.#approaches = approachesIn(parts.config)
    this.#sealingKeys = parts.config.secrets.sealing_keys
  }

  /** Applies the keys of a changed configuration that need no restart: views and networks (how guests are reached) and sealing keys. */
  reconfigure(config: Config): void {
    this.#approaches = approachesIn(config)
    this.#sealingKeys = config.secrets.sealing_keys
  }

  /** Dispatches until the signal aborts. A controller that does not answer is waited for; rejects only when the log is lost. */
  async run(): Promise<void> {
    const { config, log, fleet, now, newId, signal, logger } = this.#parts
    const settings = this.#settings
    await using controller = this.#controller
    const { ledger } = await loadLedger(log)
    this.#ledger = ledger
    const dispatcher = new Dispatcher({
      log,
      fleet,
      ledger,
      controller,
      place: {
        organization: settings.organization,
        inventory: settings.inventory,
        source: settings.inventory_source,
        ...besideOf(settings),
      },
      onboard: onboardPolicy(config),
      verbs: verbPolicies(config),
      caps: capsOf(config),
      keepRuns: config.dispatch.keep_runs,
      vault: vaultOf(() => this.#sealingKeys),
      patience: { ...PATIENCE, quiet: settings.quiet_period_seconds * 1000 },
      onlooking: onlookingOf(config),
      waysTo: record => waysTo(record, this.#approaches),
      pollMs: settings.poll_seconds * 1000,
      now,
      steady: steadyClock,
      newId,
      report: (what, details) => this.#report(what, details),
    })
    const tokens = watchToken(controller, {
      now,
      signal,
      rest: ms => pause(ms, signal),
      warn: warning => logger.warn({ what: 'token' }, warning),
    })
    await Promise.all([dispatcher.run(signal), tokens])
  }

  /**
   * For `/readyz`: a check which fails from the first report of trouble with the controller until something succeeds again, and one which
   * fails while the brake holds what starts by itself.
   */
  checks(): readonly Check[] {
    const ok = this.#trouble === ''
    const controller = { name: 'controller', ok, reason: this.#trouble, hint: ok ? '' : 'virtbridge check tells more' }
    const brake = this.#ledger?.brake
    if (brake === undefined) return [controller]
    const hint = 'virtbridge brake shows which hosts wait'
    return [controller, { name: 'brake', ok: false, reason: whyBraked(brake), hint }]
  }

  #report(...[what, details]: Parameters<DispatchReport>): void {
    if (what === 'trouble') this.#trouble = details.message
    else if (what !== 'deferred') this.#trouble = ''
    if (what === 'alarm') this.#parts.metrics.alarms.inc()
    this.#parts.logger[LEVELS[what]]({ run: details.run, what }, details.message)
  }
}

const LEVELS = {
  planned: 'info',
  started: 'info',
  finished: 'info',
  deferred: 'debug',
  trouble: 'warn',
  alarm: 'error',
} as const

/** Where jobs of verbs that need the VM alone run: nothing when no inventory is configured for them. */
function besideOf({ beside_inventory, beside_inventory_source }: ControllerConfig): Pick<Place, 'beside'> {
  return beside_inventory === '' ? {} : { beside: { inventory: beside_inventory, source: beside_inventory_source } }
}

/** The client of the configured controller. Its token is read again for each request, so that a rotated one counts at once. Throws a Fault `ca_file`. */
export function connectController(settings: ControllerConfig, env: Surroundings['env']): Controller {
  return openController({
    url: settings.url,
    token: () => readSecret(settings.token, env),
    requestTimeoutMs: settings.request_timeout_seconds * 1000,
    requestsPerSecond: settings.requests_per_second,
    ...(settings.token_description === '' ? {} : { tokenDescription: settings.token_description }),
    ...(settings.ca_file === '' ? {} : { ca: readAuthority(settings.ca_file) }),
  })
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Fault('ca_file', `controller.ca_file can not be read: ${messageOf(error)}`, {
      hint: 'name the PEM file of the authority that signed its certificate',
      cause: error,
    })
  }
}
