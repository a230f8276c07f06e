import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type KubeApiserver, startKubeApiserver } from '../servers/kube-apiserver.ts'
import { ansible, type PythonEnvironment } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'
import { type Bridge, fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'
import { shippedToken } from '../support/shipped-rights.ts'
import { VirtController } from '../support/virt.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SOURCE = join(ROOT, 'inventory-plugin', 'examples', 'fleet.virtbridge.yml')
const SCRIPT = join(ROOT, 'inventory-plugin', 'virtbridge-inventory')
const HOSTILE = '{{ 6 * 7 }}'

let stack: AsyncDisposableStack
let api: KubeApiserver
let environment: PythonEnvironment
let bridge: Bridge

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  api = stack.use(
    await startKubeApiserver({ crds: ['virtualmachines.kubevirt.io', 'virtualmachineinstances.kubevirt.io'] }),
  )
  environment = await ansible()
  const folder = stack.use(await temporaryFolder())
  await fileIn(folder.path, 'kubeconfig', api.kubeconfig('prod-1', await shippedToken(api)))
  const virt = new VirtController(api.client)
  await virt.createNamespace('shop')
  const web = await virt.createVm('shop', 'web-1', { app: 'web' })
  await virt.boot(web)
  await virt.connectAgent(web, '10.0.0.7')
  const odd = await virt.createVm('shop', 'odd-1')
  await virt.boot(odd)
  await virt.connectAgent(odd, '10.0.0.8', HOSTILE)
  await virt.createVm('shop', 'off-1')
  bridge = stack.use(
    await startBridge(folder.path, {
      clusters: [{ name: 'prod-1', kubeconfig: 'kubeconfig', context: 'prod-1' }],
      inventory: { views: [{ name: 'full', profile: 'full' }] },
    }),
  )
  await vi.waitUntil(async () => (await bridge.api.get('/api/v1/inventory').catch(() => null)) !== null, {
    timeout: 60_000,
  })
})
afterAll(() => stack.disposeAsync())

async function run(program: string, ...args: string[]): Promise<string> {
  const env = {
    ...environment.env,
    VIRTBRIDGE_URL: bridge.url,
    VIRTBRIDGE_TOKEN: bridge.token,
    VIRTBRIDGE_VIEW: 'full',
    ANSIBLE_COLLECTIONS_PATH: join(ROOT, 'inventory-plugin'),
    ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
  }
  const { status, stdout, stderr } = await runToEnd(program, args, { env })
  expect(status, `${stdout}\n${stderr}`).toBe(0)
  return stdout
}

test('ansible-inventory shows the hosts of the bridge in their groups, by plugin and by script', async () => {
  const graph = await run(join(environment.bin, 'ansible-inventory'), '-i', SOURCE, '--graph')
  expect(graph).toContain('@cluster_prod_1:')
  expect(graph).toContain('@os_linux:')
  for (const host of ['web-1', 'odd-1', 'off-1']) expect(graph).toContain(`|--${host}.shop.prod-1`)

  const byScript = await run(join(environment.bin, 'ansible-inventory'), '-i', SCRIPT, '--graph')
  expect(byScript.split('\n').sort()).toEqual(graph.split('\n').sort())
})

test('a playbook sees plain addresses, and what a guest wrote stays what it wrote', async () => {
  const play = await fileIn(
    bridge.folder,
    'show.yml',
    `---
- name: Tell what the inventory says
  hosts: os_linux
  gather_facts: false
  connection: local
  tasks:
    - name: Show it
      ansible.builtin.debug:
        msg: "<{{ inventory_hostname }}|{{ ansible_host }}|{{ kubevirt_os.name }}|{{ kubevirt_enabled }}>"
`,
  )
  for (const source of [SOURCE, SCRIPT]) {
    const said = await run(join(environment.bin, 'ansible-playbook'), '-i', source, play)
    expect(said).toContain('<web-1.shop.prod-1|10.0.0.7|Red Hat Enterprise Linux|True>')
    expect(said).toContain(`<odd-1.shop.prod-1|10.0.0.8|${HOSTILE}|True>`)
    // Without an address of its own Ansible falls back to the name; the host is disabled.
    expect(said).toContain('<off-1.shop.prod-1|off-1.shop.prod-1||False>')
  }
})
