import type { LogConfig } from '../config/index.ts'
import { Fault } from '../errors.ts'
import { backupSqliteLog } from '../log/sqlite/backup.ts'
import { progressOn } from './progress.ts'
import { table, type Terminal } from './terminal.ts'

export interface BackupSettings {
  readonly file: string
  readonly force: boolean
  readonly json: boolean
}

/**
 * Copies the log of a configuration into a file, while a bridge writes it or not. Throws a Fault when there is nothing to copy, or it
 * can not be copied.
 */
export async function backUp(
  config: LogConfig,
  settings: BackupSettings,
  { terminal, now, signal }: { terminal: Terminal; now: () => number; signal: AbortSignal },
): Promise<void> {
  if (config.kafka !== undefined) {
    throw new Fault('backup_kafka', 'the log of this configuration is on Kafka, whose replicas are its copies', {
      hint: `to have it elsewhere too, mirror the topics ${config.kafka.topic_prefix}.* (MirrorMaker 2); docs/operations/kafka.md tells the rest`,
    })
  }
  const began = now()
  const progress = progressOn(terminal, now)
  const { file, force } = settings
  const backup = await backupSqliteLog({
    source: config.path,
    target: file,
    force,
    now,
    signal,
    onProgress: ({ done, total }) => progress('copied', done / 1_048_576, total / 1_048_576, 'MB'),
  })
  const seconds = (now() - began) / 1000
  const at = new Date(backup.at).toISOString()
  if (settings.json) return terminal.out(JSON.stringify({ ...backup, at, seconds }))
  terminal.out(
    table(
      ['STREAM', 'ENTRIES'],
      Object.entries(backup.counts).map(([stream, count]) => [stream, String(count)]),
    ),
  )
  const size = (backup.bytes / 1_048_576).toFixed(1)
  terminal.out(`${file}: ${size} MB as of ${at}, checked, in ${seconds.toFixed(1)} s`)
}
