import type { LogConfig } from '../config/index.ts'
import { copyLog, findMove } from '../service/log/copy-log.ts'
import { Fault } from '../errors.ts'
import { expectTopics, glimpse } from '../log/kafka/index.ts'
import { openSqliteSource, type SqliteSource } from '../log/sqlite/source.ts'
import { connectionOf, openKafka, topicsOf, unseenTopics } from '../service/log/open-log.ts'
import { counted } from '../whole-number.ts'
import { progressOn } from './progress.ts'
import type { ProgramContext } from './context.ts'
import type { Terminal } from './terminal.ts'

export interface LogCopySettings {
  readonly from: string
  readonly yes: boolean
  readonly json: boolean
}

/**
 * Carries a SQLite log to the log on Kafka of a configuration: all of it, or on from where it was interrupted. Throws a Fault when it
 * can not, or when the log on Kafka holds anything else.
 */
export async function copyToKafka(
  config: LogConfig,
  settings: LogCopySettings,
  context: ProgramContext,
): Promise<void> {
  const { terminal, env, now, signal } = context
  const { kafka } = config
  if (kafka === undefined) {
    throw new Fault('log_topics', 'the configuration has no log on Kafka to copy to', {
      hint: 'add log.kafka to it, and make its topics by virtbridge topics --create; docs/operations/kafka.md tells the rest',
    })
  }
  using source = openSqliteSource(settings.from)
  await confirmCopy(source, settings, terminal)
  const [connection, topics] = [connectionOf(kafka, env), topicsOf(config, kafka)]
  await expectTopics(connection, topics, unseen => terminal.err(unseenTopics(unseen)))
  const { prefix, partitions } = topics
  const reading = { connection, prefix, partitions }
  const move = await glimpse(reading, kafka.partitions_per_cluster, found => findMove(found, source))
  const began = now()
  const told = progressOn(terminal, now)
  const tell = (done: number, total: number): void => told('copied', done, total, 'entries')
  const target = await openKafka(config, kafka, env, {
    onHealth: ({ reason, notice = '' }) => terminal.err(reason || notice || 'Kafka takes writes again'),
    onDead: ({ stream, key, reason }) => terminal.err(`${stream} ${key} became a dead letter: ${reason}`),
  })
  const before = move?.entries ?? 0
  const { entries } = await copyLog({ source, target, move, signal, onProgress: tell })
  const seconds = (now() - began) / 1000
  if (settings.json) return terminal.out(JSON.stringify({ from: settings.from, to: prefix, entries, before, seconds }))
  const earlier = before === 0 ? '' : `, ${before} of them before`
  terminal.out(
    `${counted(entries, 'entry')} of ${settings.from} ${entries === 1 ? 'is' : 'are'} at ${prefix}.*${earlier}, in ${seconds.toFixed(1)} s`,
  )
}

/** A copy may be older than what was done: that is not known there any more. */
async function confirmCopy(
  { copied }: SqliteSource,
  { from, yes }: LogCopySettings,
  terminal: Terminal,
): Promise<void> {
  if (copied === null || yes) return
  const made = new Date(copied.at).toISOString()
  if (await terminal.ask(`${from} is a copy made at ${made}. Has no bridge run on the original since then?`)) return
  throw new Fault('declined', `${from} is a copy made at ${made}: what was launched after that would not be known`, {
    hint: 'stop the bridge and copy its log itself, or give --yes when none has run since then',
  })
}
