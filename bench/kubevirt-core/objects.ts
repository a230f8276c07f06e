import type { KubeClient } from '../../test/servers/kube-client.ts'
import { listOf } from '../watch/objects.ts'

/** How many of what. */
export interface Size {
  readonly vms: number
  readonly namespaces: number
}

/** Requests at once; the client has as many connections. */
const AT_ONCE = 8
const KUBEVIRT = '/apis/kubevirt.io/v1/namespaces'

/**
 * Writes that many VMs onto a real API server: nine of ten run and have a VMI, one of ten has a Service of type NodePort. `say` is told
 * how far it is.
 */
export async function fill(client: KubeClient, { vms, namespaces }: Size, say: (line: string) => void): Promise<void> {
  await each(namespaces, async number => {
    const metadata = { name: namespaceOf(number, namespaces) }
    await client.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata })
  })
  let done = 0
  const step = Math.max(1, Math.floor(vms / 10))
  await each(vms, async number => {
    await make(client, number, namespaceOf(number, namespaces))
    done += 1
    if (done % step === 0) say(`${done} of ${vms} VMs are on the API server`)
  })
}

function namespaceOf(number: number, namespaces: number): string {
  return `team-${number % namespaces}`
}

async function make(client: KubeClient, number: number, namespace: string): Promise<void> {
  const name = `vm-${number}`
  const path = `${KUBEVIRT}/${namespace}`
  const runs = number % 10 !== 0
  const vm = like('virtualmachines', number)
  const { metadata } = await client.create<{ metadata: { uid: string } }>(`${path}/virtualmachines`, {
    ...vm,
    metadata: { namespace, name, labels: vm.metadata['labels'], annotations: vm.metadata['annotations'] },
    spec: { ...vm.spec, runStrategy: runs ? 'Always' : 'Halted' },
  })
  const printableStatus = runs ? 'Running' : 'Stopped'
  await client.patch(`${path}/virtualmachines/${name}/status`, { status: { ...vm.status, printableStatus } })
  if (!runs) return
  const vmi = like('virtualmachineinstances', number)
  const owner = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name, uid: metadata.uid, controller: true }
  const { labels, annotations } = vmi.metadata
  await client.create(`${path}/virtualmachineinstances`, {
    ...vmi,
    metadata: { namespace, name, labels, annotations, ownerReferences: [owner] },
    status: { ...vmi.status, interfaces: vmi.status.interfaces?.map(nic => ({ ...nic, ...addressOf(number) })) },
  })
  if (number % 10 === 1) await serve(client, namespace, name)
}

interface Like {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly spec: object
  readonly status: { readonly interfaces?: readonly object[] }
}

/** An object as OpenShift has it; who set which of its fields is for the API server to say. */
function like(plural: string, number: number): Like {
  return JSON.parse(listOf(plural, number, number + 1)) as Like
}

/** No two alike. */
function addressOf(number: number): object {
  const ipAddress = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
  return { ipAddress, ipAddresses: [ipAddress, 'fe80::5054:ff:fe00:1'] }
}

async function serve(client: KubeClient, namespace: string, name: string): Promise<void> {
  const spec = { type: 'NodePort', selector: { 'kubevirt.io/domain': name }, ports: [{ port: 22, targetPort: 22 }] }
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec }
  await client.create(`/api/v1/namespaces/${namespace}/services`, service)
}

/** Does it for each number below `count`, so many at once. */
async function each(count: number, act: (number: number) => Promise<void>): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) {
      const number = next
      next += 1
      await act(number)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}
