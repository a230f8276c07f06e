import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { type KubeApiserver, startKubeApiserver } from '../servers/kube-apiserver.ts'
import { kubevirtCore, type PythonEnvironment } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'
import { type Bridge, fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'
import { shippedToken } from '../support/shipped-rights.ts'
import { ALLOWED, type Asked, type Vars } from './kubevirt-core-allowed.ts'
import { CAST, enact, HOSTILE } from './kubevirt-core-cast.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** The options of the plugin, as people set them, by the name of the view that has the same. */
const OPTIONS: Readonly<Record<string, Asked & Readonly<Record<string, unknown>>>> = {
  plain: {},
  groups: { create_groups: true, host_format: '{name}-{uid}', unset_ansible_port: false },
  network: { network_name: 'vlan10' },
  dns: { network_name: 'vlan10', kube_secondary_dns: true, base_domain: 'example.com' },
  nodes: { append_base_domain: true, base_domain: 'example.com' },
  // Where none is written down it is that of the cluster.
  'own-dns': { network_name: 'vlan10', kube_secondary_dns: true, append_base_domain: true },
  'own-nodes': { kube_secondary_dns: true, append_base_domain: true },
  addresses: { use_service: false },
  selected: { label_selector: 'tier in (front, back)' },
}

let stack: AsyncDisposableStack
let api: KubeApiserver
let environment: PythonEnvironment
let bridge: Bridge

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  api = stack.use(
    await startKubeApiserver({
      crds: ['virtualmachines.kubevirt.io', 'virtualmachineinstances.kubevirt.io', 'dnses.config.openshift.io'],
    }),
  )
  await api.client.apply('/apis/config.openshift.io/v1/dnses/cluster', {
    apiVersion: 'config.openshift.io/v1',
    kind: 'DNS',
    metadata: { name: 'cluster' },
    spec: { baseDomain: 'prod-1.example.org' },
  })
  environment = await kubevirtCore()
  await enact(api.client)
  bridge = await bridgeWith(Object.entries(OPTIONS))
})
afterAll(() => stack.disposeAsync())

/** A bridge with a view for each of these, open and settled. */
async function bridgeWith(options: readonly (readonly [string, object])[]): Promise<Bridge> {
  const folder = stack.use(await temporaryFolder())
  const token = await shippedToken(api, ['base', 'services-rbac'])
  await fileIn(folder.path, 'kubeconfig', api.kubeconfig('prod-1', token))
  const views = options.map(([name, kubevirt_core]) => ({
    name,
    clusters: ['prod-1'],
    format: 'kubevirt.core',
    kubevirt_core: { name: 'prod.cluster', ...kubevirt_core },
  }))
  const started = stack.use(
    await startBridge(folder.path, {
      clusters: [{ name: 'prod-1', kubeconfig: 'kubeconfig', context: 'prod-1' }],
      watch: { services: true, heartbeat_seconds: 0.5, reachable_hold_seconds: 0.05 },
      inventory: { views, formats: ['kubevirt.core'] },
    }),
  )
  const listed = CAST.filter(({ bare }) => bare !== true).length
  await vi.waitUntil(
    async () => {
      const views = options.map(([name]) => started.api.get(`/api/v1/inventory/${name}`))
      if (!(await Promise.allSettled(views)).every(({ status }) => status === 'fulfilled')) return false
      const found = await started.api.get(`/api/v1/inventory/${options[0]?.[0] ?? ''}`).catch(() => null)
      const hosts = Object.values((found as Listed | null)?._meta.hostvars ?? {})
      // Services come after VMs.
      return (
        hosts.length === listed && hosts.some(({ ansible_port }) => ansible_port === 2222 || ansible_port === undefined)
      )
    },
    { timeout: 60_000 },
  )
  return started
}

interface Group {
  readonly hosts?: readonly string[]
  readonly children?: readonly string[]
}
type Listed = { readonly _meta: { readonly hostvars: Readonly<Record<string, Vars>> } } & Readonly<
  Record<string, Group>
>

async function list(source: string, env: Readonly<Record<string, string>> = {}): Promise<Listed> {
  const output = join(bridge.folder, 'listed.json')
  const args = ['-i', source, '--list', '--output', output]
  const { status, stdout, stderr } = await runToEnd(join(environment.bin, 'ansible-inventory'), args, {
    env: { ...environment.env, ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1', ...env },
  })
  expect(status, `${stdout}\n${stderr}`).toBe(0)
  return JSON.parse(await readFile(output, 'utf8')) as Listed
}

/** What the plugin lists, of the same API server. */
async function byPlugin(options: Readonly<Record<string, unknown>>): Promise<Listed> {
  const kubeconfig = await fileIn(bridge.folder, 'admin.kubeconfig', api.kubeconfig('admin', api.adminToken))
  const config = { plugin: 'kubevirt.core.kubevirt', kubeconfig, name: 'prod.cluster', ...options }
  return list(await fileIn(bridge.folder, 'old.kubevirt.yml', stringify(config)))
}

async function byBridge(view: string, from: Bridge = bridge): Promise<readonly [plugin: Listed, script: Listed]> {
  const env = { VIRTBRIDGE_URL: from.url, VIRTBRIDGE_TOKEN: from.token, VIRTBRIDGE_VIEW: view }
  const collections = { ANSIBLE_COLLECTIONS_PATH: join(ROOT, 'inventory-plugin') }
  const config = await fileIn(from.folder, 'new.virtbridge.yml', 'plugin: virtbridge.fleet.vms\n')
  return [
    await list(config, { ...env, ...collections }),
    await list(join(ROOT, 'inventory-plugin', 'virtbridge-inventory'), env),
  ]
}

/** What it should list here: what the plugin lists, with every difference that is allowed. `used` gets those that made one. */
function expected(there: Listed, asked: Asked, used: Set<string>): ReadonlyMap<string, Vars> {
  const hosts = new Map<string, Vars>()
  for (const [host, given] of Object.entries(there._meta.hostvars)) {
    let vars: Vars | null = given
    for (const { what, apply } of ALLOWED) {
      const before: Vars = vars
      vars = apply(before, canonical(host), asked)
      if (JSON.stringify(vars) !== JSON.stringify(before)) used.add(what)
      if (vars === null) break
    }
    if (vars !== null) hosts.set(host, vars)
  }
  return hosts
}

/** The name that a host has by default, whatever its format: the cast is named by that. */
function canonical(host: string): string {
  const member = CAST.find(({ namespace, name }) => `${namespace}-${name}` === host)
  if (member !== undefined) return host
  const named = CAST.filter(({ name }) => host.startsWith(`${name}-`))
  const longest = named.sort((a, b) => b.name.length - a.name.length)[0]
  return longest === undefined ? host : `${longest.namespace}-${longest.name}`
}

/** Every host of a group, through its children too. */
function hostsOf(listed: Listed, group: string): readonly string[] {
  const { hosts = [], children = [] } = listed[group] ?? {}
  return [...new Set([...hosts, ...children.flatMap(child => hostsOf(listed, child))])].sort()
}

/** Those of the plugin that are in it here. */
function membersOf(there: Listed, group: string): readonly string[] {
  const isOut = (host: string): boolean => ALLOWED.some(({ outOf }) => outOf?.(canonical(host), group) === true)
  return hostsOf(there, group).filter(host => !isOut(host))
}

function childrenOf(listed: Listed, group: string): readonly string[] {
  return [...(listed[group]?.children ?? [])].sort()
}

function groupsOf(listed: Listed): readonly string[] {
  return Object.keys(listed)
    .filter(name => name !== '_meta')
    .sort()
}

const used = new Set<string>()

describe.each(Object.entries(OPTIONS))('with the options of the view %s', (view, options) => {
  test('every host, variable and group is that of the plugin, but for what is allowed', async () => {
    const there = await byPlugin(options)
    const hosts = expected(there, options, used)
    const also = view === 'selected' ? [] : ALLOWED.flatMap(({ also: more = [] }) => more)
    for (const here of await byBridge(view)) {
      const mine = Object.keys(here._meta.hostvars)
      const extra = mine.filter(host => !hosts.has(host))
      expect(extra.map(host => canonical(host))).toEqual(also)
      for (const [host, vars] of hosts) expect([host, here._meta.hostvars[host]]).toEqual([host, vars])

      const members = new Map(groupsOf(there).map(group => [group, membersOf(there, group)]))
      const alive = [...members].filter(([group, hosts]) => hosts.length > 0 || hostsOf(there, group).length === 0)
      expect(groupsOf(here)).toEqual(alive.map(([group]) => group))
      for (const [group, hosts] of alive) {
        expect([group, hostsOf(here, group).filter(host => !extra.includes(host))]).toEqual([group, hosts])
        const children = childrenOf(there, group).filter(child => child === 'ungrouped' || child in here)
        expect([group, childrenOf(here, group)]).toEqual([group, children])
      }
    }
  })
})

test('the base domain of the cluster is in the names, and one that is written down comes before it', async () => {
  const hostsIn = async (view: string): Promise<string> => {
    const { _meta } = (await bridge.api.get(`/api/v1/inventory/${view}`)) as Listed
    return Object.values(_meta.hostvars)
      .map(({ ansible_host }) => String(ansible_host))
      .join(' ')
  }
  expect(await hostsIn('own-dns')).toMatch(/vlan10\.\S+\.vm\.prod-1\.example\.org/)
  expect(await hostsIn('own-nodes')).toContain('node-1.prod-1.example.org')
  expect(await hostsIn('nodes')).toContain('node-1.example.com')
  expect(await hostsIn('nodes')).not.toContain('example.org')
})

test('with timestamps: true they are there too', async () => {
  await using started = await bridgeWith([['all', { timestamps: true }]])
  const hosts = expected(await byPlugin({}), { timestamps: true }, used)
  const [here] = await byBridge('all', started)
  for (const [host, vars] of hosts) expect([host, here._meta.hostvars[host]]).toEqual([host, vars])
  expect(here._meta.hostvars['shop-web-1']).toHaveProperty('vmi_resource_version')
})

test('with state: true our own words for who may be worked on are there too, and nothing else is', async () => {
  await using started = await bridgeWith([['told', { state: true }]])
  const hosts = expected(await byPlugin({}), {}, used)
  for (const here of await byBridge('told', started))
    for (const [host, vars] of hosts) {
      const { kubevirt_enabled, kubevirt_stale, kubevirt_stale_since, kubevirt_reachable_reason, ...rest } =
        here._meta.hostvars[host] ?? {}
      expect([host, rest]).toEqual([host, vars])
      expect([host, kubevirt_stale, kubevirt_stale_since]).toEqual([host, false, ''])
      expect([host, kubevirt_enabled]).toEqual([host, kubevirt_reachable_reason === ''])
    }
})

test('the whole inventory can be asked for in the format, and in no other', async () => {
  const of = async (path: string): Promise<Vars> => ((await bridge.api.get(path)) as Listed)._meta.hostvars
  const whole = await of('/api/v1/inventory?format=kubevirt.core')
  expect(whole).toEqual(await of('/api/v1/inventory/plain'))
  expect(Object.keys(await of('/api/v1/inventory'))).not.toContain('shop-web-1')
  await expect(of('/api/v1/inventory?format=foreman')).rejects.toThrow(
    'there is no format "foreman"; there are kubevirt.core',
  )
})

test('every difference that is allowed is one', () => {
  const shown = ALLOWED.filter(({ also, proof }) => also === undefined && proof === undefined)
  expect(shown.map(({ what }) => what).filter(what => !used.has(what))).toEqual([])
})

test('what a guest wrote is no template, and no password is told anywhere', async () => {
  const play = await fileIn(
    bridge.folder,
    'show.yml',
    `---
- name: Tell what the inventory says
  hosts: odd-hostile
  gather_facts: false
  connection: local
  tasks:
    - name: Show it
      ansible.builtin.debug:
        msg: "<{{ vmi_guest_os_info.prettyName }}|{{ ansible_host }}>"
`,
  )
  const env = {
    ...environment.env,
    VIRTBRIDGE_URL: bridge.url,
    VIRTBRIDGE_TOKEN: bridge.token,
    VIRTBRIDGE_VIEW: 'plain',
    ANSIBLE_COLLECTIONS_PATH: join(ROOT, 'inventory-plugin'),
  }
  const source = await fileIn(bridge.folder, 'new.virtbridge.yml', 'plugin: virtbridge.fleet.vms\n')
  const { stdout } = await runToEnd(join(environment.bin, 'ansible-playbook'), ['-i', source, play], { env })
  expect(stdout.replaceAll('\\"', '"')).toContain(`<${HOSTILE}|10.2.0.1>`)
  const [plugin, script] = await byBridge('plain')
  expect(JSON.stringify([plugin, script, await bridge.events()])).not.toContain('dummy-password')
})
