import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  approachOf,
  KUBEVIRT_CORE_DEFAULTS,
  kubevirtCoreRendering,
  ownRendering,
  type View,
} from '../../src/inventory/index.ts'
import { USUAL_CONNECTION } from '../../src/inventory/connection.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { documentsOf } from '../inventory/documents.ts'
import { hostileRecord, LABELS } from '../inventory/hostile-vm.ts'
import { ansible, OLDER_CORES, olderAnsible, type PythonEnvironment } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { type InventoryServer, startInventoryServer, token } from './ansible-inventory-server.ts'
import { type Outcome, readAll } from './inventory-driver.ts'

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const HOSTS = Number(process.env['HOSTS'] ?? 300)
const NOW = Date.UTC(2026, 10, 21)
const COLLECTIONS = join(import.meta.dirname, '..', '..', 'inventory-plugin')

const GROUPS = { builtin: true, labels: LABELS, maxPerLabel: 2000 }
const THROUGH_THE_API = approachOf({
  connection: { ...USUAL_CONNECTION, linux: { ...USUAL_CONNECTION.linux, via: 'port_forward', user: 'cloud-user' } },
  variables: [{ label: 'app', variable: 'ansible_user' }],
})
const COMPATIBLE = { ...KUBEVIRT_CORE_DEFAULTS, create_groups: true }
/** Every way to show a VM. */
const VIEWS: readonly View[] = [
  ...(['slim', 'standard', 'full'] as const).map(profile => viewOfAll(profile, GROUPS, profile)),
  {
    ...viewOfAll('through-the-api', GROUPS),
    rendering: ownRendering('standard', GROUPS, { approach: THROUGH_THE_API }),
  },
  {
    ...viewOfAll('compatible', GROUPS),
    rendering: kubevirtCoreRendering(COMPATIBLE),
  },
]

type Vars = Readonly<Record<string, unknown>>
interface Body {
  readonly _meta: { readonly hostvars: Readonly<Record<string, Vars>> }
  readonly [group: string]: unknown
}

const stack = new AsyncDisposableStack()
const bodies = new Map<string, Body>()
let folder: string
let bridge: InventoryServer

beforeAll(async () => {
  console.log(`SEED=${SEED} HOSTS=${HOSTS}`)
  const records = fc.sample(hostileRecord, { numRuns: HOSTS, seed: SEED })
  // Each has a name of its own, as odd as it was.
  const named = records.map((one, index) => ({ ...one, name: `${one.name}${index}` }))
  for (const [view, text] of documentsOf(named, { views: VIEWS, labels: LABELS, now: NOW }))
    bodies.set(view, JSON.parse(text) as Body)
  folder = stack.use(await temporaryFolder()).path
  bridge = stack.use(await startInventoryServer({}))
  bridge.answer(response => {
    const view = bridge.requests.at(-1)?.path.split('/').at(-1) ?? ''
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(bodies.get(view)))
  })
})
afterAll(() => stack.disposeAsync())

/** The hosts of each group that has some. */
function membersOf(groups: Outcome['groups'] | Body): Readonly<Record<string, readonly string[]>> {
  const pairs = Object.entries(groups).flatMap(([name, group]) => {
    const { hosts = [] } = group as { hosts?: readonly string[] }
    return name === '_meta' || hosts.length === 0 ? [] : [[name, [...hosts].sort()] as const]
  })
  return Object.fromEntries(pairs)
}

const VERSIONS: readonly [string, () => Promise<PythonEnvironment>][] = [
  ...OLDER_CORES.map((version): [string, () => Promise<PythonEnvironment>] => [version, () => olderAnsible(version)]),
  ['2.19', () => ansible()],
]

describe.each(VERSIONS)('whatever VMs hold, ansible-core %s', (_, environmentOf) => {
  test('has each host with the values that the bridge gave it, and no text of a VM that it would render', async () => {
    const environment = await environmentOf()
    const readings = VIEWS.map(({ name }) => ({ options: { view: name } }))
    const outcomes = await readAll(environment, bridge, folder, readings)
    for (const [index, { name }] of VIEWS.entries()) {
      const [outcome, body] = [outcomes[index], bodies.get(name)]
      const told = `view ${name}, SEED=${SEED} HOSTS=${HOSTS}`
      expect(outcome?.error, told).toBeNull()
      expect(Object.keys(outcome?.hosts ?? {}).length, told).toBeGreaterThan(HOSTS / 4)
      expect(outcome?.hosts, told).toEqual(body?._meta.hostvars)
      expect(membersOf(outcome?.groups ?? {}), told).toEqual(membersOf(body ?? {}))
    }
  })

  test('lists and exports them, through the plugin and the script', async () => {
    const environment = await environmentOf()
    const view = 'full'
    const source = join(folder, 'list.virtbridge.yml')
    await writeFile(source, 'plugin: virtbridge.fleet.vms\n')
    for (const from of [source, resolve(COLLECTIONS, 'virtbridge-inventory')]) {
      const output = join(folder, 'out.json')
      const args = ['-i', from, '--list', '--export', '--output', output]
      const { status, stdout, stderr } = await runToEnd('ansible-inventory', args, {
        env: {
          ...environment.env,
          ANSIBLE_COLLECTIONS_PATH: COLLECTIONS,
          ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
          PYTHONDONTWRITEBYTECODE: '1',
          VIRTBRIDGE_URL: bridge.url,
          VIRTBRIDGE_TOKEN: token,
          VIRTBRIDGE_VIEW: view,
        },
      })
      const told = `${from}, SEED=${SEED} HOSTS=${HOSTS}\n${stdout}\n${stderr}`
      expect(status, told).toBe(0)
      expect(stderr, told).not.toContain('ignored')
      const { _meta: meta } = JSON.parse(await readFile(output, 'utf8')) as Body
      expect(meta.hostvars, told).toEqual(bodies.get(view)?._meta.hostvars)
    }
  })
})
