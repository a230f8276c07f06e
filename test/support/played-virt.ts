import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeObject as Simulated } from '../../src/simulator/kube/object.ts'
import type { Resource } from '../../src/simulator/kube/resource.ts'
import {
  CLAIMS,
  DATA_VOLUMES,
  MIGRATIONS,
  RESTORES,
  SNAPSHOTS,
  VMIS,
  VMS,
  apiVersionOf,
} from '../../src/simulator/kube/resource.ts'
import type { Migration, Restore, Snapshot, Vm, Vmi } from '../../src/simulator/virt/objects.ts'
import { nextStep } from '../../src/simulator/virt/step.ts'
import { claimsOf } from '../../src/simulator/virt/storage.ts'
import type { View, Write } from '../../src/simulator/virt/view.ts'
import { nameKey } from '../../src/simulator/virt/virt.ts'
import type { KubeClient } from '../servers/kube-client.ts'

const PLAYED = [VMS, VMIS, MIGRATIONS, SNAPSHOTS, RESTORES, CLAIMS]
const LOOK_MS = 100
/** What the importer and the exporter of disks serve; the fixtures have no definitions of them. */
export const EXPORTS: Resource = {
  ...DATA_VOLUMES,
  group: 'export.kubevirt.io',
  plural: 'virtualmachineexports',
  kind: 'VirtualMachineExport',
}

/** Whose VMs, and how many times faster than KubeVirt. */
export interface PlayedVirtOptions {
  readonly namespace: string
  readonly speed: number
  /** Plays the importer and the exporter of disks too: the cluster serves DataVolumes and VirtualMachineExports. */
  readonly disks?: boolean
}

/**
 * The simulator's virt-controller over a real API server: what happens next it decides, and the API server has the last word on
 * every write. It looks again and again; what does not answer, or was written in between, is looked at the next time.
 */
export class PlayedVirt implements AsyncDisposable {
  readonly #client: KubeClient
  readonly #options: PlayedVirtOptions
  readonly #since = new Map<string, { readonly stage: string; readonly at: number }>()
  readonly #ended: Promise<void>
  #held: RegExp | null = null
  #over = false

  constructor(client: KubeClient, options: PlayedVirtOptions) {
    this.#client = client
    this.#options = options
    this.#ended = this.#play()
  }

  /** From now on no step is done whose stage is like this one; `null` lets all go on. */
  hold(stage: RegExp | null): void {
    this.#held = stage
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true
    await this.#ended
  }

  async #play(): Promise<void> {
    while (!this.#over) {
      // An API server that is away for a while is one of the faults that tests are about.
      await this.#look().catch(() => undefined)
      await sleep(LOOK_MS)
    }
  }

  async #look(): Promise<void> {
    if (this.#options.disks === true) await Promise.all([this.#import(), this.#export()])
    const lists = await Promise.all(PLAYED.map(async resource => [resource, await this.#list(resource)] as const))
    const objects = new Map(lists)
    const of = (resource: Resource): readonly Simulated[] => objects.get(resource) ?? []
    const keys = new Set([VMS, VMIS, SNAPSHOTS, RESTORES].flatMap(of).map(nameKey))
    for (const key of keys) {
      const view = viewOf(key, of)
      const step = nextStep(view, Date.now())
      if (step === null || this.#held?.test(step.stage) === true) continue
      const since = this.#since.get(key)
      const at = since?.stage === step.stage ? since.at : Date.now()
      this.#since.set(key, { stage: step.stage, at })
      if (Date.now() - at < step.delayMs / this.#options.speed) continue
      for (const write of step.writes) await this.#write(write)
    }
  }

  /** Disks are made of whatever they are to be made of as soon as somebody asks for them. */
  async #import(): Promise<void> {
    for (const disk of await this.#list(DATA_VOLUMES)) {
      const { name } = disk.metadata
      const { phase } = (disk.status ?? {}) as { phase?: string }
      if (phase === 'Succeeded' || this.#held?.test(`import ${name}`) === true) continue
      const status = { phase: 'Succeeded', progress: '100.0%' }
      await this.#client.patch(`${this.#path(DATA_VOLUMES)}/${name}/status`, { status })
    }
  }

  /** What is to be exported is served at once, at an address that nobody answers at. */
  async #export(): Promise<void> {
    for (const asked of await this.#list(EXPORTS)) {
      const { name } = asked.metadata
      if (asked.status !== undefined || this.#held?.test(`export ${name}`) === true) continue
      const formats = ['raw', 'gzip'].map(format => ({ format, url: `https://192.0.2.1/${name}/disk.${format}` }))
      const links = { external: { cert: 'authority of exports', volumes: [{ name: 'rootdisk', formats }] } }
      await this.#client.patch(`${this.#path(EXPORTS)}/${name}/status`, { status: { phase: 'Ready', links } })
    }
  }

  async #list(resource: Resource): Promise<readonly Simulated[]> {
    const { items } = await this.#client.get<{ items: Simulated[] }>(this.#path(resource))
    // Lists of built-in kinds leave out what each of them is.
    return items.map(item => ({ ...item, apiVersion: apiVersionOf(resource), kind: resource.kind }))
  }

  async #write(write: Write): Promise<void> {
    const all = this.#path(write.resource)
    if (write.kind === 'create') {
      const { apiVersion, kind } = { apiVersion: apiVersionOf(write.resource), kind: write.resource.kind }
      await this.#client.request('POST', all, { body: { ...write.draft, apiVersion, kind } })
      return
    }
    const path = `${all}/${write.object.metadata.name}`
    if (write.kind === 'update') {
      const part = write.part === 'status' && write.resource.statusSubresource ? '/status' : ''
      await this.#client.request('PUT', `${path}${part}`, { body: write.object })
      return
    }
    await this.#client.request('DELETE', path, { body: { preconditions: { uid: write.object.metadata.uid } } })
    // Nobody here says that a claim is no longer in use.
    if (write.resource === CLAIMS) await letClaimGo(this.#client, path)
  }

  #path(resource: Resource): string {
    const group = resource.group === '' ? `/api/${resource.version}` : `/apis/${apiVersionOf(resource)}`
    return `${group}/namespaces/${this.#options.namespace}/${resource.plural}`
  }
}

/** Takes the protection of a claim that is to go away, as the controller for it would. */
export async function letClaimGo(client: KubeClient, path: string): Promise<void> {
  const body = { metadata: { finalizers: null } }
  await client.request('PATCH', path, { body, contentType: 'application/merge-patch+json' })
}

function viewOf(key: string, of: (resource: Resource) => readonly Simulated[]): View {
  const about = (resource: Resource): readonly Simulated[] =>
    of(resource)
      .filter(object => nameKey(object) === key)
      .sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))
  const vm = (about(VMS)[0] ?? null) as Vm | null
  const disks = vm === null ? [] : claimsOf(vm)
  return {
    vm,
    vmi: (about(VMIS)[0] ?? null) as Vmi | null,
    migrations: about(MIGRATIONS) as readonly Migration[],
    claims: of(CLAIMS).filter(({ metadata }) => disks.includes(metadata.name)),
    snapshots: about(SNAPSHOTS) as readonly Snapshot[],
    restores: about(RESTORES) as readonly Restore[],
    cluster: 'prod-1',
    nodes: ['n1', 'n2'],
    seed: 'plays',
  }
}
