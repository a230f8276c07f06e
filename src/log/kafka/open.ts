import { Fault, messageOf } from '../../errors.ts'
import type { EventLog } from '../log.ts'
import { expectTopics } from './appearance.ts'
import { KafkaLog, type KafkaLogOptions } from './engine.ts'
import { isRefused } from './errors.ts'

/**
 * Opens the log on Kafka and takes it over: from here on whoever wrote it before can not. Topics that no broker knows are waited for a
 * moment: they may just have been created.
 *
 * Throws a Fault: `log_kafka` when Kafka can not be reached or refuses, `log_topics` when a topic is not as it has to be, `log_spread`
 * when the keys that are there were put elsewhere than this configuration would look for them.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  const { connection, topics } = options
  await expectTopics(connection, topics, options.onUnseenTopics ?? (() => undefined))
  const log = new KafkaLog(options)
  try {
    await log.open()
    return log
  } catch (error) {
    await log[Symbol.asyncDispose]()
    if (error instanceof Fault) throw error
    throw new Fault('log_kafka', `can not write to Kafka at ${connection.brokers.join(', ')}: ${messageOf(error)}`, {
      hint: isRefused(error)
        ? 'virtbridge topics --acls prints the rights that its user needs'
        : 'are all brokers up, and enough replicas in sync?',
      cause: error,
    })
  }
}
