import { basename } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { showTopics } from '../../src/cli/topics.ts'
import { type LogConfig, parseConfig } from '../../src/config/index.ts'
import type { EventLog, Stored } from '../../src/log/index.ts'
import { createTopics, inspectTopics } from '../../src/log/kafka/index.ts'
import { connectionOf, openLog, topicsOf } from '../../src/open-log.ts'
import { all } from '../log/conformance.ts'
import { connectionTo, planOf } from '../log/kafka/place.ts'
import { createAuthority } from '../servers/authority.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { USERS } from '../servers/kafka-security.ts'
import { type KafkaShell, kafkaShell } from '../servers/kafka-tools.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
const PASSWORD = USERS.app
const SOON = { timeout: 20_000, interval: 20 }

let kafka: KafkaServer
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let prefix: string
beforeAll(async () => {
  kafka = await startKafka({ secure: 'acls' })
})
afterAll(() => kafka[Symbol.asyncDispose]())
beforeEach(async () => {
  folder = await temporaryFolder()
  prefix = basename(folder.path)
})
afterEach(() => folder[Symbol.asyncDispose]())

/** How one gets in: what `log.kafka` says of it, besides the topics. */
type Way = Readonly<Record<string, unknown>>

/** The configuration as it is written in a file. */
function configOf(way: Way, more: Way = {}): LogConfig {
  const kafkaPart = { topic_prefix: prefix, partitions: 2, replicas: 1, ...way, ...more }
  const text = stringify({ log: { kafka: kafkaPart }, clusters: [{ name: 'c', in_cluster: true }] })
  return parseConfig(text, '/nowhere/virtbridge.yaml').log
}

async function pem(name: string, text: string): Promise<string> {
  return fileIn(folder.path, name, text)
}

async function trusted(): Promise<Way> {
  return { enabled: true, ca_file: await pem('ca.pem', kafka.secure.ca) }
}

/** A certificate of ours, by the brokers' authority or by another. */
async function certificate(name: string, issue = kafka.secure.issue): Promise<Way> {
  const { key, certificate } = issue(name)
  return { cert_file: await pem('cert.pem', certificate), key_file: await pem('key.pem', key) }
}

function user(mechanism: string, password: object = { env: 'PASSWORD' }): Way {
  return { sasl: { mechanism, username: 'app', password } }
}

const ENV = { PASSWORD }

function open(config: LogConfig, env: Readonly<Record<string, string>> = ENV): Promise<EventLog> {
  return openLog(config, env)
}

/** Lets `app`, by password or certificate, do everything; what ACLs do is for tests of their own. */
async function allow(...principals: string[]): Promise<void> {
  await asAdmin(admin =>
    admin.createAcls({
      acl: principals.flatMap(principal => [
        {
          ...EVERYTHING,
          principal: `User:${principal}`,
          resourceType: 2,
          resourceName: prefix,
          resourcePatternType: 4,
        },
        {
          ...EVERYTHING,
          principal: `User:${principal}`,
          resourceType: 5,
          resourceName: prefix,
          resourcePatternType: 4,
        },
      ]),
    }),
  )
}

const EVERYTHING = { host: '*', operation: 2, permissionType: 3 }

type Admin = ReturnType<Kafka['admin']>

async function asAdmin<T>(ask: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await ask(admin)
  } finally {
    await admin.disconnect()
  }
}

describe('who is let in', () => {
  beforeEach(async () => {
    await createTopics(connectionTo(kafka.brokers), planOf(prefix, 1, 2))
    await allow('app', 'CN=app')
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
        ...user(mechanism, { file: await fileIn(folder.path, 'password', `${PASSWORD}\n`) }),
      }),
    ]),
    [
      'a certificate of ours',
      async () => ({ brokers: kafka.secure.mutual, tls: { ...(await trusted()), ...(await certificate('app')) } }),
    ],
  ]
  test.each(ways)('%s', async (_what, way) => {
    await using log = await open(configOf(await way()))
    await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n: 1 } }])
    expect((await all(log, 'events.vm')).map(entry => entry.value)).toEqual([{ n: 1 }])
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
  test.each(refused)('%s', async (_what, way, message) => {
    const env = { PASSWORD, WRONG: 'not-the-password' }
    const began = performance.now()
    const fault: unknown = await open(configOf(await way()), env).catch((error: unknown) => error)
    expect(fault).toMatchObject({ code: 'log_kafka', message: expect.stringMatching(message) as string })
    expect(performance.now() - began).toBeLessThan(5_000)
    const told = JSON.stringify(fault, Object.getOwnPropertyNames(fault)) + String((fault as Error).stack)
    expect(told).not.toMatch(/not-the-password|app-password|PRIVATE KEY/)
  })
})
