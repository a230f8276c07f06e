import { expect, test } from 'vitest'
import { differenceOf, parseConfig, reloaded } from '../../src/config/index.ts'

function config(text: string) {
  return parseConfig(`clusters: [{name: a, kubeconfig: k}]\n${text}`, '/etc/v/v.yaml')
}

test.each<[what: string, before: string, after: string, now: readonly string[], later: readonly string[]]>([
  ['nothing', 'watch: {audit_hours: 3}', 'watch: {audit_hours: 3}', [], []],
  ['a default that is written down', '', 'inventory: {stale_after_seconds: 60}', [], []],
  [
    'a view that came, one that went and one that is other',
    'inventory: {views: [{name: one}, {name: two}, {name: same}]}',
    'inventory: {views: [{name: two, profile: slim}, {name: same}, {name: three}]}',
    ['inventory.views.one', 'inventory.views.three', 'inventory.views.two'],
    [],
  ],
  [
    'the order of views',
    'inventory: {views: [{name: a}, {name: b}]}',
    'inventory: {views: [{name: b}, {name: a}]}',
    [],
    [],
  ],
  [
    'networks, labels and tokens',
    '',
    'inventory: {label_groups: [app], networks: [{name: n, cidrs: [10.0.0.0/8]}]}\nhttp: {tokens: [{name: t, token: {env: T}}]}',
    ['http.tokens.t', 'inventory.label_groups', 'inventory.networks.n'],
    [],
  ],
  ['how much shorter the whole may get', '', 'inventory: {max_shrink: 100}', ['inventory.max_shrink'], []],
  ['sealing keys', 'secrets: {sealing_keys: [a]}', 'secrets: {sealing_keys: [b, a]}', ['secrets.sealing_keys'], []],
  [
    'what needs another start',
    '',
    'http: {listen: "127.0.0.1:9"}\ninventory: {stale_after_seconds: 99}\nhubs: [{name: h, kubeconfig: k, reach: direct}]',
    [],
    ['http.listen', 'hubs.h', 'inventory.stale_after_seconds'],
  ],
  [
    'views that show other things of a VM',
    'inventory: {views: [{name: a}, {name: b}]}',
    'inventory: {annotations: [a], formats: [kubevirt.core], views: [{name: a, exclude: x}, {name: b, variables: [{annotation: b, variable: ansible_user}]}]}',
    ['inventory.annotations', 'inventory.formats', 'inventory.views.a', 'inventory.views.b'],
    [],
  ],
])('%s', (_what, before, after, now, later) => {
  expect(differenceOf(config(before), config(after))).toEqual({ now, later })
})

test('what counts at once is taken over, and the rest stays as it runs', () => {
  const [before, after] = [
    config('http: {listen: "127.0.0.1:1"}'),
    config('http: {listen: "127.0.0.1:2", tokens: [{name: t, token: {env: T}}]}\ninventory: {views: [{name: v}]}'),
  ]
  const running = reloaded(before, after)
  expect(running.http.listen).toBe('127.0.0.1:1')
  expect(running.http.tokens.map(({ name }) => name)).toEqual(['t'])
  expect(differenceOf(running, after)).toEqual({ now: [], later: ['http.listen'] })
})
