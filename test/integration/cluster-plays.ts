import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DATA_VOLUMES, type Resource } from '../../src/simulator/kube/resource.ts'
import { AGENT_ANNOTATION } from '../../src/simulator/virt/guest.ts'
import type { Played } from '../guests/stage.ts'
import { startKubeApiserver, type KubeApiserver } from '../servers/kube-apiserver.ts'
import type { KubeObject } from '../servers/kube-client.ts'
import { playLocally } from '../support/local-play.ts'
import { EXPORTS, PlayedVirt } from '../support/played-virt.ts'
import { shipped } from '../support/shipped-rights.ts'

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
export const NAMESPACE = 'shop'
export const ACCOUNT = { namespace: 'virtbridge-day2', name: 'virtbridge-day2' }

/** What a play is asked for, as a controller launches it. */
export interface AskedOfCluster {
  /** Names of VMs, which are the hosts. */
  readonly on: readonly string[]
  readonly run?: string
  readonly vars?: Record<string, unknown>
  readonly check?: boolean
  /** What the inventory says of every host beside which VM it is. */
  readonly hostvars?: Record<string, unknown>
  /** What it says of single ones, by the name of the VM. */
  readonly per?: Record<string, Record<string, unknown>>
  /** The job's environment beside the cluster's access. */
  readonly env?: Record<string, string>
}

/** A real API server with VMs on it, the simulator as virt-controller, and plays with exactly the rights that are shipped. */
export class ClusterPlays implements AsyncDisposable {
  readonly api: KubeApiserver
  /** What a test may write into; gone with the rest. */
  get folder(): string {
    return this.#folder
  }
  readonly virt: PlayedVirt
  readonly #folder: string
  readonly #env: Readonly<Record<string, string>>
  #named = 0
  /** What the inventory says is the uid of each VM: as it was when it was made. */
  readonly #uids = new Map<string, string>()

  private constructor(at: { api: KubeApiserver; virt: PlayedVirt; folder: string; env: Record<string, string> }) {
    this.api = at.api
    this.virt = at.virt
    this.#folder = at.folder
    this.#env = at.env
  }

  /** `parts` are the files of `deploy/kubernetes/day2-rbac` whose rights the plays have, beside `look`. */
  static async start(parts: readonly string[]): Promise<ClusterPlays> {
    const folder = await mkdtemp(join(tmpdir(), 'virtbridge-cluster-plays-'))
    const api = await startKubeApiserver({ crds: 'all' })
    const names = ['look', ...parts].map(part => `virtbridge-day2-${part}`)
    for (const object of await shipped('day2-rbac')) {
      const kind = `${object.kind.toLowerCase()}s`
      if (object.kind.startsWith('ClusterRole') && names.includes(object.metadata.name))
        await api.client.apply(`${RBAC}/${kind}/${object.metadata.name}`, object)
    }
    await api.client.create('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: NAMESPACE },
    })
    const token = await api.createServiceAccountToken(ACCOUNT.namespace, ACCOUNT.name)
    const kubeconfig = join(folder, 'kubeconfig')
    await writeFile(kubeconfig, api.kubeconfig('prod-1', token), { mode: 0o600 })
    const disks = parts.includes('repave')
    if (disks) for (const resource of [DATA_VOLUMES, EXPORTS]) await define(api, resource)
    const virt = new PlayedVirt(api.client, { namespace: NAMESPACE, speed: 20, disks })
    return new ClusterPlays({ api, virt, folder, env: { K8S_AUTH_KUBECONFIG: kubeconfig } })
  }

  /** Makes a VM with a disk, and waits until it runs as it is to; one that is called mute has no guest agent. */
  async createVm(name: string, run: HowToRun = { runStrategy: 'Always' }): Promise<KubeObject> {
    const vm = await this.api.client.create(vms(), vmOf(name, run))
    this.#uids.set(name, String(vm.metadata.uid))
    const wanted = 'runStrategy' in run && run.runStrategy === 'Halted' ? 'Stopped' : 'Running'
    await this.until(async () => (await this.vm(name)).status.printableStatus === wanted, `${name} is ${wanted}`)
    return vm
  }

  /** A name that nothing has had here: with it the second try of a test meets nothing that the first one left. */
  fresh(name: string): string {
    this.#named += 1
    return `${name}-n${this.#named}`
  }

  /** A VM of the same name, once the one before it is gone; the inventory does not know yet. */
  async recreateVm(name: string): Promise<void> {
    await this.until(async () => (await this.api.client.request('GET', vms(name))).status === 404, `${name} is gone`)
    await this.api.client.create(vms(), vmOf(name, { runStrategy: 'Halted' }))
  }

  vm(name: string): Promise<VmOfCluster> {
    return this.api.client.get<VmOfCluster>(vms(name))
  }

  snapshot(name: string): Promise<KubeObject> {
    return this.api.client.get(snapshots(name))
  }

  /** The environment of a job whose credential is for one cluster, with a token that may do nothing. */
  async strangerEnv(): Promise<Record<string, string>> {
    const ca = join(this.#folder, 'ca.pem')
    await writeFile(ca, this.api.ca)
    const token = await this.api.createServiceAccountToken('virtbridge-day2', 'stranger')
    return { K8S_AUTH_KUBECONFIG: '', K8S_AUTH_HOST: this.api.url, K8S_AUTH_API_KEY: token, K8S_AUTH_SSL_CA_CERT: ca }
  }

  /** Waits until it holds, for five minutes at most. */
  async until(holds: () => Promise<boolean>, what: string): Promise<void> {
    const deadline = performance.now() + 300_000
    while (!(await holds().catch(() => false))) {
      if (performance.now() > deadline) throw new Error(`not so after five minutes: ${what}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  async play(verb: string, asked: AskedOfCluster): Promise<Played> {
    const { on, hostvars, per, run, vars, check, env } = asked
    const hosts = on.map(name => [
      hostOf(name),
      {
        kubevirt_cluster: 'prod-1',
        kubevirt_namespace: NAMESPACE,
        kubevirt_name: { __ansible_unsafe: name },
        kubevirt_uid: this.#uids.get(name) ?? 'no-such-uid',
        ...hostvars,
        ...per?.[name],
      },
    ])
    return playLocally(verb, {
      hosts: Object.fromEntries(hosts) as Record<string, Record<string, unknown>>,
      ...(run === undefined ? {} : { run }),
      ...(vars === undefined ? {} : { vars }),
      ...(check === undefined ? {} : { check }),
      env: { ...this.#env, ...env },
    })
  }

  /** A play of a verb with this, in check mode or for real. */
  asking(asked: AskedOfCluster): (verb: string, check: boolean) => Promise<Played> {
    return (verb, check) => this.play(verb, { ...asked, check })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.virt[Symbol.asyncDispose]()
    await this.api[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true })
  }
}

export type HowToRun = { runStrategy: string } | { running: boolean }

export type VmOfCluster = KubeObject & {
  spec: {
    runStrategy?: string
    running?: boolean
    template: { spec: { volumes: { name: string; dataVolume?: { name: string } }[] } }
  }
  status: { printableStatus?: string }
}

export function hostOf(name: string): string {
  return `${name}.${NAMESPACE}.prod-1`
}

export function vms(name = ''): string {
  return `/apis/kubevirt.io/v1/namespaces/${NAMESPACE}/virtualmachines${name === '' ? '' : `/${name}`}`
}

export function snapshots(name = ''): string {
  const all = `/apis/snapshot.kubevirt.io/v1beta1/namespaces/${NAMESPACE}/virtualmachinesnapshots`
  return name === '' ? all : `${all}/${name}`
}

export function restores(name = ''): string {
  return snapshots(name).replace('virtualmachinesnapshots', 'virtualmachinerestores')
}

function vmOf(name: string, run: HowToRun): unknown {
  const disk = `${name}-root`
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      ...run,
      dataVolumeTemplates: [{ metadata: { name: disk }, spec: { storage: {} } }],
      template: {
        metadata: {
          annotations: {
            'vm.kubevirt.io/os': 'rhel9',
            ...(name.startsWith('mute') ? { [AGENT_ANNOTATION]: 'none' } : {}),
          },
        },
        spec: {
          domain: { devices: { disks: [{ name: 'rootdisk', disk: { bus: 'virtio' } }] } },
          networks: [{ name: 'default', pod: {} }],
          volumes: [
            { name: 'rootdisk', dataVolume: { name: disk } },
            { name: 'cloudinit', cloudInitNoCloud: { userData: '#cloud-config\npassword: never-to-be-seen' } },
          ],
        },
      },
    },
  }
}

/** A kind that the fixtures have no definition of; no schema is checked of it. */
async function define(api: KubeApiserver, { group, version, plural, kind }: Resource): Promise<void> {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  await api.client.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      scope: 'Namespaced',
      versions: [{ name: version, served: true, storage: true, schema, subresources: { status: {} } }],
    },
  })
  const deadline = performance.now() + 300_000
  while ((await api.client.request('GET', `/apis/${group}/${version}/${plural}`)).status !== 200) {
    if (performance.now() > deadline) throw new Error(`${plural} are not served after five minutes`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
