import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { configKeys } from '../../build/config-table.ts'
import { publishedSchemas } from '../../build/schemas.ts'
import { CONFIG_SCHEMA, parseConfig, readSecret } from '../../src/config/index.ts'
import { temporaryFolder } from '../support/bridge.ts'

const root = join(import.meta.dirname, '..', '..')

/** A verb of which nothing is said. */
const USUAL = { organization: '', driver: 'bridge', also: [], os: ['linux'], needs: 'guest' }

test('everything but the clusters has a default', () => {
  const config = parseConfig(
    'clusters: [{name: a, kubeconfig: k}]\ncontroller: {url: "https://aap", token: {env: T}}',
    '/etc/v/v.yaml',
  )
  expect(config).toEqual({
    log: {
      path: '/etc/v/virtbridge.db',
      retention_days: 7,
      history_path: '',
      audit_retention_days: 400,
      max_size_gb: 4,
      max_size_takes_audit: false,
      validate_events: false,
    },
    http: {
      listen: '127.0.0.1:8080',
      tokens: [],
      trusted_proxies: [],
      limits: {
        token_requests_per_second: 200,
        token_burst: 1_000,
        stranger_requests_per_second: 10,
        stranger_burst: 100,
        large_answers: 32,
        large_answers_per_token: 8,
      },
    },
    clusters: [
      { name: 'a', kubeconfig: '/etc/v/k', context: '', in_cluster: false, allow_exec: false, cluster_sets: [] },
    ],
    hubs: [],
    watch: {
      stopped_hold_seconds: 20,
      reachable_hold_seconds: 5,
      unreachable_hold_seconds: 60,
      address_hold_seconds: 10,
      heartbeat_seconds: 10,
      outage_hold_seconds: 15,
      audit_hours: 12,
      services: false,
      leave_hold_seconds: 5,
    },
    inventory: {
      stale_after_seconds: 60,
      disable_stale_after_seconds: 3600,
      label_groups: [],
      annotations: [],
      formats: [],
      views: [],
      networks: [],
    },
    profiles: [],
    controller: {
      url: 'https://aap',
      token: { env: 'T' },
      token_description: '',
      ca_file: '',
      organization: 'Default',
      inventory: 'virtbridge fleet',
      inventory_source: 'virtbridge',
      beside_inventory: '',
      beside_inventory_source: 'virtbridge beside guests',
      request_timeout_seconds: 30,
      quiet_period_seconds: 45,
      poll_seconds: 2,
      requests_per_second: 8,
    },
    verbs: {
      onboard: { ...USUAL, template: 'Day2 | Onboard' },
      patch: { ...USUAL, template: 'Day2 | Patch' },
    },
    dispatch: {
      coalesce_seconds: 5,
      max_hosts_per_job: 500,
      max_jobs: 20,
      max_jobs_per_template: 20,
      max_hosts_per_cluster: 2000,
      max_hosts_per_node: 100,
      look_seconds: 5,
      keep_runs: 1000,
      brake: { hosts: 50, per_seconds: 3600 },
    },
    secrets: { sealing_keys: [] },
    telemetry: { log_level: 'info' },
  })
})

test('every path is relative to the file, those of secrets too; absolute ones and the environment stay', () => {
  const config = parseConfig(
    `
log:
  path: /var/lib/v.db
  history_path: ./v.history
  kafka:
    brokers: [kafka:9093]
    tls: {enabled: true, ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem}
    sasl: {mechanism: plain, username: v, password: {file: password}}
http: {tokens: [{name: a, token: {file: secrets/a}}, {name: b, token: {env: B}}]}
clusters: [{name: a, kubeconfig: ../k}]
hubs: [{name: h, kubeconfig: h, proxy: {url: "https://p", ca_file: p.pem}}]
controller: {url: "https://aap", token: {file: ./t}, ca_file: c.pem}
secrets: {sealing_keys: [a.key, /b.key]}
`,
    '/etc/v/v.yaml',
  )
  expect(config.log).toMatchObject({ path: '/var/lib/v.db', history_path: '/etc/v/v.history' })
  expect(config.log.kafka).toMatchObject({
    tls: { ca_file: '/etc/v/ca.pem', cert_file: '/etc/v/cert.pem', key_file: '/etc/v/key.pem' },
    sasl: { password: { file: '/etc/v/password' } },
  })
  expect(config.http.tokens.map(token => token.token)).toEqual([{ file: '/etc/v/secrets/a' }, { env: 'B' }])
  expect(config.clusters[0]?.kubeconfig).toBe('/etc/k')
  expect(config.hubs[0]).toMatchObject({ kubeconfig: '/etc/v/h', proxy: { ca_file: '/etc/v/p.pem' } })
  expect(config.controller).toMatchObject({ token: { file: '/etc/v/t' }, ca_file: '/etc/v/c.pem' })
  expect(config.secrets.sealing_keys).toEqual(['/etc/v/a.key', '/b.key'])
})

test('a secret is read where it is named, anew each time; a fault names the place and never the value', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'token')
  expect(readSecret({ env: 'A' }, { A: 'one' })).toBe('one')
  expect(() => readSecret({ env: 'A' }, { A: '' })).toThrow('the environment variable A is not set')
  expect(() => readSecret({ file }, {})).toThrow(`the secret file ${file} can not be read: ENOENT`)
  writeFileSync(file, 'two\n')
  expect(readSecret({ file }, {})).toBe('two')
  writeFileSync(file, 'three')
  expect(readSecret({ file }, {})).toBe('three')
  writeFileSync(file, '\n')
  expect(() => readSecret({ file }, {})).toThrow(`the secret file ${file} is empty`)
})

test('the published schema and the table of the documentation are what the code says: node build/schemas.ts makes them', async () => {
  for (const [file, content] of await publishedSchemas(root)) {
    expect(readFileSync(file, 'utf8'), `${file} is not up to date: run node build/schemas.ts`).toBe(content)
  }
})

test('every key has a meaning, and every value its type', () => {
  const keys = configKeys(CONFIG_SCHEMA)
  expect(keys.length).toBeGreaterThan(60)
  expect(keys.filter(key => key.meaning === '')).toEqual([])
  expect(keys.filter(key => key.type.includes('undefined'))).toEqual([])
})

test('the example parses, and every key of the schema stands in it, commented out or not', () => {
  const source = readFileSync(join(root, 'virtbridge.example.yaml'), 'utf8')
  const example = parseConfig(source, '/etc/virtbridge/virtbridge.yaml')
  expect(example.clusters.length + example.hubs.length).toBeGreaterThan(0)

  // What is commented out is an example too: `#key: value` is a setting, `# text` is a remark.
  const whole = source.replace(/^( *)#( *)(?=(?!yaml-)[a-z_-]+:|- name)/gm, '$1$2')
  const everything = parse(whole) as object
  // Steps stand instead of a template, and are the same of every verb: one shows them.
  const shownAt = (path: string): string => path.replace(/^verbs\.[a-z]+\.steps/, 'verbs.<verb>.steps')
  const missing = configKeys(CONFIG_SCHEMA).filter(key => !stands(everything, shownAt(key.path)))
  expect(missing.map(key => key.path)).toEqual([])
  expect(() => parseConfig(whole, '/etc/virtbridge/virtbridge.yaml')).not.toThrow()
})

function stands(value: unknown, path: string): boolean {
  if (path === '') return true
  // Any of a map of things will do.
  const [, any] = /^<[a-z]+>\.(.*)$/.exec(path) ?? []
  if (any !== undefined) return Object.values(value as object).some(each => stands(each, any))
  const [, key = '', rest = ''] = /^([a-z_]+)(?:\[\])?\.?(.*)$/.exec(path) ?? []
  const found = (value as Record<string, unknown> | undefined)?.[key]
  if (found === undefined) return false
  return Array.isArray(found) && rest !== '' ? found.some(item => stands(item, rest)) : stands(found, rest)
}
