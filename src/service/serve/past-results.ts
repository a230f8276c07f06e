import type { Config } from '../../config/index.ts'
import { History } from '../../day2/index.ts'
import { messageOf } from '../../errors.ts'
import type { Logger } from '../../telemetry/index.ts'

/**
 * Opens the index of what was done, host by host: at `log.history_path`, else beside the SQLite log, else (with Kafka) in memory, where it
 * keeps less. A file that can not be used is a warning, not a fault: the index can be made from the log again, and is then in memory.
 */
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
