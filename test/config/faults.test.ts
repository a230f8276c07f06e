import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ConfigError, type ConfigFault, loadConfig, parseConfig } from '../../src/config/index.ts'
import { Fault } from '../../src/errors.ts'
import { temporaryFolder } from '../support/bridge.ts'

const FILE = '/etc/virtbridge/virtbridge.yaml'
const CLUSTERS = 'clusters: [{name: a, in_cluster: true}]'

function errorOf(source: string): Fault {
  try {
    parseConfig(source, FILE)
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('it was accepted')
}

function faultsOf(source: string): readonly ConfigFault[] {
  const error = errorOf(source)
  return error instanceof ConfigError ? error.faults : []
}

test('every fault is told at once, each with its path, what is wrong and what to do', () => {
  const faults = faultsOf(`
log: {path: "", retention_days: 0}
htpp: {}
http: {listen: nowhere, tokens: [{name: x, can: [fly], token: {env: A}}]}
clusters: [{name: Prod_1, in_cluster: yes please}]
controller: {token: {env: T}}
verbs: {patch: {driver: me}}
`)
  const told = faults.map(({ path, message, hint }) => `${path}: ${message} | ${hint}`).sort()
  expect(told).toEqual([
    'clusters.0.in_cluster: must be boolean | ',
    'clusters.0.name: is not well formed | a DNS label: lower-case letters, digits and dashes, at most 63',
    'controller.url: is missing | ',
    'htpp: unknown key | known here: log, http, clusters, hubs, watch, inventory, controller, verbs, dispatch, telemetry',
    'http.listen: is not well formed | host:port, as 127.0.0.1:8080 or [::1]:8080',
    'http.tokens.0.can.0: is none of the choices | one of read, run, admin',
    'log.path: must NOT have fewer than 1 characters | ',
    'log.retention_days: must be >= 1 | ',
    'verbs.patch.driver: is none of the choices | one of bridge, eda, off',
  ])
  expect(errorOf('a: 1\nb: 2').message).toMatch(/^\/etc\/virtbridge\/virtbridge.yaml has 2 faults:\n {2}a: unknown key/)
})

test.each<[why: string, source: string, path: string, message: RegExp, hint: RegExp]>([
  ['no cluster at all', 'log: {}', 'clusters', /no cluster and no hub/, /kubeconfig/],
  ['an empty file', '', 'clusters', /no cluster and no hub/, /kubeconfig/],
  ['a list', '- clusters', 'the file', /must be object/, /key: value/],
  ['a sentence', 'hello there', 'the file', /must be object/, /key: value/],
  ['neither kubeconfig nor in_cluster', 'clusters: [{name: a}]', 'clusters.0', /needs either/, /exactly one/],
  ['both', 'clusters: [{name: a, in_cluster: true, kubeconfig: k}]', 'clusters.0', /needs either/, /exactly one/],
  [
    'a name twice',
    'clusters: [{name: a, kubeconfig: k}, {name: a, kubeconfig: l}]',
    'clusters.1.name',
    /clusters\.0 too/,
    /unique/,
  ],
  [
    'a name of a hub too',
    'clusters: [{name: a, kubeconfig: k}]\nhubs: [{name: a, kubeconfig: l, proxy: {url: "https://p"}}]',
    'hubs.0.name',
    /clusters\.0 too/,
    /unique/,
  ],
  [
    'a token with the name of runs that start by themselves',
    `${CLUSTERS}\nhttp: {tokens: [{name: bridge, token: {env: A}}]}`,
    'http.tokens.0.name',
    /start by themselves/,
    /another name/,
  ],
  ['open to everybody', `${CLUSTERS}\nhttp: {listen: "0.0.0.0:80"}`, 'http.tokens', /to everybody/, /add a token/],
  ['a port that is none', `${CLUSTERS}\nhttp: {listen: "127.0.0.1:70000"}`, 'http.listen', /no port/, /65535/],
  [
    'a heartbeat slower than staleness',
    `${CLUSTERS}\nwatch: {heartbeat_seconds: 90}`,
    'inventory.stale_after_seconds',
    /heartbeat/,
    /twice/,
  ],
  [
    'disabled before it is stale',
    `${CLUSTERS}\ninventory: {disable_stale_after_seconds: 30}`,
    'inventory.disable_stale_after_seconds',
    /before it is stale/,
    /at least/,
  ],
  [
    'two tokens of one name',
    `${CLUSTERS}\nhttp: {tokens: [{name: x, token: {env: A}}, {name: x, token: {env: B}}]}`,
    'http.tokens.1.name',
    /tokens\.0 too/,
    /recorded/,
  ],
  [
    'a secret in both places',
    `${CLUSTERS}\nhttp: {tokens: [{name: x, token: {env: A, file: B}}]}`,
    'http.tokens.0.token',
    /where the secret is/,
    /\{env: NAME\}/,
  ],
])('%s is a fault with a path and a hint', (_why, source, path, message, hint) => {
  const faults = faultsOf(source)
  expect(faults.map(fault => fault.path)).toEqual([path])
  expect(faults[0]?.message).toMatch(message)
  expect(faults[0]?.hint).toMatch(hint)
})

test.each([
  ['as it is', 'hunter2-hunter2'],
  ['as the beginning of an alias', '*hunter2-hunter2'],
  ['as a tag', '!hunter2-hunter2'],
  ['quoted and not closed', '"hunter2-hunter2'],
  ['as a flow that is not closed', '{hunter2-hunter2'],
  ['as a reserved character', '@hunter2-hunter2'],
  ['as a block', '|x hunter2-hunter2'],
  ['under a name of its own', '{value: hunter2-hunter2}'],
  ['as the name of a key', '{hunter2-hunter2: x}'],
  ['as a number in a list', '[hunter2-hunter2]'],
])('a secret written into the file (%s) is refused and not repeated', (_how, written) => {
  const error = errorOf(`${CLUSTERS}\ncontroller:\n  url: https://aap\n  token: ${written}\n`)
  expect(`${error.message} ${error.hint} ${JSON.stringify(error)}`).not.toContain('hunter2')
  expect(error.message).toMatch(/controller\.token: must name where the secret is|line \d|Unresolved alias/)
})

test('a YAML fault names its line', () => {
  expect(faultsOf('log:\n  path: a\n path: b\n')[0]?.path).toBe('line 3')
  expect(faultsOf('log: {}\nlog: {}\n')[0]).toMatchObject({
    path: 'line 2',
    message: expect.stringMatching(/unique/) as string,
  })
})

test('a YAML bomb is one fault, and quick', () => {
  const layers = Array.from(
    { length: 30 },
    (_, index) => `x${index + 1}: &a${index + 1} [${Array(9).fill(`*a${index}`).join(', ')}]`,
  )
  const began = performance.now()
  expect(faultsOf(`x0: &a0 [1]\n${layers.join('\n')}\n`)).toHaveLength(1)
  expect(performance.now() - began).toBeLessThan(1000)
})

test('a file that can not be read is a fault that names it', async () => {
  expect(() => loadConfig('/nowhere/virtbridge.yaml')).toThrow(/\/nowhere\/virtbridge.yaml can not be read: ENOENT/)
  await using folder = await temporaryFolder()
  expect(() => loadConfig(folder.path)).toThrow(/can not be read: EISDIR/)
  const file = join(folder.path, 'c.yaml')
  writeFileSync(file, CLUSTERS)
  expect(loadConfig(file).clusters[0]?.name).toBe('a')
})
