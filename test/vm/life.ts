import * as fc from 'fast-check'
import type { Deed, DeedKind, Guests, Rival, VmiPart, VmPart, VmRecord } from '../../src/vm/index.ts'
import { deed, HOLDS, Story, vm, vmi } from './story.ts'

const HOUR = 3_600_000
const WORDS = [
  'create',
  'delete',
  'boot',
  'run',
  'end',
  'crash',
  'halt',
  'migrate',
  'agent',
  'pause',
  'restart',
] as const
const MORE = ['fail', 'requireRestart', 'refuse', 'leave', 'twin'] as const
const KINDS = ['snapshot', 'restore', 'migration', 'import'] as const

/** Something that happens to the VM name, as its cluster could bring it about. */
export type Step =
  | { readonly do: (typeof WORDS)[number] | (typeof MORE)[number] }
  /** `contest`: another VM has the better claim to its address; 0: none has. */
  | { readonly do: 'relabel' | 'readdress' | 'upgrade' | 'swapDisk' | 'hinder' | 'contest'; readonly value: number }
  | { readonly do: 'wait'; readonly ms: number }
  /** Somebody sets the clock. */
  | { readonly do: 'jump'; readonly ms: number }
  /** A deed ends; with `again` the last one that failed ends well after all. */
  | { readonly do: 'finish'; readonly kind: (typeof KINDS)[number]; readonly well: boolean }
  /** A kind of deed, or the claims, can (not) be read from now on. */
  | { readonly do: 'know'; readonly kind: (typeof KINDS)[number] | 'claims' }
  /** What happens until the next look is missed. */
  | { readonly do: 'gap'; readonly steps: readonly Step[] }

const plain: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constantFrom(...WORDS) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom(...MORE) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('relabel', 'readdress', 'upgrade', 'swapDisk', 'hinder', 'contest'),
      value: fc.nat(2),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('finish'), kind: fc.constantFrom(...KINDS), well: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('know'), kind: fc.constantFrom(...KINDS, 'claims') }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait'),
      ms: fc.constantFrom(0, 1_000, HOLDS.reachable, HOLDS.stopped, HOLDS.unreachable),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('jump'), ms: fc.constantFrom(-HOUR, -HOLDS.reachable, -1, 1, HOUR) }),
  },
)
const later = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: plain },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('gap'), steps: fc.array(plain, { maxLength: 8 }) }) },
  ),
  { maxLength: 60, size: 'max' },
)
/** Begins with a VM that runs and of which all can be read, so that what follows has something to happen to. */
const BEGIN: readonly Step[] = [
  ...([...KINDS, 'claims'] as const).map((kind): Step => ({ do: 'know', kind })),
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
  rival: Rival | null = null
  vmi: VmiPart | null = null
  disk = 1
  twin: VmRecord | null = null
  readonly known = new Set<string>()
  readonly #deeds: Deed[] = []
  #made = 0

  /** What can be read of its deeds and claims. */
  get parts(): { claims: Record<string, string>; deeds: Partial<Record<DeedKind, readonly Deed[]>> } {
    const kinds = KINDS.filter(kind => this.known.has(kind))
    const deeds = Object.fromEntries(kinds.map(kind => [kind, this.#deeds.filter(one => one.kind === kind)]))
    return { claims: this.known.has('claims') ? { 'web-1-root': `claim-${this.disk}` } : {}, deeds }
  }

  get guests(): Guests {
    const { twin } = this
    return { elsewhere: () => (twin === null ? [] : [twin]), isSeen: () => true }
  }

  happen(step: Step): void {
    if (step.do === 'know') this.known[this.known.has(step.kind) ? 'delete' : 'add'](step.kind)
    if (step.do === 'twin') this.twin = this.twin === null ? TWIN : null
    if (step.do === 'create') this.vm ??= vm({ uid: this.#next('vm'), createdAt: 1_000 * (this.#made + 1) })
    if (step.do === 'contest')
      this.rival = step.value === 0 ? null : { host: `h-${step.value}`, uid: `u-${step.value}`, address: '10.0.0.1' }
    if (this.vm === null) return
    this.#happenToVm(step, this.vm)
    if (this.vmi !== null) this.#happenToBoot(step, this.vmi)
    if (this.vmi?.phase === 'Running') this.#happenToGuest(step, this.vmi)
  }

  #next(kind: string): string {
    return `${kind}-${(this.#made += 1)}`
  }

  #happenToVm(step: Step, part: VmPart): void {
    if (step.do === 'delete') [this.vm, this.vmi] = [null, null]
    if (step.do === 'relabel') this.vm = { ...part, labels: { app: String(step.value) } }
    if (step.do === 'requireRestart') this.vm = { ...part, restartRequired: !part.restartRequired }
    if (step.do === 'swapDisk' && this.vmi === null) this.disk = step.value + 1
    if (step.do === 'hinder')
      this.vm = { ...part, status: ['Running', 'Stopped', 'ErrorUnschedulable'][step.value] ?? '' }
    if (step.do === 'fail' && this.vmi === null)
      this.vm = { ...part, failedBoots: part.failedBoots + 1, failedBoot: this.#next('boot') }
    if (step.do === 'finish') {
      const outcome = step.well ? 'succeeded' : 'failed'
      this.#deeds.push(deed({ kind: step.kind, uid: this.#next('deed'), outcome, at: 1_000 * (this.#made + 1) }))
    }
    if (step.do === 'boot' && this.vmi === null)
      this.vmi = vmi({
        uid: this.#next('boot'),
        owner: part.uid,
        phase: 'Scheduling',
        agentConnected: false,
        address: '',
      })
  }

  #happenToBoot(step: Step, boot: VmiPart): void {
    if (step.do === 'halt') this.vmi = null
    if (step.do === 'end') this.vmi = { ...boot, phase: 'Succeeded', end: 'shutdown' }
    if (step.do === 'run' && boot.phase === 'Scheduling') {
      this.vmi = { ...boot, phase: 'Running' }
      if (this.vm !== null) this.vm = { ...this.vm, failedBoots: 0, failedBoot: '' }
    }
  }

  #happenToGuest(step: Step, boot: VmiPart): void {
    const move = { from: boot.node, to: boot.node === 'node-1' ? 'node-2' : 'node-1' }
    if (step.do === 'crash') this.vmi = { ...boot, phase: 'Failed', end: 'failed' }
    if (step.do === 'agent') this.vmi = { ...boot, agentConnected: !boot.agentConnected }
    if (step.do === 'pause') this.vmi = { ...boot, paused: !boot.paused, pausedBecause: 'PausedByUser' }
    if (step.do === 'upgrade') this.vmi = { ...boot, kernel: `kernel-${step.value}` }
    if (step.do === 'readdress')
      this.vmi = { ...boot, addresses: vmi({ address: step.value === 0 ? '' : `10.0.0.${step.value}` }).addresses }
    if (step.do === 'migrate')
      this.vmi = { ...boot, node: move.to, migrated: { uid: this.#next('migration'), from: '', to: '' } }
    if (step.do === 'refuse')
      this.vmi = { ...boot, migrationFailed: { uid: this.#next('migration'), ...move, reason: 'no room' } }
  }
}

const TWIN = {
  ...(new Story().look(vm({ uid: 'twin' })).record as VmRecord),
  cluster: 'prod-2',
  cluster_uid: 'cluster-2',
}

/** Plays the steps on an empty cluster, with a look after each but those a gap hides. */
export function played(all: readonly Step[], story = new Story()): Story {
  const cluster = new Cluster()
  const look = (origin: 'live' | 'sync'): unknown => {
    story.claims = cluster.parts.claims
    story.deeds = cluster.parts.deeds
    story.rival = cluster.rival
    const { guests } = cluster
    return story.look(cluster.vm, cluster.vmi, { origin, gap: origin === 'sync', guests })
  }
  for (const step of all) {
    if (step.do === 'gap') {
      for (const hidden of step.steps) {
        if (hidden.do === 'wait' || hidden.do === 'jump') story.now += hidden.ms
        else cluster.happen(hidden)
      }
      story.restart()
      look('sync')
    } else if (step.do === 'wait') story.wait(step.ms)
    else if (step.do === 'jump') story.now += step.ms
    else if (step.do === 'restart') story.restart()
    else if (step.do === 'leave') story.leave()
    else {
      cluster.happen(step)
      look('live')
    }
  }
  return story
}
