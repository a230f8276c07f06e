import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { showTopics } from '../../src/cli/topics.ts'
import { parseConfig } from '../../src/config/index.ts'
import type { Fault } from '../../src/errors.ts'
import { openLog } from '../../src/service/log/open-log.ts'
import { topicSpecs } from '../../src/log/kafka/index.ts'
import { planOf } from '../log/kafka/place.ts'
import { startKafka } from '../servers/kafka.ts'
import { USERS } from '../servers/kafka-security.ts'
import { kafkaShell } from '../servers/kafka-tools.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'

const root = join(import.meta.dirname, '..', '..')
const CLUSTERS = [{ name: 'c', in_cluster: true }]

test('topics that are made wrong are a fault at the start that prints commands, and those mend them', async () => {
  await using kafka = await startKafka({ nodes: 3 })
  await using folder = await temporaryFolder()
  const prefix = basename(folder.path)
  const wrong: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'events.vm': { 'retention.ms': '1000', 'cleanup.policy': 'compact' },
    'events.dead': { 'min.insync.replicas': '1' },
    'state.fleet': { 'cleanup.policy': 'delete', 'max.message.bytes': '1000000', 'segment.ms': '604800000' },
    'events.day2': { 'unclean.leader.election.enable': 'true' },
  }
  const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  // The last one is missing, one has too few partitions, one too many, one too few replicas.
  const partitions: Readonly<Record<string, number>> = { commands: 1, 'events.cluster': 3 }
  await admin.createTopics({
    topics: topicSpecs(planOf(prefix, 3, 2))
      .slice(0, -1)
      .map(({ topic, settings }) => {
        const stream = topic.slice(prefix.length + 1)
        const entries = { ...Object.fromEntries(settings.map(({ name, value }) => [name, value])), ...wrong[stream] }
        const configEntries = Object.entries(entries).map(([name, value]) => ({ name, value }))
        const replicationFactor = stream === 'events.vm' ? 1 : 3
        return { topic, numPartitions: partitions[stream] ?? 2, replicationFactor, configEntries }
      }),
  })
  await admin.disconnect()

  const text = stringify({
    log: { kafka: { brokers: kafka.brokers, topic_prefix: prefix, partitions: 2 } },
    clusters: CLUSTERS,
  })
  const file = await fileIn(folder.path, 'virtbridge.yaml', text)
  const config = parseConfig(text, file).log
  const fault = await openLog(config, {}).catch((error: unknown) => error as Fault)
  expect(fault).toMatchObject({ code: 'log_topics' })
  const { message, hint } = fault as Fault
  for (const part of [
    'events.vm has 1 replica, not 3',
    'events.vm: cleanup.policy is compact and must be delete',
    'events.vm: retention.ms is 1000 and must be at least 604800000',
    'events.dead: min.insync.replicas is 1 and must be at least 2',
    'state.fleet: cleanup.policy is delete and must be compact',
    'state.fleet: max.message.bytes is 1000000 and must be at least 2097152',
    'state.fleet: segment.ms is 604800000 and must be at most 3600000',
    'events.day2: unclean.leader.election.enable is true and must be false',
    'commands has 1 partition, not 2',
    'events.cluster has 3 partitions, not 2',
    'state.runs does not exist',
  ]) {
    expect(message).toContain(`${prefix}.${part}`)
  }
  const virtbridge = `exec '${process.execPath}' '${join(root, 'src', 'main.ts')}' "$@" --config '${file}'`
  const shell = await kafkaShell(folder.path, kafka.brokers, { virtbridge })
  const said = await shell.run(hint.split('\n').slice(1))
  expect(said).toContain('(created)')
  // Replicas are copied after the command is done.
  await expect
    .poll(() => openLog(config, {}).then(log => log[Symbol.asyncDispose](), String), {
      timeout: 60_000,
    })
    .toBeUndefined()
})

test('the commands that virtbridge topics --acls prints give its user and its readers what they need', async () => {
  await using kafka = await startKafka({ secure: 'acls' })
  await using folder = await temporaryFolder()
  const prefix = basename(folder.path)
  const sasl = { mechanism: 'scram-sha-512', username: 'app', password: { env: 'PASSWORD' } }
  const text = stringify({
    log: { kafka: { brokers: kafka.secure.saslPlain, topic_prefix: prefix, partitions: 2, replicas: 1, sasl } },
    clusters: CLUSTERS,
  })
  const config = parseConfig(text, '/nowhere/virtbridge.yaml').log
  const env = { PASSWORD: USERS.app }
  const show = async (options: { acls?: boolean; create?: boolean }): Promise<string[]> => {
    const lines: string[] = []
    const say = (line: string): void => void lines.push(line)
    const terminal = { out: say, err: say, colours: false, interactive: false, ask: () => Promise.resolve(false) }
    await showTopics(config, { acls: false, create: false, json: false, ...options }, env, terminal)
    return lines
  }
  const shell = await kafkaShell(folder.path, kafka.brokers)
  const said = await shell.run(await show({ acls: true }))
  expect(said).toContain(`ResourcePattern(resourceType=TRANSACTIONAL_ID, name=${prefix}.writer, patternType=LITERAL)`)
  expect(said).toContain('User:eda')
  await expect.poll(() => show({ create: true }).then(lines => lines.join(), String)).toContain('(created)')
  await using log = await openLog(config, env)
  await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n: 1 } }])
  expect((await log.page('events.vm', '', 10)).map(({ value }) => value)).toEqual([{ n: 1 }])
})

test('npm run demo -- --kafka brings its own Kafka, tells the whole story on it and leaves nothing behind', async () => {
  const before = await left()
  const args = ['run', '-s', 'demo', '--', '--kafka', '--exit-when-done', '--speed', '3', '--port', '0']
  const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += String(chunk)))
  const [code] = (await once(child, 'close')) as [number]
  expect(code, text).toBe(0)
  expect(text).toMatch(/a Kafka [\d.]+ is started[^]*7 topics made[^]*patched, host by host[^]*Kafka is stopped/)
  expect(await left()).toEqual(before)
})

async function left(): Promise<readonly string[]> {
  return (await readdir(tmpdir())).filter(name => name.startsWith('virtbridge-demo-'))
}
