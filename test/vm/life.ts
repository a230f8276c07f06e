import * as fc from 'fast-check'
import type { VmiPart, VmPart } from '../../src/vm/index.ts'
import { HOLDS, Story, vm, vmi } from './story.ts'

/** Something that happens to the VM name, as its cluster could bring it about. */
export type Step =
  | { readonly do: 'create' | 'delete' | 'boot' | 'run' | 'end' | 'halt' | 'migrate' | 'agent' | 'pause' | 'restart' }
  | { readonly do: 'relabel' | 'readdress'; readonly value: number }
  | { readonly do: 'wait'; readonly ms: number }
  /** What happens until the next look is missed. */
  | { readonly do: 'gap'; readonly steps: readonly Step[] }

const plain: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constantFrom('create', 'delete', 'boot', 'run', 'end', 'halt', 'migrate', 'agent', 'pause', 'restart'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('relabel', 'readdress'), value: fc.nat(2) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait'),
      ms: fc.constantFrom(0, 1_000, HOLDS.reachable, HOLDS.stopped, HOLDS.unreachable),
    }),
  },
)
const later = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: plain },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('gap'), steps: fc.array(plain, { maxLength: 8 }) }) },
  ),
  { maxLength: 60, size: 'max' },
)
/** Begins with a VM that runs, so that what follows has something to happen to. */
const BEGIN: readonly Step[] = [
  { do: 'create' },
  { do: 'boot' },
  { do: 'run' },
  { do: 'agent' },
  { do: 'readdress', value: 1 },
]
export const steps: fc.Arbitrary<readonly Step[]> = later.map(all => [...BEGIN, ...all])

/** The cluster: what it would show. Uids are never used twice, a VMI only grows older. */
class Cluster {
  vm: VmPart | null = null
  vmi: VmiPart | null = null
  #made = 0

  happen(step: Step): void {
    const { vm: part, vmi: boot } = this
    const next = (kind: string): string => `${kind}-${(this.#made += 1)}`
    if (step.do === 'create') this.vm ??= vm({ uid: next('vm') })
    if (part === null) return
    if (step.do === 'delete') [this.vm, this.vmi] = [null, null]
    if (step.do === 'relabel') this.vm = { ...part, labels: { app: String(step.value) } }
    if (step.do === 'boot' && boot === null)
      this.vmi = vmi({ uid: next('boot'), owner: part.uid, phase: 'Scheduling', agentConnected: false, address: '' })
    if (boot === null) return
    if (step.do === 'halt') this.vmi = null
    if (step.do === 'end') this.vmi = { ...boot, phase: 'Succeeded' }
    if (step.do === 'run' && boot.phase === 'Scheduling') this.vmi = { ...boot, phase: 'Running' }
    if (boot.phase !== 'Running') return
    if (step.do === 'agent') this.vmi = { ...boot, agentConnected: !boot.agentConnected }
    if (step.do === 'pause') this.vmi = { ...boot, paused: !boot.paused }
    if (step.do === 'readdress')
      this.vmi = { ...boot, addresses: vmi({ address: step.value === 0 ? '' : `10.0.0.${step.value}` }).addresses }
    if (step.do === 'migrate')
      this.vmi = {
        ...boot,
        node: boot.node === 'node-1' ? 'node-2' : 'node-1',
        migrated: { uid: next('migration'), from: '', to: '' },
      }
  }
}

/** Plays the steps on an empty cluster, with a look after each but those a gap hides. */
export function played(all: readonly Step[], story = new Story()): Story {
  const cluster = new Cluster()
  const look = (origin: 'live' | 'sync'): unknown =>
    story.look(cluster.vm, cluster.vmi, { origin, gap: origin === 'sync' })
  for (const step of all) {
    if (step.do === 'gap') {
      for (const hidden of step.steps) {
        if (hidden.do === 'wait') story.now += hidden.ms
        else cluster.happen(hidden)
      }
      story.restart()
      look('sync')
    } else if (step.do === 'wait') story.wait(step.ms)
    else if (step.do === 'restart') story.restart()
    else {
      cluster.happen(step)
      look('live')
    }
  }
  return story
}
