import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { javaProgram, kafkaJars } from './kafka-jars.ts'
import { run } from './run.ts'

/** What each program of a Kafka distribution starts. */
const PROGRAMS = {
  'kafka-acls.sh': 'org.apache.kafka.tools.AclCommand',
  'kafka-configs.sh': 'kafka.admin.ConfigCommand',
  'kafka-consumer-groups.sh': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-topics.sh': 'org.apache.kafka.tools.TopicCommand',
  'kafka-reassign-partitions.sh': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
} as const

/** A shell that has Kafka's own programs, for lines that people are told to run. */
export interface KafkaShell {
  /** Runs lines as they are, and gives what they print. Throws when one of them fails. */
  run(lines: readonly string[]): Promise<string>
}

/** Makes one in `folder`: `$BROKERS` is set and `admin.properties` is there. `more` are programs besides, as shell lines. */
export async function kafkaShell(
  folder: string,
  brokers: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<KafkaShell> {
  const [libs, java] = await Promise.all([kafkaJars(), javaProgram()])
  const bin = join(folder, 'bin')
  await mkdir(bin)
  const start = `exec '${java}' -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '${join(libs, '*')}'`
  const programs = { ...more }
  for (const [name, main] of Object.entries(PROGRAMS)) programs[name] = `${start} ${main} "$@"`
  for (const [name, line] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${line}\n`)
    await chmod(join(bin, name), 0o755)
  }
  await writeFile(join(folder, 'admin.properties'), '')
  const env = { PATH: [bin, process.env['PATH']].join(delimiter), BROKERS: brokers.join(',') }
  return { run: lines => run('sh', ['-ec', lines.join('\n')], { env, cwd: folder }) }
}
