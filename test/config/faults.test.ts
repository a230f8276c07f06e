import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ConfigError, type ConfigFault, loadConfig, parseConfig } from '../../src/config/index.ts'
import { Fault } from '../../src/errors.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { cpuMs } from '../support/cpu-time.ts'

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
    'clusters.0.in_cluster: must be true or false | ',
    'clusters.0.name: is not well formed | a DNS label: lower-case letters, digits and dashes, at most 63',
    'controller.url: is missing | ',
    'htpp: unknown key | known here: log, http, clusters, hubs, watch, inventory, profiles, controller, verbs, dispatch, secrets, telemetry',
    'http.listen: is not well formed | host:port, as 127.0.0.1:8080 or [::1]:8080',
    'http.tokens.0.can.0: is none of the choices | one of read, run, admin, notify',
    'log.path: must NOT have fewer than 1 characters | ',
    'log.retention_days: must be >= 1 | ',
    'verbs.patch.driver: is none of the choices | one of bridge, eda, off',
  ])
  expect(errorOf('a: 1\nb: 2').message).toMatch(/^\/etc\/virtbridge\/virtbridge.yaml has 2 faults:\n {2}a: unknown key/)
})

test.each<[why: string, source: string, path: string, message: RegExp, hint: RegExp]>([
  ['no cluster at all', 'log: {}', 'clusters', /no cluster and no hub/, /kubeconfig/],
  ['an empty file', '', 'clusters', /no cluster and no hub/, /kubeconfig/],
  ['a list', '- clusters', 'the file', /must be a map/, /key: value/],
  ['a sentence', 'hello there', 'the file', /must be a map/, /key: value/],
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
  [
    'a view of a cluster that nobody knows',
    `${CLUSTERS}\ninventory: {views: [{name: v, clusters: [a, b]}]}`,
    'inventory.views.0.clusters.1',
    /no cluster is called "b"/,
    /one of clusters/,
  ],
  [
    'a view of a hub',
    'hubs: [{name: h, in_cluster: true, proxy: {url: "https://p"}}]\ninventory: {views: [{name: v, clusters: [any, h]}]}',
    'inventory.views.0.clusters.1',
    /no cluster is called "h"/,
    /one of clusters/,
  ],
  [
    'a view with the name of another page',
    `${CLUSTERS}\ninventory: {views: [{name: hosts}]}`,
    'inventory.views.0.name',
    /another page/,
    /another name/,
  ],
  [
    'a view twice',
    `${CLUSTERS}\ninventory: {views: [{name: v}, {name: v}]}`,
    'inventory.views.1.name',
    /inventory\.views\.0 too/,
    /URL/,
  ],
  [
    'a view that would take nothing',
    `${CLUSTERS}\ninventory: {views: [{name: v, namespaces: []}]}`,
    'inventory.views.0.namespaces',
    /fewer than 1 items/,
    /^$/,
  ],
  [
    'a status that no VM has',
    `${CLUSTERS}\ninventory: {views: [{name: v, status: [running]}]}`,
    'inventory.views.0.status.0',
    /none of the choices/,
    /Running/,
  ],
  [
    'a network that is none',
    `${CLUSTERS}\ninventory: {networks: [{name: n, cidrs: [10.0.0.0/8, 10.0.0.1]}]}`,
    'inventory.networks.0.cidrs.1',
    /"10\.0\.0\.1" is no range/,
    /10\.20\.0\.0\/16/,
  ],
  [
    'a token for a view that is not there',
    `${CLUSTERS}\nhttp: {tokens: [{name: x, token: {env: A}, views: [v]}]}\ninventory: {views: [{name: w}]}`,
    'http.tokens.0.views.0',
    /no view is called "v"/,
    /one of w/,
  ],
  [
    'a token for a view that may do more than read it',
    `${CLUSTERS}\nhttp: {tokens: [{name: x, token: {env: A}, views: [v], can: [read, run]}]}\ninventory: {views: [{name: v}]}`,
    'http.tokens.0.can',
    /nothing else/,
    /\[read\]/,
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
  const bomb = `x0: &a0 [1]\n${layers.join('\n')}\n`
  expect(cpuMs(() => expect(faultsOf(bomb)).toHaveLength(1))).toBeLessThan(1_000)
})

test('a file that can not be read is a fault that names it', async () => {
  expect(() => loadConfig('/nowhere/virtbridge.yaml')).toThrow(/\/nowhere\/virtbridge.yaml can not be read: ENOENT/)
  await using folder = await temporaryFolder()
  expect(() => loadConfig(folder.path)).toThrow(/can not be read: EISDIR/)
  const file = join(folder.path, 'c.yaml')
  writeFileSync(file, CLUSTERS)
  expect(loadConfig(file).clusters[0]?.name).toBe('a')
})

test('every fault of every view is told at once', () => {
  const faults = faultsOf(`
${CLUSTERS}
inventory:
  views:
    - {name: one, selector: "a b,=x"}
    - {name: two, selector: "env in prod", clusters: [b]}
    - {name: three, selector: "env in (prod)"}
`)
  expect(faults.map(({ path, message }) => `${path}: ${message}`)).toEqual([
    'inventory.views.0.selector: "a b" is no condition on labels; "=x" is no condition on labels',
    'inventory.views.1.clusters.0: no cluster is called "b", so the view would never open',
    'inventory.views.1.selector: "env in prod" is no condition on labels',
  ])
})
