import type { Config } from './config/index.ts'
import { DispatchRole } from './dispatch.ts'
import { Fault } from './errors.ts'
import { followFleet, loadFleet } from './fleet/index.ts'
import { type DeadLetter, LogError, type LogHealth } from './log/index.ts'
import { followLossConfirmations, lossChecks, meetLosses } from './losses.ts'
import { type LogListener, openLog } from './open-log.ts'
import { type ConfigSource, Reload } from './reload.ts'
import type { RoleParts, Surroundings } from './role.ts'
import { startServe } from './serve.ts'
import { createMetrics, type Logger, type Metrics } from './telemetry/index.ts'
import { WatchRole } from './watch.ts'

export type { Surroundings } from './role.ts'

/** A virtbridge that runs. Disposing it closes everything in the reverse order, and waits. */
export interface Service extends AsyncDisposable {
  /** Where it listens. */
  readonly url: string
  /** Rejects when the service can not go on: with a Fault `log_fenced` or `log_lost` when that is for its log. Resolves when it was closed. */
  readonly ended: Promise<void>
}

/**
 * The whole of virtbridge, put together. Three roles, and all that passes between them is the log:
 *
 *   watch     clusters → facts, records → log (events.vm, events.cluster, state.fleet)
 *   fleet     log (state.fleet) → the view of the fleet that the others read
 *   dispatch  fleet, ledger, commands → launches at the controller → log (state.runs, events.day2)
 *   serve     fleet, ledger, events → inventory, API, streams; what people ask for → log (commands)
 *
 * With `source` the configuration is read again when it changes, and taken over as far as that is possible.
 *
 * Resolves when it listens. Throws a Fault when it can not start; then nothing is left open.
 */
export async function startService(config: Config, around: Surroundings, source?: ConfigSource): Promise<Service> {
  await using stack = new AsyncDisposableStack()
  const closing = new AbortController()
  const { signal } = closing
  const metrics = createMetrics()
  const listener: LogListener = {
    onHealth: health => tellHealth(health, around.logger),
    onDead: letter => tellDead(letter, metrics, around.logger),
  }
  const log = stack.use(await openLog(config.log, around.env, listener))
  const tasks = stack.adopt(new Tasks(), async running => {
    closing.abort()
    await running.settled()
  })
  const { fleet, position } = await loadFleet(log)
  await meetLosses(log, around.logger)
  tasks.add(followFleet(fleet, log, position, signal))
  const parts: RoleParts = { ...around, config, log, fleet, metrics, signal }

  const watch = new WatchRole(parts)
  const dispatch = config.controller === undefined ? null : new DispatchRole(parts, config.controller)
  let reload: Reload | null = null
  const serve = stack.use(
    await startServe(parts, () => [
      ...(reload?.checks() ?? []),
      ...lossChecks(log),
      ...watch.checks(),
      ...(dispatch?.checks() ?? []),
    ]),
  )
  if (source !== undefined) {
    const apply = async (next: Config): Promise<void> => {
      await serve.reconfigure(next)
      dispatch?.reconfigure(next)
    }
    reload = new Reload({ source, config, apply, metrics, logger: around.logger, signal })
    tasks.add(reload.run())
  }
  tasks.add(...serve.tasks, watch.run(), followLossConfirmations(parts))
  if (dispatch !== null) tasks.add(dispatch.run())

  around.logger.info({ url: serve.url, clusters: config.clusters.length, hubs: config.hubs.length }, 'listening')
  const owned = stack.move()
  return { url: serve.url, ended: tasks.ended, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function tellHealth({ writable, readable, reason, notice = '' }: LogHealth, logger: Logger): void {
  if (!writable || !readable) return logger.error({ reason }, `the log can not be ${writable ? 'read' : 'written'}`)
  logger.info('the log is written and read')
  if (notice !== '') logger.warn({ notice }, 'the log needs a look')
}

function tellDead(letter: DeadLetter, metrics: Metrics, logger: Logger): void {
  const { stream, key, cause, reason, event_id, event_type } = letter
  metrics.deadLetters.inc({ stream, cause })
  logger.error(
    { stream, key, cause, reason, event_id, event_type },
    'a record could not be stored: it is a dead letter',
  )
}

/** What ends the service, for people. */
function endOf(error: unknown): unknown {
  if (!(error instanceof LogError)) return error
  if (error.reaction === 'fenced')
    return new Fault('log_fenced', error.message, {
      hint: 'one bridge for each log: stop one of the two, or give this one a log of its own',
      cause: error,
    })
  return new Fault('log_lost', error.message, {
    hint: 'start it again: it then tells what is gone and what that means',
    cause: error,
  })
}

/** What runs beside each other until the service closes. The first that fails is the end of all. */
class Tasks {
  readonly #running: Promise<void>[] = []
  readonly #ended = Promise.withResolvers<void>()

  constructor() {
    // Who does not await the end is not surprised by it either.
    this.#ended.promise.catch(() => undefined)
  }

  get ended(): Promise<void> {
    return this.#ended.promise
  }

  add(...tasks: readonly Promise<void>[]): void {
    for (const task of tasks) {
      task.catch((error: unknown) => this.#ended.reject(endOf(error)))
      this.#running.push(task)
    }
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#running)
    this.#ended.resolve()
  }
}
