import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseConfig } from '../../src/config/index.ts'
import { VMIS, VMS } from '../../src/simulator/kube/resource.ts'
import type { Store } from '../../src/simulator/kube/store.ts'
import { startService } from '../../src/service.ts'
import { bearer } from '../http/desk.ts'
import { BRIDGE } from '../kube/world.ts'
import { startClusters } from '../service/clusters.ts'
import { fileIn, SHORT_HOLDS, temporaryFolder } from '../support/bridge.ts'
import { stringify } from 'yaml'

const SOON = { timeout: 40_000, interval: 20 }
const EVIL = '{{ lookup("pipe", "id") }}'
const HOST = 'evil.shop.prod-1'
const SECRETS = {
  cloudInit: 'cloud-init-password-never-to-be-seen',
  sysprep: 'sysprep-password-never-to-be-seen',
  sshKey: 'ssh-key-of-the-access-credentials',
  annotation: 'last-applied-with-a-password-in-it',
  bearer: 'api-token-never-to-be-seen-anywhere',
  kubeconfig: 'kube-token-never-to-be-seen-anywhere',
}

/** Annotations that an administrator named, one of them without a thought. */
const ANNOTATIONS = ['kubectl.kubernetes.io/last-applied-configuration', 'evil', 'ansible_ssh_common_args']

/** Views that show and use all that they can of a VM. */
const VIEWS = [
  { name: 'full', profile: 'full' },
  {
    name: 'every-way',
    profile: 'full',
    host_name: '{namespace}-{name}',
    groups: {
      labels: ['evil', 'app', 'ansible_host'],
      expressions: [
        { name: 'named', expression: 'kubevirt_os.name' },
        { name: 'worded', expression: '[kubevirt_node, kubevirt_labels[?"evil"].orValue(""), kubevirt_instancetype]' },
        { name: 'evil', expression: 'kubevirt_os.name.contains("lookup")' },
      ],
    },
    connection: { linux: { via: 'port_forward', virtctl: { context: '{cluster}' } } },
    variables: [
      { label: 'evil', variable: 'ansible_user' },
      { annotation: 'evil', variable: 'ansible_user' },
    ],
  },
  { name: 'as-core', format: 'kubevirt.core', kubevirt_core: { use_service: false, create_groups: true } },
] as const

/** Everything that virtbridge says to anybody: answers, streams, logs, and what is in its files. */
interface Told {
  readonly inventory: { _meta: { hostvars: Record<string, Record<string, unknown>> }; all: { children: string[] } }
  readonly outputs: ReadonlyMap<string, string>
}

let stack: AsyncDisposableStack
let told: Told

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder()).path
  const clusters = stack.use(await startClusters(folder, 'prod-1'))
  const world = clusters.worlds['prod-1']
  if (world === undefined) throw new Error('no cluster')
  world.server.access.grant(SECRETS.kubeconfig, BRIDGE)
  const kubeconfig = readFileSync(join(folder, 'kubeconfig'), 'utf8').replace(
    /token: \S+/g,
    `token: ${SECRETS.kubeconfig}`,
  )
  await fileIn(folder, 'kubeconfig', kubeconfig)
  await fileIn(folder, 'api-token', SECRETS.bearer)
  const logged: string[] = []
  const config = stringify({
    http: {
      listen: '127.0.0.1:0',
      tokens: [{ name: 'test', token: { file: 'api-token' }, can: ['read', 'run', 'admin'] }],
    },
    watch: SHORT_HOLDS,
    inventory: { label_groups: ['evil', 'app'], annotations: ANNOTATIONS, views: VIEWS },
    clusters: clusters.config,
  })
  const service = stack.use(
    await startService(parseConfig(config, join(folder, 'virtbridge.yaml')), {
      env: {},
      logger: pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) }),
      now: () => Date.now(),
      newId: () => 'id',
    }),
  )
  plantEvil(world.store)
  const get = async (path: string): Promise<string> =>
    (await fetch(`${service.url}${path}`, { headers: bearer(SECRETS.bearer) })).text()
  await vi.waitFor(async () => {
    const [inventory, events] = [await get('/api/v1/inventory'), await get('/api/v1/events')]
    if (!inventory.includes('10.0.0.66') || !events.includes(HOST))
      throw new Error(`not yet: ${inventory.slice(0, 200)} ${await get('/readyz')}`)
  }, SOON)
  world.store.patch(
    VMIS,
    { namespace: 'shop', name: 'evil' },
    { status: { guestOSInfo: { name: `${EVIL} again` }, nodeName: `${EVIL}-2` } },
  )
  world.server.access.revoke(SECRETS.kubeconfig)
  await get('/api/v1/vms/nobody')
  await fetch(`${service.url}/api/v1/runs`, {
    method: 'POST',
    headers: { ...bearer(SECRETS.bearer), 'content-type': 'application/json' },
    body: '{"verb":"patch","hosts":["x"]}',
  })
  const paths = [
    '/api/v1/inventory',
    `/api/v1/inventory/hosts/${HOST}`,
    `/api/v1/inventory?why=${HOST}`,
    ...VIEWS.flatMap(({ name }) => [`/api/v1/inventory/${name}`, `/api/v1/inventory/${name}?why=${HOST}`]),
    '/api/v1/vms',
    `/api/v1/vms/${HOST}`,
    `/api/v1/explain/${HOST}`,
    '/api/v1/clusters',
    '/api/v1/events',
    '/api/v1/events?stream=cluster',
    '/api/v1/runs',
    '/readyz',
    '/metrics',
    '/livez',
  ]
  const outputs = new Map<string, string>()
  for (const path of paths) outputs.set(path, await get(path))
  outputs.set('the log lines', logged.join(''))
  for (const name of readdirSync(folder).filter(name => name.startsWith('virtbridge.db')))
    outputs.set(name, readFileSync(join(folder, name), 'latin1'))
  told = { inventory: JSON.parse(outputs.get('/api/v1/inventory') ?? '') as Told['inventory'], outputs }
})
afterAll(() => stack.disposeAsync())

/** A VM whose owner and whose guest put hostile text wherever they can, and that holds secrets wherever KubeVirt allows. */
function plantEvil(store: Store): void {
  const uid = store.create(VMS, {
    metadata: {
      namespace: 'shop',
      name: 'evil',
      labels: { evil: EVIL, app: '../../all', ansible_host: '6.6.6.6' },
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': SECRETS.annotation,
        ansible_ssh_common_args: '-o ProxyCommand=id',
        evil: EVIL,
      },
    },
    spec: {
      runStrategy: 'Always',
      instancetype: { name: EVIL },
      template: {
        metadata: { annotations: { 'vm.kubevirt.io/os': EVIL } },
        spec: {
          domain: { devices: {}, firmware: { uuid: EVIL } },
          volumes: [
            { name: 'a', cloudInitNoCloud: { userData: `#cloud-config\npassword: ${SECRETS.cloudInit}` } },
            { name: 'b', cloudInitConfigDrive: { userDataBase64: Buffer.from(SECRETS.cloudInit).toString('base64') } },
            { name: 'c', sysprep: { secret: { name: SECRETS.sysprep } } },
          ],
          accessCredentials: [{ sshPublicKey: { source: { secret: { secretName: SECRETS.sshKey } } } }],
        },
      },
    },
    status: { printableStatus: EVIL },
  }).metadata.uid
  plantVmi(store, uid)
}

function plantVmi(store: Store, owner: string): void {
  store.create(VMIS, {
    metadata: {
      namespace: 'shop',
      name: 'evil',
      ownerReferences: [{ apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name: 'evil', uid: owner }],
    },
    spec: {
      domain: { devices: {}, firmware: { uuid: EVIL } },
      networks: [{ name: 'default', pod: {} }],
      volumes: [{ name: 'a', cloudInitNoCloud: { userData: SECRETS.cloudInit } }],
    },
    status: {
      phase: 'Running',
      nodeName: EVIL,
      conditions: [{ type: 'AgentConnected', status: 'True', message: EVIL }],
      guestOSInfo: {
        id: EVIL,
        name: `a\u0000b\u001b[31m${EVIL}\u202e`,
        versionId: EVIL,
        prettyName: EVIL,
        kernelRelease: EVIL,
      },
      interfaces: [
        {
          name: 'default',
          interfaceName: EVIL,
          ipAddress: '::ffff:127.0.0.1',
          ipAddresses: [
            '::ffff:127.0.0.1',
            '::ffff:7f00:1',
            '2130706433',
            '0x7f.1',
            '10.0.0.66',
            `10.0.0.67; ${EVIL}`,
            EVIL,
            '127.0.0.1',
            '169.254.1.1',
          ],
          infoSource: 'domain, guest-agent',
        },
        { interfaceName: 'docker0', ipAddress: '6.6.6.6', infoSource: 'guest-agent' },
      ],
    },
  })
}

describe('Guest-supplied text is data.', () => {
  test('it reaches Ansible marked unsafe, wherever it stands', () => {
    const vars = told.inventory._meta.hostvars[HOST] ?? {}
    expect(bare(vars)).toEqual([])
    expect(JSON.stringify(vars)).toContain('__ansible_unsafe')
    expect(vars['kubevirt_annotations']).toEqual({
      ansible_ssh_common_args: '-o ProxyCommand=id',
      evil: { __ansible_unsafe: EVIL },
      'kubectl.kubernetes.io/last-applied-configuration': '',
    })
  })

  test('it becomes no connection variable: the address is one that the platform knows', () => {
    const vars = told.inventory._meta.hostvars[HOST] ?? {}
    const connection = Object.entries(vars).filter(([name]) => name.startsWith('ansible_'))
    expect(connection).toEqual([['ansible_host', '10.0.0.66']])
    const all = viewOf('full')._meta.hostvars[HOST]?.['kubevirt_addresses'] as { address: string }[]
    expect(all.map(({ address }) => address)).toEqual(['10.0.0.66', '6.6.6.6'])
  })

  test('nor in a view that takes other ways: a label that an administrator let give one is held to what it may say', () => {
    const view = viewOf('every-way')
    const vars = view._meta.hostvars['shop-evil'] ?? {}
    expect(Object.entries(vars).filter(([name]) => name.startsWith('ansible_'))).toEqual([
      ['ansible_host', HOST],
      [
        'ansible_ssh_common_args',
        '-o ProxyCommand="virtctl port-forward --stdio=true --context=prod-1 vm/evil/shop 22"',
      ],
    ])
    expect(bare(vars)).toEqual([])
    expect(view.all.children).toContain('evil')
    for (const group of view.all.children) expect(group).toMatch(/^[a-z0-9_]{1,400}$/)
  })

  test('nor as kubevirt.core shows it', () => {
    const view = viewOf('as-core')
    for (const vars of Object.values(view._meta.hostvars)) expect(bare(vars)).toEqual([])
    for (const group of view.all.children) expect(group).toMatch(/^[A-Za-z0-9_]+$/)
  })

  test('it becomes no host name and no group name unchecked', () => {
    expect(Object.keys(told.inventory._meta.hostvars).sort()).toEqual([HOST, 'web-1.shop.prod-1'])
    for (const group of told.inventory.all.children) expect(group).toMatch(/^[a-z0-9_]+$/)
    expect(told.inventory.all.children).toContain('label_app_______all')
  })

  test('no control or direction character of it goes anywhere', () => {
    for (const [where, text] of told.outputs) {
      if (where.startsWith('virtbridge.db')) continue
      // oxlint-disable-next-line no-control-regex -- they are what is looked for
      expect([where, /[\u0000-\u0008\u000b-\u001f\u202e]|\\u00[01]|\\u202e/i.exec(text)?.[0]]).toEqual([
        where,
        undefined,
      ])
    }
  })
})

describe('Secrets enter no event, no state, no log line, no hostvar.', () => {
  test('what was looked at is all there is, and it is there', () => {
    expect([...told.outputs.keys()]).toEqual(
      expect.arrayContaining(['/api/v1/events', 'virtbridge.db', 'the log lines']),
    )
    expect(told.outputs.get('the log lines')).toContain('listening')
    expect(
      [...told.outputs]
        .filter(([name]) => name.startsWith('virtbridge.db'))
        .map(([, text]) => text)
        .join(''),
    ).toContain(HOST)
  })

  test.each(Object.entries(SECRETS))('not this one: %s', (_kind, secret) => {
    const encoded = [secret, Buffer.from(secret).toString('base64').replace(/=+$/, ''), encodeURIComponent(secret)]
    const leaks = [...told.outputs]
      .filter(([, text]) => encoded.some(form => text.includes(form)))
      .map(([where]) => where)
    expect(leaks).toEqual([])
  })
})

function viewOf(name: (typeof VIEWS)[number]['name']): Told['inventory'] {
  return JSON.parse(told.outputs.get(`/api/v1/inventory/${name}`) ?? '') as Told['inventory']
}

/** Strings with template delimiters that are not marked. */
function bare(value: unknown): readonly string[] {
  if (typeof value === 'string') return /\{[{%#]/.test(value) ? [value] : []
  if (typeof value !== 'object' || value === null || '__ansible_unsafe' in value) return []
  return Object.values(value).flatMap(bare)
}
