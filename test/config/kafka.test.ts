import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { ConfigError, parseConfig } from '../../src/config/index.ts'

function parse(kafka: object): ReturnType<typeof parseConfig> {
  const config = { log: { kafka }, clusters: [{ name: 'c', in_cluster: true }] }
  return parseConfig(stringify(config), '/etc/virtbridge/virtbridge.yaml')
}

const brokers = ['kafka-0.example.com:9093']

test('a log on Kafka needs its brokers alone; the rest has defaults, and paths are relative to the file', () => {
  expect(parse({ brokers }).log.kafka).toEqual({
    brokers,
    topic_prefix: 'virtbridge',
    partitions: 12,
    partitions_per_cluster: 1,
    replicas: 3,
    compression: 'none',
    tls: { enabled: false, ca_file: '', cert_file: '', key_file: '' },
  })
  const sasl = { username: 'u', password: { file: 'secrets/kafka' } }
  expect(parse({ brokers, tls: { enabled: true, ca_file: 'ca.pem' }, sasl }).log.kafka).toMatchObject({
    tls: { ca_file: '/etc/virtbridge/ca.pem', cert_file: '' },
    sasl: { mechanism: 'scram-sha-512', password: { file: '/etc/virtbridge/secrets/kafka' } },
  })
})

test.each<[string, object, string]>([
  ['no brokers', {}, 'log.kafka.brokers: is missing'],
  ['a broker without a port', { brokers: ['kafka-0'] }, 'log.kafka.brokers.0: is not well formed'],
  [
    'partitions that can not be shared out',
    { brokers, partitions: 12, partitions_per_cluster: 5 },
    'log.kafka.partitions_per_cluster: 12 partitions can not be shared out by 5',
  ],
  [
    'a certificate without its key',
    { brokers, tls: { enabled: true, cert_file: 'c.pem' } },
    'log.kafka.tls: a certificate and its key are written together',
  ],
  ['files of a TLS that is off', { brokers, tls: { ca_file: 'ca.pem' } }, 'log.kafka.tls.enabled: TLS is off'],
  [
    'a password in the clear',
    { brokers, sasl: { mechanism: 'plain', username: 'u', password: { env: 'P' } } },
    'log.kafka.sasl.mechanism: plain sends the password as it is',
  ],
  [
    'a password in the file',
    { brokers, sasl: { username: 'u', password: 'hunter2' } },
    'log.kafka.sasl.password: must name where the secret is, not be it',
  ],
])('%s is refused', (_what, kafka, message) => {
  expect(() => parse(kafka)).toThrow(ConfigError)
  expect(() => parse(kafka)).toThrow(message)
  expect(() => parse(kafka)).not.toThrow(/hunter2/)
})
