import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { hostvars, sendJson, token } from './ansible-inventory-server.ts'
import type { Outcome, Reading } from './inventory-driver.ts'

/** What a few readings of the plugin must come to, whatever the version of Ansible. */
export interface Case {
  readonly title: string
  readonly readings: readonly Reading[]
  check(...outcomes: readonly Outcome[]): void
}

export const HOSTILE = '{{ 6*7 }}'
export const [WEB, DB, DESK, OFF] = [
  'web-1.shop.prod-1',
  'db-1.shop.prod-1',
  'desk-1.office.dev-1',
  'off-1.shop.prod-1',
] as const
const ALL = [DB, DESK, OFF, WEB]

const HOSTS = {
  [WEB]: hostvars('web-1'),
  [DB]: hostvars('db-1', {
    ansible_host: '10.1.2.4',
    kubevirt_os_id: 'debian',
    kubevirt_os_version: '12',
    kubevirt_os: { family: 'linux', id: 'debian', name: { __ansible_unsafe: HOSTILE }, version: '12' },
    kubevirt_labels: { app: 'db', note: 'a {% raw %} b', size: 'größe "1"' },
  }),
  [DESK]: hostvars('desk-1', {
    kubevirt_cluster: 'dev-1',
    kubevirt_namespace: 'office',
    kubevirt_os_family: 'windows',
    kubevirt_os_id: '',
    kubevirt_os_version: '',
    kubevirt_os: { family: 'windows', id: '', name: '', version: '' },
    kubevirt_labels: {},
  }),
  [OFF]: hostvars('off-1', { kubevirt_status: 'Stopped', kubevirt_enabled: false, kubevirt_reachable: false }),
}

/** The inventory of four hosts that every view serves unless its name asks for something else. */
export const DOCUMENT = {
  _meta: { hostvars: HOSTS },
  all: { children: ['cluster_dev_1', 'cluster_prod_1', 'os_linux'] },
  cluster_dev_1: { hosts: [DESK] },
  cluster_prod_1: { hosts: [DB, OFF, WEB] },
  os_linux: { hosts: [DB, WEB] },
}
/** So many that the bridge may have left some out. */
const LABELS = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`label-${at}`, 'x']))
const SMALL = { _meta: { hostvars: { [WEB]: HOSTS[WEB] } }, all: {} }
const WHOLE = JSON.stringify(DOCUMENT)

const problem = (code: string) => ({ error: { code, message: `said of ${token}` } })
/** As RFC 9457 has it. */
const closed = { code: 'not_synced', detail: 'never read', hint: 'look at /readyz', clusters: ['prod-1', 'dev-1'] }
const outOfView = { code: 'out_of_view', detail: 'the token "shop" may read views alone: shop', views: ['shop'] }

interface Asked {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** How often that view was asked before. */
  readonly times: number
}
type Play = (response: ServerResponse, asked: Asked) => void

const json = (status: number, value: unknown, headers?: Record<string, string>): Play => {
  return response => sendJson(response, status, value, headers)
}
const body = (bytes: Buffer | string, headers: Record<string, string> = {}): Play => {
  return response => response.writeHead(200, headers).end(bytes)
}
const gzip = { 'content-encoding': 'gzip' }
const ETAG = '"one"'

/** Groups that are below themselves, with a host in each, so that one that was added too soon is seen. */
function circling(groups: Readonly<Record<string, { readonly children: readonly string[] }>>): object {
  const names = Object.keys(groups)
  const each = names.map(name => [name, { hosts: [WEB], ...groups[name] }] as const)
  return { _meta: { hostvars: { [WEB]: HOSTS[WEB] } }, all: { children: names }, ...Object.fromEntries(each) }
}

/** What the bridge answers, by the name of the view. */
const VIEWS: Readonly<Record<string, Play>> = {
  v400: json(400, problem('bad_query')),
  v401: json(401, problem('unauthorized')),
  v403: json(403, problem('forbidden')),
  'out-of-view': json(403, outOfView),
  v404: json(404, problem('no_view')),
  v503: json(503, { error: { code: 'not_synced', message: 'never read', clusters: ['prod-1'] } }),
  closed: json(503, closed, { 'retry-after': '5' }),
  v302: json(302, {}, { location: 'http://127.0.0.1:9/' }),
  v304: response => response.writeHead(304).end(),
  empty: json(200, { _meta: { hostvars: {} }, all: {} }),
  html: body('<html>Log in</html>'),
  'html-type': body(WHOLE, { 'content-type': 'text/html; charset=utf-8' }),
  half: body(WHOLE.slice(0, 900)),
  latin: body(Buffer.from(WHOLE, 'latin1')),
  utf16: body(Buffer.from(JSON.stringify(SMALL), 'utf16le')),
  twice: body(`{"_meta":{"hostvars":{"a":{"x":1},"b":{},"a":{"x":2}}},"all":{}}`),
  'group-twice': body(`{"_meta":{"hostvars":{"a":{},"b":{}}},"all":{},"g":{"hosts":["a"]},"g":{"hosts":["b"]}}`),
  circle: json(200, circling({ g: { children: ['h'] }, h: { children: ['g'] } })),
  'above-all': json(200, circling({ g: { children: ['all'] } })),
  odd: body(`{"_meta":{"hostvars":{"a":{"kubevirt_labels":{"{{ 6*7 }}":"1","b":"x\\ud83d"}}}},"all":{}}`),
  packed(response, { headers }) {
    // Two members, as of a body that is packed in parts, with no length told before.
    const cut = WHOLE.indexOf('größe') + 3
    const parts = [WHOLE.slice(0, cut), WHOLE.slice(cut)].map(part => gzipSync(part))
    response.writeHead(headers['accept-encoding'] === 'gzip' ? 200 : 400, gzip)
    for (const part of parts) for (let at = 0; at < part.length; at += 100) response.write(part.subarray(at, at + 100))
    response.end()
  },
  'packed-half': body(gzipSync(WHOLE).subarray(0, 300), gzip),
  'packed-wrong': body(WHOLE, gzip),
  'packed-other': body(WHOLE, { 'content-encoding': 'br' }),
  bomb: body(gzipSync(Buffer.alloc(8_000_000, ' ')), gzip),
  hangs: () => undefined,
  gone: response => response.destroy(),
  shrinks: (response, { times }) => sendJson(response, 200, times === 0 ? DOCUMENT : SMALL),
  once: (response, { times }) => (times === 0 ? sendJson(response, 200, DOCUMENT) : response.destroy()),
  same(response, { headers, times }) {
    if (times === 0) sendJson(response, 200, DOCUMENT, { etag: ETAG })
    else if (times > 1) response.destroy()
    else if (headers['if-none-match'] === ETAG) response.writeHead(304, { etag: ETAG }).end()
    else sendJson(response, 200, SMALL)
  },
  other(response, { headers, times }) {
    if (headers['if-none-match'] !== (times === 0 ? undefined : ETAG)) response.destroy()
    else sendJson(response, 200, times === 0 ? DOCUMENT : SMALL, { etag: times === 0 ? ETAG : '"two"' })
  },
  compatible(response, { path }) {
    const formatted = path.endsWith('?format=kubevirt.core')
    sendJson(response, formatted ? 200 : 400, { _meta: { hostvars: { 'shop-web': { ansible_port: null } } }, all: {} })
  },
  unkept: json(404, { code: 'no_format', detail: 'there is no format "kubevirt.core"; none is configured' }),
  slim: json(200, { _meta: { hostvars: { [WEB]: {} } }, all: {} }),
  crowded: json(200, { _meta: { hostvars: { [WEB]: { ...HOSTS[WEB], kubevirt_labels: LABELS } } }, all: {} }),
}

/** An answer for `InventoryServer.answer` that plays all the views; `request` is what is asked just now. */
export function playViews(request: () => Omit<Asked, 'times'> | undefined): (response: ServerResponse) => void {
  const asked = new Map<string, number>()
  return response => {
    const { path = '', headers = {} } = request() ?? {}
    const view = path.split(/[/?]/)[4] ?? ''
    const times = asked.get(view) ?? 0
    asked.set(view, times + 1)
    const play = VIEWS[view] ?? json(200, DOCUMENT)
    play(response, { path, headers, times })
  }
}

function hostsOf(outcome: Outcome): readonly string[] {
  return Object.keys(outcome.hosts).sort()
}

function whole(outcome: Outcome): Outcome {
  expect(outcome.error).toBeNull()
  return outcome
}

function refused(outcome: Outcome, ...words: readonly string[]): void {
  const told = (outcome.error ?? '').replaceAll(/\s+/g, ' ')
  for (const word of words) expect(told).toContain(word)
  expect(told).not.toContain(token)
  expect(outcome.hosts).toEqual({})
}

function sameBothWays(quick: Outcome, slow: Outcome): void {
  expect(quick).toEqual(whole(slow))
  const [first = {}] = Object.values(quick.hosts)
  // Something was made: the four hosts have 20 variables and 5 groups without it.
  expect(Object.keys(quick.groups).length + Object.keys(first).length).toBeGreaterThan(25)
}

/** Constructed features twice: with plain expressions, and with the same ones in parentheses, which only the template engine takes. */
const CONSTRUCTED: readonly [string, Record<string, unknown>, Record<string, unknown>][] = [
  ['keyed_groups of a text', keyed('kubevirt_os.id'), keyed('(kubevirt_os.id)')],
  ['keyed_groups of a guest’s text', keyed('kubevirt_os.name'), keyed('(kubevirt_os.name)')],
  ['keyed_groups of a mapping', keyed('kubevirt_labels'), keyed('(kubevirt_labels)')],
  ['keyed_groups of what is not there', keyed('kubevirt_labels.app'), keyed('(kubevirt_labels.app)')],
  [
    'keyed_groups with a default and a parent',
    keyed('kubevirt_os.id', { default_value: 'none', parent_group: 'systems', prefix: 'is', separator: '-' }),
    keyed('(kubevirt_os.id)', { default_value: 'none', parent_group: 'systems', prefix: 'is', separator: '-' }),
  ],
  [
    'keyed_groups without a leading separator',
    { ...keyed('kubevirt_os.id'), leading_separator: false },
    { ...keyed('(kubevirt_os.id)'), leading_separator: false },
  ],
  [
    'groups',
    { groups: { up: 'kubevirt_enabled', down: 'not kubevirt_enabled', 'is rhel': "kubevirt_os.id == 'rhel'" } },
    { groups: { up: '(kubevirt_enabled)', down: '(not kubevirt_enabled)', 'is rhel': "(kubevirt_os.id == 'rhel')" } },
  ],
  [
    'groups by what is not there',
    { groups: { web: "kubevirt_labels.app == 'web'" } },
    { groups: { web: "(kubevirt_labels.app == 'web')" } },
  ],
  [
    'compose',
    { compose: { ansible_user: "'cloud'", first: 'kubevirt_addresses[0].address', system: 'kubevirt_os.name' } },
    { compose: { ansible_user: "('cloud')", first: '(kubevirt_addresses[0].address)', system: '(kubevirt_os.name)' } },
  ],
  [
    'groups by what compose made, and names',
    { compose: { app: 'kubevirt_labels.app' }, ...keyed('app'), hostnames: ['kubevirt_name'] },
    { compose: { app: '(kubevirt_labels.app)' }, ...keyed('(app)'), hostnames: ['(kubevirt_name)'] },
  ],
]

function keyed(key: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { keyed_groups: [{ key, ...more }] }
}

const constructed: readonly Case[] = CONSTRUCTED.map(([title, plain, templated]) => ({
  title: `${title}: the same without templates as with them`,
  readings: [{ options: plain }, { options: templated }],
  check: sameBothWays,
}))

const refusals: readonly Case[] = (
  [
    ['400', ['bad_query', 'check view'], { view: 'v400' }],
    ['401', ['401 unauthorized', 'VIRTBRIDGE_TOKEN'], { view: 'v401' }],
    ['403, though it repeats the token', ['403 forbidden', '<secret>', 'scope'], { view: 'v403' }],
    [
      'a view that the token may not read',
      ['403 out_of_view', 'views alone: shop', 'set view (VIRTBRIDGE_VIEW)'],
      { view: 'out-of-view' },
    ],
    ['404 of a view', ['404 no_view', 'check view (VIRTBRIDGE_VIEW)'], { view: 'v404' }],
    [
      '503, with the clusters and when to ask again',
      ['503 not_synced', '(clusters: prod-1, dev-1)', 'asked again in 5 s'],
      { view: 'closed' },
    ],
    [
      'a format that the bridge does not keep',
      ['no_format', 'inventory.formats'],
      { view: 'unkept', format: 'kubevirt.core' },
    ],
    ['a redirect', ['302', 'redirects are not followed', 'set url'], { view: 'v302' }],
    ['a 304 that was not asked for', ['304'], { view: 'v304' }],
    ['503 of what was never read', ['not_synced', 'prod-1'], { view: 'v503' }],
    ['a list without hosts', ['0 hosts', 'min_hosts', 'VIRTBRIDGE_MIN_HOSTS'], { view: 'empty' }],
    ['fewer hosts than min_hosts', ['4 hosts', 'min_hosts wants 5'], { min_hosts: 5 }],
    ['filters that leave none', ['0 hosts', 'filters'], { filters: { clusters: ['nowhere'] } }],
    ['a page for people', ['not complete JSON'], { view: 'html' }],
    ['half a document', ['not complete JSON'], { view: 'half' }],
    ['half of a packed document', ['ends before its end', 'cut'], { view: 'packed-half' }],
    ['what only says that it is packed', ['not the gzip'], { view: 'packed-wrong' }],
    ['an encoding that was not asked for', ['encoding br'], { view: 'packed-other' }],
    [
      'what unpacks to more than allowed',
      ['larger than 1 MB', 'max_response_mb'],
      { view: 'bomb', max_response_mb: 1 },
    ],
    ['a page for people that happens to be JSON', ['text/html', 'not JSON', 'url'], { view: 'html-type' }],
    ['bytes that are no UTF-8', ['not UTF-8 at byte'], { view: 'latin' }],
    ['another encoding of characters', ['not complete JSON'], { view: 'utf16' }],
    ['one host twice', ["'a' is there twice"], { view: 'twice' }],
    ['one group twice', ["'g' is there twice"], { view: 'group-twice' }],
    ['groups that are below each other', ['recursive dependency loop'], { view: 'circle' }],
    ['a group above all', ["the group 'g' has the group 'all' below it"], { view: 'above-all' }],
    ['no answer in time', ['did not answer within 1 s', 'raise timeout'], { view: 'hangs', timeout: 1 }],
    ['a connection that is cut', ['not reached, or hung up'], { view: 'gone' }],
    ['nobody there', ['not reached', 'http://127.0.0.1:9'], { url: 'http://127.0.0.1:9' }],
    [
      'a URL with a password',
      ['https://bridge.example/x', 'must not hold a user'],
      { url: `https://me:${token}@bridge.example/x` },
    ],
    ['a URL that is none', ['must start with https://'], { url: `htp:${token}` }],
    ['a token in the wrong option', ['token_file'], { token: '', token_file: token }],
    ['an unknown filter', ["no 'cluster'", 'clusters'], { filters: { cluster: ['prod-1'] } }],
    [
      'a filter on what a view does not have',
      ['kubevirt_cluster', 'view'],
      { view: 'slim', filters: { clusters: ['prod-1'] } },
    ],
    ['an option of the wrong shape', ['hostnames must be a list, and is a mapping'], { hostnames: { a: 'b' } }],
    ['a name where names are wanted', ['hostnames must be a list, and is a text'], { hostnames: 'kubevirt_name' }],
    [
      'an expression that fails for one host',
      ['kubevirt_labels.app', DESK],
      { strict: true, ...keyed('kubevirt_labels.app') },
    ],
    ['a template that fails for one host', [DESK], { strict: true, ...keyed('kubevirt_labels.app | upper') }],
    [
      'a group whose name YAML takes for a boolean',
      ['groups: the name False', 'quotes'],
      { groups: { off: 'kubevirt_stale' } },
    ],
    [
      'a group that is its own parent',
      ["'_rhel' would be its own parent"],
      keyed('kubevirt_os.id', { parent_group: '_rhel' }),
    ],
    [
      'an address that is an option of ssh',
      ['ansible_host', '-oProxy'],
      { strict: true, compose: { ansible_host: "'-oProxyCommand=id'" } },
    ],
    ['two machines of one name', ['would share a name', 'unique'], { strict: true, hostnames: ['kubevirt_cluster'] }],
  ] satisfies [string, string[], Record<string, unknown>][]
).map(([title, words, options]) => ({
  title: `nothing at all, and no token in the message: ${title}`,
  readings: [{ options }],
  check: outcome => refused(outcome, ...words),
}))

/** All of it. `cache` is a folder for what the plugin remembers. */
export function pluginCases(cache: string): readonly Case[] {
  const kept = { cache_plugin: 'ansible.builtin.jsonfile', cache_connection: cache }
  const shrinking = {
    file: 'shrinks',
    options: { view: 'shrinks', ...kept },
    env: { VIRTBRIDGE_MAX_SHRINK: '20' },
  }
  const cached = { file: 'once', options: { view: 'once', cache: true, ...kept } }
  // No answer is that young: every one has expired.
  const expired = { env: { ANSIBLE_INVENTORY_CACHE_TIMEOUT: '-1' } }
  const same = { file: 'same', options: { view: 'same', cache: true, ...kept }, ...expired }
  const other = { file: 'other', options: { view: 'other', cache: true, ...kept } }
  return [
    {
      title: 'every host, variable and group; inert text plain, text of a guest data',
      readings: [{}],
      check: outcome => {
        const { hosts, groups } = whole(outcome)
        const { kubevirt_labels: labels, ...rest } = HOSTS[DB]
        expect(hosts[DB]).toEqual({
          ...rest,
          kubevirt_labels: { ...(labels as object), note: { __ansible_unsafe: 'a {% raw %} b' } },
        })
        expect({ ...hosts, [DB]: {} }).toEqual({ ...HOSTS, [DB]: {} })
        expect(groups['cluster_prod_1']).toEqual({ hosts: [DB, OFF, WEB], children: [] })
        expect(groups['all']?.children).toContain('os_linux')
      },
    },
    {
      title: 'what compose makes of a guest’s text is data too, by whichever way',
      readings: [
        { options: { compose: { a: 'kubevirt_os.name', b: "kubevirt_os.name ~ '!'", c: "'{' ~ '{ 6*7 }}'" } } },
      ],
      check: outcome =>
        expect(whole(outcome).hosts[DB]).toMatchObject({
          a: { __ansible_unsafe: HOSTILE },
          b: { __ansible_unsafe: `${HOSTILE}!` },
          c: { __ansible_unsafe: HOSTILE },
        }),
    },
    {
      title: 'a number and a boolean that compose is given without quotes are what they say, and no fault',
      readings: [{ options: { strict: true, compose: { ansible_port: 2222, checked: true, share: 0.5 } } }],
      check: outcome =>
        expect(whole(outcome).hosts[WEB]).toMatchObject({ ansible_port: 2222, checked: true, share: 0.5 }),
    },
    {
      title: 'options from the environment, as a controller gives them',
      readings: [
        {
          env: {
            VIRTBRIDGE_FILTERS: '{namespaces: [shop], selector: "app in (web, db)", reachable: true}',
            VIRTBRIDGE_HOSTNAMES: '["kubevirt_name ~ \'.x\'"]',
            VIRTBRIDGE_COMPOSE: '{"who": "kubevirt_name | upper"}',
            VIRTBRIDGE_GROUPS: '{rhel: "kubevirt_os.id == \'rhel\'"}',
            VIRTBRIDGE_KEYED_GROUPS: '[{key: kubevirt_labels.app, prefix: app}]',
            VIRTBRIDGE_STRICT: 'true',
            VIRTBRIDGE_MIN_HOSTS: '2',
          },
        },
        { env: { VIRTBRIDGE_COMPOSE: '{a: b' } },
        { env: { VIRTBRIDGE_MIN_HOSTS: '9' } },
      ],
      check: (outcome, unreadable, few) => {
        const { hosts, groups } = whole(outcome)
        expect(hosts['web-1.x']?.['who']).toBe('WEB-1')
        expect(hostsOf(outcome)).toEqual(['db-1.x', 'web-1.x'])
        expect(groups['cluster_prod_1']?.hosts).toEqual(['db-1.x', 'web-1.x'])
        expect([groups['rhel']?.hosts, groups['app_db']?.hosts]).toEqual([['web-1.x'], ['db-1.x']])
        refused(unreadable, 'compose is neither YAML nor JSON')
        refused(few, 'min_hosts wants 9')
      },
    },
    {
      title: 'an empty variable leaves the leading separator of groups as it is without it',
      readings: [
        { options: keyed('kubevirt_os.id') },
        { options: keyed('kubevirt_os.id'), env: { VIRTBRIDGE_LEADING_SEPARATOR: '' } },
        {
          options: { ...keyed('kubevirt_os.id'), leading_separator: false },
          env: { VIRTBRIDGE_LEADING_SEPARATOR: '' },
        },
      ],
      check: (without, empty, said) => {
        expect(Object.keys(without.groups)).toContain('_rhel')
        expect(empty).toEqual(whole(without))
        expect(Object.keys(said.groups)).toContain('rhel')
      },
    },
    {
      title: 'machines that would share a name keep their own',
      readings: [{ options: { hostnames: ['kubevirt_nothing', 'kubevirt_cluster'] } }],
      check: outcome => expect(hostsOf(whole(outcome))).toEqual([DB, 'dev-1', OFF, WEB]),
    },
    {
      title: 'an inventory that shrank too much is refused until a person says so, and then remembered',
      readings: [shrinking, shrinking, shrinking, { ...shrinking, env: { VIRTBRIDGE_MAX_SHRINK: '100' } }, shrinking],
      check: (first, second, third, accepted, after) => {
        expect(hostsOf(whole(first))).toEqual(ALL)
        for (const outcome of [second, third])
          refused(outcome, '1 host where the last good answer held 4', 'VIRTBRIDGE_MAX_SHRINK')
        for (const outcome of [accepted, after]) expect(hostsOf(whole(outcome))).toEqual([WEB])
      },
    },
    {
      title: 'the cache answers for the bridge, and only what was kept under the same prefix',
      readings: [cached, cached, { ...cached, env: { ANSIBLE_INVENTORY_CACHE_PLUGIN_PREFIX: 'other_' } }],
      check: (first, again, elsewhere) => {
        expect(again).toEqual(whole(first))
        refused(elsewhere, 'hung up')
      },
    },
    {
      title: 'what has expired and still holds is not sent again, and never stands for a bridge that does not answer',
      readings: [same, same, same],
      check: (first, again, gone) => {
        expect(hostsOf(whole(first))).toEqual(ALL)
        expect(again).toEqual(first)
        refused(gone, 'hung up')
      },
    },
    {
      title: 'what has expired and no longer holds is replaced',
      readings: [{ ...other, ...expired }, { ...other, ...expired }, other],
      check: (first, second, fresh) => {
        expect(hostsOf(whole(first))).toEqual(ALL)
        for (const outcome of [second, fresh]) expect(hostsOf(whole(outcome))).toEqual([WEB])
      },
    },
    {
      title: 'a body that comes packed, in parts',
      readings: [{ options: { view: 'packed' } }, {}],
      check: (packed, plain) => expect(packed).toEqual(whole(plain)),
    },
    {
      title: 'a key that would be a template is left out, and half of a character replaced',
      readings: [{ options: { view: 'odd' } }],
      check: outcome => expect(whole(outcome).hosts['a']).toEqual({ kubevirt_labels: { b: 'x\ufffd' } }),
    },
    {
      title: 'the names and variables of kubevirt.core, when they are asked for',
      readings: [
        { options: { view: 'compatible', format: 'kubevirt.core' } },
        { options: { view: 'compatible' }, env: { VIRTBRIDGE_FORMAT: 'kubevirt.core' } },
      ],
      check: (...outcomes) => {
        for (const outcome of outcomes) expect(whole(outcome).hosts).toEqual({ 'shop-web': { ansible_port: null } })
      },
    },
    {
      title: 'a password of ~/.netrc does not take the token’s place',
      readings: [{ options: { view: 'netrc' }, env: { NETRC: `${cache}/netrc` } }],
      check: outcome => expect(hostsOf(whole(outcome))).toEqual(ALL),
    },
    ...constructed,
    ...refusals,
  ]
}
