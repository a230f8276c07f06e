import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { showTopics } from '../../src/cli/topics.ts'
import { type LogConfig, parseConfig } from '../../src/config/index.ts'
import type { EventLog } from '../../src/log/index.ts'
import { createTopics, inspectTopics, type Right, rightsOf } from '../../src/log/kafka/index.ts'
import { connectionOf, openLog, topicsOf } from '../../src/service/log/open-log.ts'
import { pause } from '../../src/waiting.ts'
import { all } from '../log/conformance.ts'
import { connectionTo, planOf } from '../log/kafka/place.ts'
import { createAuthority } from '../servers/authority.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { USERS } from '../servers/kafka-security.ts'
import { kafkaShell } from '../servers/kafka-tools.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
const PASSWORD = USERS.app
const SOON = { timeout: 60_000, interval: 20 }

let kafka: KafkaServer
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let prefix: string
beforeAll(async () => {
  folder = await temporaryFolder()
  prefix = basename(folder.path)
  kafka = await startKafka({ secure: 'acls' })
})
afterAll(async () => {
  await kafka[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

/** How one gets in: what `log.kafka` says of it, besides the topics. */
type Way = Readonly<Record<string, unknown>>

/** The configuration as it is written in a file. */
function configOf(way: Way, more: Way = {}): LogConfig {
  const kafkaPart = { topic_prefix: prefix, partitions: 2, replicas: 1, ...way, ...more }
  const text = stringify({ log: { kafka: kafkaPart }, clusters: [{ name: 'c', in_cluster: true }] })
  return parseConfig(text, '/nowhere/virtbridge.yaml').log
}

/** Files of their own, as tests run beside each other. */
let files = 0
function pem(text: string): Promise<string> {
  files += 1
  return fileIn(folder.path, `${files}.pem`, text)
}

async function trusted(server = kafka): Promise<Way> {
  return { enabled: true, ca_file: await pem(server.secure.ca) }
}

/** A certificate of ours, by the brokers' authority or by another. */
async function certificate(name: string, issue = kafka.secure.issue): Promise<Way> {
  const { key, certificate } = issue(name)
  return { cert_file: await pem(certificate), key_file: await pem(key) }
}

function user(mechanism: string, password: object = { env: 'PASSWORD' }): Way {
  return { sasl: { mechanism, username: 'app', password } }
}

const ENV = { PASSWORD }

function open(config: LogConfig, env: Readonly<Record<string, string>> = ENV): Promise<EventLog> {
  return openLog(config, env)
}

type Given = Right & { readonly principal: string }
type AclEntry = Parameters<Admin['createAcls']>[0]['acl'][number]

/** The numbers of Kafka's protocol. */
const OPERATION = { Read: 3, Write: 4, Create: 5, DescribeConfigs: 10 }
const RESOURCE = { topic: 2, group: 3, 'transactional-id': 5 }
const PATTERN = { literal: 3, prefixed: 4 }
const ALLOW = 3

function aclOf({ principal, operation, resource, name, pattern }: Given): AclEntry {
  return {
    principal: `User:${principal}`,
    host: '*',
    operation: OPERATION[operation],
    permissionType: ALLOW,
    resourceType: RESOURCE[resource],
    resourceName: name,
    resourcePatternType: PATTERN[pattern],
  }
}

function rightsFor(principal: string, prefix: string): readonly Given[] {
  return rightsOf(prefix).map(right => ({ ...right, principal }))
}

/** Resolves when the broker knows of them: the controller says that they are there before that. */
async function allow(server: KafkaServer, ...rights: readonly (readonly Given[])[]): Promise<void> {
  const acl = rights.flat().map(aclOf)
  await asAdmin(async admin => {
    await admin.createAcls({ acl })
    const unknown = async (): Promise<readonly AclEntry[]> => {
      const { resources } = await admin.describeAcls(ANY)
      const known = resources.flatMap(({ resourceName, acls }) =>
        acls.map(({ principal, operation }) => `${resourceName} ${principal} ${operation}`),
      )
      return acl.filter(one => !known.includes(`${one.resourceName} ${one.principal} ${one.operation}`))
    }
    await vi.waitFor(async () => expect(await unknown()).toEqual([]), SOON)
  }, server)
}

/** A filter that lets every rule through. */
const ANY = { resourceType: 1, resourcePatternType: 1, operation: 1, permissionType: 1 }

type Admin = ReturnType<Kafka['admin']>

async function asAdmin<T>(ask: (admin: Admin) => Promise<T>, server = kafka): Promise<T> {
  const admin = new Kafka({ brokers: [...server.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await ask(admin)
  } finally {
    await admin.disconnect()
  }
}

describe('who is let in', () => {
  beforeAll(async () => {
    await createTopics(connectionTo(kafka.brokers), planOf(prefix, 1, 2))
    await allow(kafka, rightsFor('app', prefix), rightsFor('CN=app', prefix))
  })

  const ways: [string, () => Promise<Way>][] = [
    ...MECHANISMS.map((mechanism): [string, () => Promise<Way>] => [
      `${mechanism} over TLS with a private authority`,
      async () => ({ brokers: kafka.secure.saslSsl, tls: await trusted(), ...user(mechanism) }),
    ]),
    // PLAIN without TLS is no configuration: it would send the password as it is.
    ...MECHANISMS.slice(1).map((mechanism): [string, () => Promise<Way>] => [
      `${mechanism} without TLS, its password in a file`,
      async () => ({
        brokers: kafka.secure.saslPlain,
        ...user(mechanism, { file: await pem(`${PASSWORD}\n`) }),
      }),
    ]),
    [
      'a certificate of ours',
      async () => ({ brokers: kafka.secure.mutual, tls: { ...(await trusted()), ...(await certificate('app')) } }),
    ],
  ]
  test.concurrent.each(ways)('%s', async (_what, way) => {
    const config = configOf(await way())
    if (config.kafka === undefined) throw new Error('it is on Kafka')
    const { topics } = await inspectTopics(connectionOf(config.kafka, ENV), topicsOf(config, config.kafka))
    expect(topics.flatMap(({ faults }) => faults)).toEqual([])
  })
})

describe('who is not let in is told why, at once, and no secret with it', () => {
  const refused: [string, () => Promise<Way>, RegExp][] = [
    ...MECHANISMS.map((mechanism): [string, () => Promise<Way>, RegExp] => [
      `a wrong password by ${mechanism}`,
      async () => ({ brokers: kafka.secure.saslSsl, tls: await trusted(), ...user(mechanism, { env: 'WRONG' }) }),
      new RegExp(`refuse the user app \\(${mechanism}\\): name or password is wrong`),
    ]),
    [
      'a password that is nowhere',
      async () => ({ brokers: kafka.secure.saslPlain, ...user('scram-sha-512', { file: '/nowhere/password' }) }),
      /the secret file \/nowhere\/password can not be read/,
    ],
    [
      'brokers whose authority nobody knows',
      async () => ({ brokers: kafka.secure.saslSsl, tls: { enabled: true }, ...user('plain') }),
      /show a certificate that we do not trust/,
    ],
    [
      'no certificate where one is wanted',
      async () => ({ brokers: kafka.secure.mutual, tls: await trusted() }),
      /want a certificate of ours and got none/,
    ],
    [
      'a certificate of another authority',
      async () => ({
        brokers: kafka.secure.mutual,
        tls: { ...(await trusted()), ...(await certificate('app', name => createAuthority('other').issue(name))) },
      }),
      /refuse our certificate/,
    ],
    [
      'a certificate file that is not there',
      async () => ({
        brokers: kafka.secure.mutual,
        tls: { ...(await trusted()), ...(await certificate('app')), cert_file: '/nowhere/cert.pem' },
      }),
      /\/nowhere\/cert\.pem can not be read/,
    ],
  ]
  test.concurrent.each(refused)('%s', async (_what, way, message) => {
    const env = { PASSWORD, WRONG: 'not-the-password' }
    const began = performance.now()
    const fault: unknown = await open(configOf(await way()), env).catch((error: unknown) => error)
    expect(fault).toMatchObject({ code: 'log_kafka', message: expect.stringMatching(message) as string })
    expect(performance.now() - began).toBeLessThan(60_000)
    const told = JSON.stringify(fault, Object.getOwnPropertyNames(fault)) + String((fault as Error).stack)
    expect(told).not.toMatch(/not-the-password|app-password|PRIVATE KEY/)
  })
})

/** Appends one after the other until told to stop; gives how many were acknowledged. */
function steady(log: EventLog, key: string): { stop(): Promise<number> } {
  const stop = new AbortController()
  const appending = (async () => {
    let n = 0
    for (; !stop.signal.aborted; n += 1) await log.append([{ stream: 'events.vm', key, value: { key, n } }])
    return n
  })()
  return {
    stop() {
      stop.abort()
      return appending
    },
  }
}

describe('the rights that virtbridge topics --acls prints', () => {
  const own = (): string => `${prefix}-acls`
  const config = (): LogConfig =>
    configOf({ brokers: kafka.secure.saslPlain, topic_prefix: own(), ...user('scram-sha-256') })

  async function topics(options: { acls?: boolean; create?: boolean; json?: boolean }): Promise<string> {
    const lines: string[] = []
    await showTopics(config(), { acls: false, create: false, json: false, ...options }, ENV, {
      out: line => void lines.push(line),
      err: () => undefined,
      colours: false,
      interactive: false,
      ask: () => Promise.resolve(false),
    })
    return lines.join('\n')
  }

  /** An ordinary consumer, as a rulebook has one. Resolves with what it read, throws what it was told. */
  async function consume(): Promise<string> {
    const sasl = { mechanism: 'scram-sha-256', username: 'eda', password: USERS.eda } as const
    const client = new Kafka({
      brokers: [...kafka.secure.saslPlain],
      sasl,
      logLevel: logLevel.NOTHING,
    })
    // A group of its own each time: members that did not say goodbye keep the others waiting for a minute.
    const consumer = client.consumer({ groupId: `virtbridge-eda-test-${randomUUID()}` })
    using stack = new DisposableStack()
    // One that crashed never ends its disconnecting.
    stack.defer(() => void consumer.disconnect().catch(() => undefined))
    await consumer.connect()
    await consumer.subscribe({ topic: `${own()}.events.vm`, fromBeginning: true })
    const heard = Promise.withResolvers<string>()
    consumer.on('consumer.crash', ({ payload }) => heard.reject(payload.error))
    const running = consumer.run({
      eachMessage: ({ message }) => Promise.resolve(heard.resolve(message.value?.toString() ?? '')),
    })
    // It may try for ever.
    const silence = pause(20_000, new AbortController().signal).then(() =>
      Promise.reject(new Error('it heard nothing')),
    )
    return Promise.race([heard.promise, running.then(() => heard.promise), silence])
  }

  test('are enough; when one is taken under an open log it waits, says which is missing, and goes on', async () => {
    await expect(topics({})).rejects.toMatchObject({
      message: expect.stringMatching(/the user app has not the right Read/),
    })
    // As data: test/long/kafka-commands.test.ts runs the commands.
    const printed = JSON.parse(await topics({ acls: true, json: true })) as Given[]
    await allow(kafka, printed)

    expect(await topics({ create: true })).toContain('(created)')
    expect(await topics({})).not.toContain('FAIL')
    await using first = await open(config())
    await first.append([
      { stream: 'events.vm', key: 'c/n/vm', value: { n: 1 } },
      { stream: 'state.fleet', key: 'c/n/vm', value: { n: 1 } },
    ])
    await using log = await open(config())
    await expect(first.append([{ stream: 'events.vm', key: 'c/n/vm', value: {} }])).rejects.toMatchObject({
      reaction: 'fenced',
    })
    const stop = new AbortController()
    for await (const { value } of log.follow('events.vm', '', stop.signal)) {
      expect(value).toEqual({ n: 1 })
      stop.abort()
    }
    const states: unknown[] = []
    for await (const { value } of log.latest('state.fleet')) states.push(value)
    expect(states).toEqual([{ n: 1 }])
    // Under an open log: it waits, says so, and goes on.
    const write = printed.find(({ operation }) => operation === 'Write')
    if (write === undefined) throw new Error('no right to write is printed')
    await asAdmin(admin => admin.deleteAcls({ filters: [aclOf(write)] }))
    const reasons = async (): Promise<string> => {
      log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n: 2 } }]).catch(() => undefined)
      return Promise.resolve(log.health().reason)
    }
    await expect.poll(reasons, SOON).toContain('the user app has not the right Write on the topics')
    await asAdmin(admin => admin.createAcls({ acl: [aclOf(write)] }))
    await expect.poll(() => log.health().reason, SOON).toBe('')
  })

  test('are each needed: without any one of them what fails says which is missing', async () => {
    const printed = JSON.parse(await topics({ acls: true, json: true })) as Given[]
    // A consumer of kafkajs takes a coordinator that is still loading for the end.
    const known = (): Promise<unknown> =>
      asAdmin(admin => admin.describeGroups(['virtbridge-eda-test'])).catch(() => null)
    await expect.poll(known, SOON).toMatchObject({ groups: [{ errorCode: 0 }] })
    // Its connections may fail at first, which it takes for a crash.
    await expect.poll(() => consume().catch(String), { timeout: 300_000, interval: 20 }).toBe('{"n":1}')

    const missed: string[] = []
    for (const right of printed) {
      await asAdmin(admin => admin.deleteAcls({ filters: [aclOf(right)] }))
      const failing = async (): Promise<string> => {
        const trying = right.who === 'reader' ? consume() : right.who === 'creator' ? createAnother() : topics({})
        return trying.then(
          () => 'nothing failed',
          (error: unknown) => String(error),
        )
      }
      await expect.poll(failing, { timeout: 300_000, interval: 20 }).toMatch(messageOf(right))
      missed.push(`${right.who} ${right.operation} ${right.resource}`)
      await asAdmin(admin => admin.createAcls({ acl: [aclOf(right)] }))
    }
    expect(missed).toHaveLength(7)
    await expect.poll(() => topics({}).catch(String), SOON).not.toContain('lacks')
  })

  async function createAnother(): Promise<void> {
    await asAdmin(admin => admin.deleteTopics({ topics: [`${own()}.commands`] }))
    await topics({ create: true })
  }
})

/** What is said when it is missing: by us, or by another client. */
function messageOf({ who, operation, resource }: Right): RegExp {
  if (who === 'creator') return /the user app has not the right Create on the topics/
  // kafkajs keeps to itself why it finds no coordinator.
  if (who === 'reader') return resource === 'group' ? /find group coordinator/ : /Not authorized to access topics/
  if (operation === 'DescribeConfigs') return /the user app has not the right DescribeConfigs on the topics/
  return new RegExp(`the user app lacks rights: ${operation} on ${resource}`)
}

test('a password and a certificate, authority and all, are changed under open logs: they come in with the new ones, and nothing is lost', async () => {
  // A Kafka of its own: afterwards it has another password, authority and content, and it has to be possible to try again.
  await using mine = await startKafka({ secure: 'acls' })
  await using place = await temporaryFolder()
  const prefixes = [`${prefix}-password`, `${prefix}-certificate`]
  for (const one of prefixes) await createTopics(connectionTo(mine.brokers), planOf(one, 1, 2))
  await allow(mine, rightsFor('app', prefixes[0] ?? ''), rightsFor('CN=app', prefixes[1] ?? ''))
  const passwordFile = await pem(PASSWORD)
  const files = { ...(await trusted(mine)), ...(await certificate('app', mine.secure.issue)) } as Record<
    'ca_file' | 'cert_file' | 'key_file',
    string
  >
  const byPassword = { brokers: mine.secure.saslPlain, topic_prefix: prefixes[0] }
  const byFile = { ...byPassword, ...user('scram-sha-512', { file: passwordFile }) }
  const byCertificate = { brokers: mine.secure.mutual, topic_prefix: prefixes[1], tls: files }
  await using one = await open(configOf(byFile))
  await using other = await open(configOf(byCertificate))
  const logs = [one, other]
  const work = logs.map((log, n) => steady(log, `c${n}/n/vm`))

  const shell = await kafkaShell(place.path, mine.brokers)
  const to = "--entity-type users --entity-name app --add-config 'SCRAM-SHA-512=[password=another]'"
  await shell.run([`kafka-configs.sh --bootstrap-server "$BROKERS" --alter ${to}`])
  const renewed = await mine.secure.renew()
  const { key, certificate: signed } = renewed.issue('app')
  const contents = [
    [passwordFile, 'another'],
    [files.ca_file, renewed.certificate],
    [files.cert_file, signed],
    [files.key_file, key],
  ] as const
  for (const [file, content] of contents) await writeFile(file, content)
  const [node] = mine.nodes
  await node?.signal('SIGKILL')
  await expect.poll(() => logs.every(log => !log.health().writable), SOON).toBe(true)
  node?.start()
  await expect.poll(() => logs.every(log => log.health().writable), { ...SOON, timeout: 240_000 }).toBe(true)

  for (const [n, log] of logs.entries()) {
    const acknowledged = (await work[n]?.stop()) ?? 0
    const values = (await all(log, 'events.vm')).map(({ value }) => value)
    expect(values).toEqual(Array.from({ length: acknowledged }, (_, m) => ({ key: `c${n}/n/vm`, n: m })))
  }
  // What was good before is refused now, so it was the new ones.
  await expect(open(configOf({ ...byPassword, ...user('scram-sha-512') }))).rejects.toMatchObject({
    message: expect.stringContaining('name or password is wrong') as string,
  })
})
