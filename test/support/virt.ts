import { randomUUID } from 'node:crypto'
import type { KubeClient } from '../servers/kube-client.ts'

const VMS = '/apis/kubevirt.io/v1/namespaces'

export interface Made {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** Plays virt-controller against a real API server: writes the objects and statuses that KubeVirt would. */
export class VirtController {
  readonly #client: KubeClient

  constructor(client: KubeClient) {
    this.#client = client
  }

  async createNamespace(name: string): Promise<void> {
    await this.#client.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }

  /** A namespace that was not there: with this name, or `name-2` and on when a first try of the test left that. Gives its name. */
  async freshNamespace(name: string): Promise<string> {
    for (let n = 1; ; n += 1) {
      const unused = n === 1 ? name : `${name}-${n}`
      const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: unused } }
      const { status } = await this.#client.request('POST', '/api/v1/namespaces', { body: namespace })
      if (status === 201) return unused
      if (status !== 409) throw new Error(`the namespace ${unused} can not be made: ${status}`)
    }
  }

  async createVm(namespace: string, name: string, labels: Record<string, string> = {}): Promise<Made> {
    const vm = await this.#client.create<{ metadata: { uid: string } }>(`${VMS}/${namespace}/virtualmachines`, {
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachine',
      metadata: { name, namespace, labels },
      spec: {
        runStrategy: 'Always',
        template: {
          metadata: { annotations: { 'vm.kubevirt.io/os': 'rhel9' } },
          spec: {
            domain: { devices: {} },
            networks: [{ name: 'default', pod: {} }],
            volumes: [
              { name: 'cloudinit', cloudInitNoCloud: { userData: '#cloud-config\npassword: never-to-be-seen' } },
            ],
          },
        },
      },
    })
    return { namespace, name, uid: vm.metadata.uid }
  }

  /** A VMI that runs on `node`, without an agent yet. Gives its uid. */
  async boot(vm: Made, node = 'node-1'): Promise<string> {
    const vmi = await this.#client.create<{ metadata: { uid: string } }>(
      `${VMS}/${vm.namespace}/virtualmachineinstances`,
      {
        apiVersion: 'kubevirt.io/v1',
        kind: 'VirtualMachineInstance',
        metadata: {
          name: vm.name,
          namespace: vm.namespace,
          ownerReferences: [
            { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name: vm.name, uid: vm.uid, controller: true },
          ],
        },
        spec: { domain: { devices: {}, firmware: { uuid: randomUUID() } }, networks: [{ name: 'default', pod: {} }] },
        status: { phase: 'Running', nodeName: node },
      },
    )
    await this.#status(vm, { printableStatus: 'Running', created: true, ready: true })
    return vmi.metadata.uid
  }

  /** The guest agent connects and tells OS and address. */
  async connectAgent(vm: Made, address: string, os = 'Red Hat Enterprise Linux'): Promise<void> {
    await this.#vmi(vm, {
      status: {
        conditions: [
          { type: 'AgentConnected', status: 'True', lastProbeTime: new Date().toISOString(), lastTransitionTime: null },
        ],
        guestOSInfo: { id: 'rhel', name: os, versionId: '9.4', prettyName: os },
        interfaces: [
          {
            name: 'default',
            interfaceName: 'eth0',
            ipAddress: address,
            ipAddresses: [address],
            infoSource: 'domain, guest-agent',
          },
        ],
      },
    })
  }

  async migrate(vm: Made, node: string): Promise<void> {
    const at = new Date().toISOString()
    await this.#vmi(vm, {
      status: {
        nodeName: node,
        migrationState: {
          migrationUid: randomUUID(),
          startTimestamp: at,
          endTimestamp: at,
          completed: true,
          targetNode: node,
        },
      },
    })
  }

  async label(vm: Made, labels: Record<string, string>): Promise<void> {
    await this.#client.patch(`${VMS}/${vm.namespace}/virtualmachines/${vm.name}`, { metadata: { labels } })
  }

  async stop(vm: Made): Promise<void> {
    await this.#client.request('DELETE', `${VMS}/${vm.namespace}/virtualmachineinstances/${vm.name}`)
    await this.#status(vm, { printableStatus: 'Stopped', created: false, ready: false })
  }

  async delete(vm: Made): Promise<void> {
    await this.#client.request('DELETE', `${VMS}/${vm.namespace}/virtualmachines/${vm.name}`)
  }

  async #vmi(vm: Made, patch: object): Promise<void> {
    await this.#client.patch(`${VMS}/${vm.namespace}/virtualmachineinstances/${vm.name}`, patch)
  }

  async #status(vm: Made, status: object): Promise<void> {
    await this.#client.patch(`${VMS}/${vm.namespace}/virtualmachines/${vm.name}/status`, { status })
  }
}
