import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseSelector } from '../../src/config/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { guest } from '../day2/guest.ts'
import { type Desk, NOW, openDesk, TOKENS } from '../http/desk.ts'
import { ansible } from '../servers/python-environment.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { type Outcome, readAll } from './inventory-driver.ts'

const GROUPS = { builtin: true, labels: ['app'], maxPerLabel: 5 }
const VIEWS = [
  { ...viewOfAll('web', GROUPS), labels: parseSelector('app=web') },
  { ...viewOfAll('later', GROUPS), clusters: ['dev-9', 'dev-10'] },
  { ...viewOfAll('careful', GROUPS), onStale: 'fail' as const, clusters: ['gone-1'] },
  { ...viewOfAll('none', GROUPS), labels: parseSelector('app=nothing') },
]
const [WEB, DB] = ['web-1.shop.prod-1', 'db-2.shop.prod-1']

const stack = new AsyncDisposableStack()
let desk: Desk
let folder: string
let url: string

beforeAll(async () => {
  folder = stack.use(await temporaryFolder()).path
  desk = stack.use(await openDesk({}, VIEWS))
  desk.cluster('prod-1')
  desk.cluster('gone-1', { heartbeat: NOW - 3_000_000 })
  desk.put(guest('web-1', { seen: { labels: { app: 'web', note: '{{ 6*7 }}' } } }), guest('db-2'))
  url = await desk.listen()
})
afterAll(() => stack.disposeAsync())

test('the plugin reads a real bridge, asks it whether what it kept still holds, and tells what it refuses', async () => {
  const cached = {
    file: 'cached',
    options: { cache: true, cache_plugin: 'ansible.builtin.jsonfile', cache_connection: join(folder, 'cache') },
    env: { ANSIBLE_INVENTORY_CACHE_TIMEOUT: '-1', VIRTBRIDGE_TOKEN: TOKENS.reader },
  }
  const as = (token: string, view?: string) => ({
    options: view === undefined ? {} : { view },
    env: { VIRTBRIDGE_TOKEN: token },
  })
  const readings = [
    cached,
    cached,
    as(TOKENS.reader, 'web'),
    as('no-such-token-at-all'),
    as(TOKENS.scoped),
    as(TOKENS.reader, 'nowhere'),
    as(TOKENS.reader, 'later'),
    as(TOKENS.reader, 'careful'),
    as(TOKENS.reader, 'none'),
    { options: { format: 'kubevirt.core' }, env: { VIRTBRIDGE_TOKEN: TOKENS.reader } },
  ]
  const outcomes = await readAll(await ansible(), { url }, folder, readings)
  const [first, again, web, ...refused] = outcomes
  expect(first?.error).toBeNull()
  expect(Object.keys(first?.hosts ?? {}).sort()).toEqual([DB, WEB])
  expect(first?.hosts[WEB]?.['kubevirt_labels']).toEqual({ app: 'web', note: { __ansible_unsafe: '{{ 6*7 }}' } })
  expect(again).toEqual(first)
  expect(statuses()).toContain(304)
  expect(Object.keys(web?.hosts ?? {})).toEqual([WEB])
  expect(web?.groups['label_app_web']?.hosts).toEqual([WEB])

  const told = [
    ['401 unauthorized', 'VIRTBRIDGE_TOKEN'],
    ['403 out_of_view', 'web', 'VIRTBRIDGE_VIEW'],
    ['404 no_view', 'careful, later', 'VIRTBRIDGE_VIEW'],
    ['503 not_synced', 'not read yet: dev-10, dev-9;', 'asked again in 5 s', '/readyz'],
    ['503 stale', 'gone-1', 'asked again in 5 s'],
    ['0 hosts', 'min_hosts'],
    ['503 not_synced', 'what this view shows, or goes by, is not known yet of all VMs of: prod-1', '/readyz'],
  ]
  expect(refused.map((outcome, index) => missingOf(outcome, told[index] ?? []))).toEqual(told.map(() => []))
  for (const token of Object.values(TOKENS)) expect(JSON.stringify(outcomes)).not.toContain(token)
})

/** Which of these words an outcome that must be an error does not tell; all of them when it has hosts. */
function missingOf({ error, hosts }: Outcome, words: readonly string[]): readonly string[] {
  const text = (error ?? '').replaceAll(/\s+/g, ' ')
  return Object.keys(hosts).length > 0 ? words : words.filter(word => !text.includes(word))
}

function statuses(): readonly number[] {
  return desk.logged.map(line => (JSON.parse(line) as { status?: number }).status ?? 0)
}
