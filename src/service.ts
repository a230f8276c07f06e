import type { Config } from './config/index.ts'
import { Fault } from './errors.ts'
import { followFleet, loadFleet } from './fleet/index.ts'
import { type DeadLetter, LogError, type LogHealth } from './log/index.ts'
import { warnOfClusters } from './service/cluster-warning.ts'
import { DispatchRole } from './service/dispatch/dispatch.ts'
import { followLossConfirmations, lossChecks, meetLosses } from './service/log/losses.ts'
import { type LogListener, openLog, unseenTopics } from './service/log/open-log.ts'
import { type ConfigSource, Reload } from './service/reload.ts'
import type { RoleParts, Surroundings } from './service/role.ts'
import { startServe } from './service/serve/serve.ts'
import { WatchRole } from './service/watch/watch.ts'
import { createMetrics, type Logger, type Metrics } from './telemetry/index.ts'

export type { Surroundings } from './service/role.ts'

/** A running virtbridge. To dispose it closes everything in the reverse order of opening, and resolves when all of it is closed. */
export interface Service extends AsyncDisposable {
  /** The URL that it listens at, without a slash at the end. With port 0 in the configuration it has the port that was given. */
  readonly url: string
  /**
   * Resolves when the service was closed. Rejects as soon as it can not go on: with a Fault `log_fenced` when another process took over
   * the log, with a Fault `log_lost` when the log failed for good, with any other error when one of the roles failed.
   */
  readonly ended: Promise<void>
}

/**
 * The composition root: opens every part of virtbridge and connects them. The three roles share the log and nothing else:
 *
 *   watch     reads clusters                   → appends events.vm, events.cluster, state.fleet
 *   dispatch  reads fleet, ledger and commands → launches at the controller, appends state.runs, events.day2
 *   serve     reads fleet, ledger and events   → answers HTTP, appends commands that people ask for
 *
 * The fleet is a view in memory that follows `state.fleet`; dispatch and serve read it. Dispatch runs only when a controller is configured.
 *
 * With `source` the configuration is read again whenever it changes; keys that can not change in a running process wait for the next start.
 *
 * Resolves when it listens. Throws a Fault when it can not start; then everything that was opened is closed again.
 */
export async function startService(config: Config, around: Surroundings, source?: ConfigSource): Promise<Service> {
  await using stack = new AsyncDisposableStack()
  const closing = new AbortController()
  const { signal } = closing
  const metrics = createMetrics()
  const listener: LogListener = {
    onUnseenTopics: topics => around.logger.info({ topics }, unseenTopics(topics)),
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
  stack.defer(warnOfClusters(fleet, around.logger))
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
      watch.reconfigure(next)
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

/** The error that ends the service, as a Fault with a next step when the log is the cause; any other error as it is. */
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

/** The tasks that run side by side until the service closes. `ended` rejects with the first one that fails. */
class Tasks {
  readonly #running: Promise<void>[] = []
  readonly #ended = Promise.withResolvers<void>()

  constructor() {
    // A caller that never awaits `ended` must not get an unhandled rejection.
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
