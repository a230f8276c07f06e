import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startKubeApiserver } from '../../test/servers/kube-apiserver.ts'
import { kubevirtCore, type PythonEnvironment } from '../../test/servers/python-environment.ts'
import { run as runProgram } from '../../test/servers/run.ts'
import { fileIn, startBridge, temporaryFolder } from '../../test/support/bridge.ts'
import { shippedToken } from '../../test/support/shipped-rights.ts'
import { fill, type Size } from './objects.ts'

/** What one sync cost: seconds on the clock, seconds of the processor (the client's alone), and what it wrote. */
export interface Cost {
  readonly seconds: number
  readonly processor: number
  readonly bytes: number
  readonly hosts: number
}

/** The same fleet, listed as a controller lists it: by kubevirt.core, and by the bridge in its format and in each profile of our own. */
export interface Costs {
  readonly plugin: Cost
  readonly same: Cost
  readonly standard: Cost
  readonly slim: Cost
  readonly full: Cost
}

const CRDS = ['virtualmachines.kubevirt.io', 'virtualmachineinstances.kubevirt.io']
const ROOT = join(import.meta.dirname, '..', '..')
/** How long the bridge may take to read the cluster. */
const PATIENCE_MS = 600_000

const TIMER = `
import resource, subprocess, sys, time
began = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.monotonic() - began, used.ru_utime + used.ru_stime)
`

/** Lists that many VMs of one real API server in each way: the plugin once, the bridge `rounds` times, of which the best counts. */
export async function measure(size: Size, rounds: number, say: (line: string) => void): Promise<Costs> {
  await using stack = new AsyncDisposableStack()
  const api = stack.use(await startKubeApiserver({ crds: CRDS }))
  const environment = await kubevirtCore({ say })
  await fill(api.client, size, say)
  const folder = stack.use(await temporaryFolder())
  const token = await shippedToken(api, ['base', 'services-rbac'])
  await fileIn(folder.path, 'kubeconfig', api.kubeconfig('prod-1', token))
  const bridge = stack.use(
    await startBridge(folder.path, {
      clusters: [{ name: 'prod-1', kubeconfig: 'kubeconfig', context: 'prod-1' }],
      watch: { services: true },
      inventory: {
        views: [
          { name: 'old', format: 'kubevirt.core' },
          { name: 'slim', profile: 'slim' },
          { name: 'full', profile: 'full' },
        ],
      },
    }),
  )
  const hostsOf = async (): Promise<number> => {
    const document = (await bridge.api.get('/api/v1/inventory/old').catch(() => null)) as Listed | null
    return Object.keys(document?._meta.hostvars ?? {}).length
  }
  const deadline = performance.now() + PATIENCE_MS
  while ((await hostsOf()) < size.vms) {
    if (performance.now() > deadline) throw new Error('the bridge has not read the cluster')
    await sleep(500)
  }
  say('the bridge has read the cluster')

  const lister = { environment, folder: folder.path, url: bridge.url, token: bridge.token }
  const source = await fileIn(folder.path, 'bridge.virtbridge.yml', 'plugin: virtbridge.fleet.vms\n')
  const kubeconfig = await fileIn(folder.path, 'admin.kubeconfig', api.kubeconfig('admin', api.adminToken))
  const there = JSON.stringify({ plugin: 'kubevirt.core.kubevirt', kubeconfig })
  const old = await fileIn(folder.path, 'old.kubevirt.yml', there)
  const best = async (view: string): Promise<Cost> => {
    const costs: Cost[] = []
    for (let round = 0; round < rounds; round += 1) costs.push(await list(lister, source, view))
    return costs.reduce((least, cost) => (cost.seconds < least.seconds ? cost : least))
  }
  const [same, standard, slim, full] = [await best('old'), await best(''), await best('slim'), await best('full')]
  say('kubevirt.core lists the cluster')
  return { plugin: await list(lister, old, ''), same, standard, slim, full }
}

interface Listed {
  readonly _meta: { readonly hostvars: Readonly<Record<string, unknown>> }
}

interface Lister {
  readonly environment: PythonEnvironment
  readonly folder: string
  readonly url: string
  readonly token: string
}

/** As a controller does it (awx tasks/jobs.py): `--list --export`, into a file. */
async function list({ environment, folder, url, token }: Lister, source: string, view: string): Promise<Cost> {
  const output = join(folder, 'listed.json')
  await writeFile(output, '')
  const command = [join(environment.bin, 'ansible-inventory'), '-i', source, '--list', '--export', '--output', output]
  const printed = await runProgram(join(environment.bin, 'python'), ['-c', TIMER, ...command], {
    env: {
      ...environment.env,
      ANSIBLE_COLLECTIONS_PATH: join(ROOT, 'inventory-plugin'),
      ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
      VIRTBRIDGE_URL: url,
      VIRTBRIDGE_TOKEN: token,
      ...(view === '' ? {} : { VIRTBRIDGE_VIEW: view }),
    },
  })
  const [seconds = NaN, processor = NaN] = printed.split(' ').map(Number)
  const text = await readFile(output, 'utf8')
  const hosts = Object.keys((JSON.parse(text) as Listed)._meta.hostvars).length
  return { seconds, processor, bytes: text.length, hosts }
}
