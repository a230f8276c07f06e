import { readFileSync } from 'node:fs'
import { type Circumstance, type Deed, projectVm, projectVmi } from '../../src/vm/index.ts'
import { Story } from './story.ts'

/** Laid over an object: what is null goes. */
export type Patch = Readonly<Record<string, unknown>>

/** An object as a cluster sent it once. */
export function fixture(name: string): Patch {
  const file = new URL(`../fixtures/kubernetes/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as Patch
}

/** The object with a patch laid over it. */
export function laid(object: Patch, patch: Patch): Patch {
  const entries = Object.entries(patch).map(([key, value]) => {
    const before = object[key]
    const both = isDict(before) && isDict(value)
    return [key, both ? laid(before, value) : value] as const
  })
  return Object.fromEntries(
    Object.entries({ ...object, ...Object.fromEntries(entries) }).filter(([, value]) => value !== null),
  )
}

function isDict(value: unknown): value is Patch {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export const UID = '42634581-0cc1-4aa9-bec6-69f59049e2d3'
export const NAME = { name: 'centos7-gray-owl-35', namespace: 'openshift-cnv' }
export const AGENT = {
  type: 'AgentConnected',
  status: 'True',
  lastProbeTime: '2026-01-01T00:00:00Z',
  lastTransitionTime: null,
}
export const READY = { type: 'Ready', status: 'True' }
export const AT = '2026-01-01T00:00:00Z'
export const LATER = '2026-01-01T00:03:00Z'

/** The recorded VM and its recorded VMI, which runs with an agent, changed as a test says. */
export class Recording extends Story {
  #vm = laid(fixture('virtualmachine'), { metadata: { ...NAME, uid: UID }, spec: { runStrategy: 'Always' } })
  #vmi: Patch | null = laid(fixture('virtualmachineinstance'), {
    status: { conditions: [READY, AGENT], phaseTransitionTimestamps: stamps('Pending', 'Scheduling', 'Running') },
  })

  /** Both as they are now. */
  see(how: Partial<Circumstance> = {}): this {
    return this.look(projectVm(this.#vm), this.#vmi === null ? null : projectVmi(this.#vmi), how)
  }

  /** Both, and what is done to the VM by an object of its own, which can be read from the beginning. */
  done(project: (object: unknown) => Deed, object: Patch): this {
    const deed = project(object)
    const ended = (this.deeds[deed.kind] ?? []).filter(({ uid }) => uid !== deed.uid)
    return this.with({ deeds: { [deed.kind]: deed.outcome === '' ? ended : [...ended, deed] } }).see()
  }

  vm(patch: Patch): this {
    this.#vm = laid(this.#vm, patch)
    return this
  }

  vmi(patch: Patch | null): this {
    this.#vmi = patch === null ? null : laid(this.#vmi ?? {}, patch)
    return this
  }

  /** Told since it was reachable. */
  get since(): string {
    return this.told.slice(3).join(' ')
  }
}

/** Phases it went through, all in one second. */
export function stamps(...phases: readonly string[]): readonly object[] {
  return phases.map(phase => ({ phase, phaseTransitionTimestamp: AT }))
}
