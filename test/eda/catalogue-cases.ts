import { VM_FACTS, type VmFact } from '../../src/event/index.ts'
import { samples } from '../event/samples.ts'
import { ALL } from './asked.ts'
import { another, type Case, sampleOf } from './feed.ts'

/** With every verb's label on every VM, what a fact launches; whatever is not here launches nothing. */
const BY_FACT: Partial<Record<VmFact, readonly string[]>> = {
  reachable: ['Day2 | Onboard'],
  stopped: ['Day2 | Offboard'],
  guest_changed: ['Day2 | Configure'],
  ...troubles(),
}

function troubles(): Partial<Record<VmFact, readonly string[]>> {
  const facts = ['unreachable', 'address_conflict', 'snapshot_failed', 'restore_failed', 'import_failed'] as const
  return Object.fromEntries(facts.map(fact => [fact, ['Rulebooks | Notify']]))
}

/** Of one cluster that is lost people are told once: `cluster.unreachable` comes right after it in the catalogue. */
const TOLD: ReadonlySet<string> = new Set([
  'cluster.unavailable',
  'cluster.detached',
  'day2.run_stuck',
  'day2.records_lost',
  'day2.brake_set',
])

/** Every fact of the catalogue: of VMs with every label that asks for something, and with none. */
export function catalogueCases(): readonly Case[] {
  const facts = VM_FACTS.flatMap(fact => {
    const labelled = another(
      sampleOf(fact),
      {},
      { labels: ALL, label_list: Object.entries(ALL).map(pair => pair.join('=')) },
    )
    return [
      { title: `vm.${fact}, of a VM that asks for everything`, event: labelled, launches: BY_FACT[fact] ?? [] },
      { title: `vm.${fact}`, event: sampleOf(fact), launches: troubles()[fact] ?? [] },
    ]
  })
  const others = [...samples()].filter(([name]) => !name.startsWith('vm.'))
  return [
    ...facts,
    ...others.map(([name, event]) => ({ title: name, event, launches: TOLD.has(name) ? ['Rulebooks | Notify'] : [] })),
  ]
}
