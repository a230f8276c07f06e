import type { Config } from './config/index.ts'
import { History } from './day2/index.ts'
import { messageOf } from './errors.ts'
import type { Logger } from './telemetry/index.ts'

/** The index of what was done, beside the log's file unless the configuration names a place; without either it is kept in memory, and shorter. */
export function openHistory({ log }: Pick<Config, 'log'>, logger: Logger): History {
  const file = log.history_path === '' ? (log.kafka === undefined ? `${log.path}.history` : null) : log.history_path
  try {
    return new History(file)
  } catch (error) {
    logger.warn(
      { file, reason: messageOf(error) },
      'the index of what was done can not be kept there: it is in memory, and shorter',
    )
    return new History(null)
  }
}
