import { plainText } from '../event/index.ts'
import { dict } from './raw.ts'

/** Labels kept of a VM, the first by their keys; of the rest those that configuration names are kept, so that a record stays small. */
const MAX_LABELS = 64
/** Of those, the first by their keys: as many as configuration may name. */
const MAX_NAMED_LABELS = 256

export type Labels = Readonly<Record<string, string>>

/** What was looked for beyond the first labels of a VM; null where it has none of that key. */
export type NamedLabels = Readonly<Record<string, string | null>>

/** What is seen of the labels of a VM. */
export interface SeenLabels {
  readonly labels: Labels
  readonly named_labels?: NamedLabels
}

/** The labels of an object that facts follow from: the first by their keys, whatever anybody reads of them. */
export function firstLabels(labels: unknown): Labels {
  return Object.fromEntries(sorted(labels).slice(0, MAX_LABELS))
}

/** True of a VM that may have more labels than the first. */
export function isCrowded({ labels }: SeenLabels): boolean {
  return Object.keys(labels).length >= MAX_LABELS
}

/**
 * A VirtualMachine as the API sends it → what it has of these keys beyond its first labels, and which it has not: so what was never looked
 * for is told from what is not there. Undefined of a VM with fewer labels, whose first are all. It is there for the inventory: no fact
 * follows from it, as what is looked for hangs on the configuration.
 */
export function namedLabels(object: unknown, keys: ReadonlySet<string>): NamedLabels | undefined {
  const labels = dict(dict(dict(object)['metadata'])['labels'])
  if (keys.size === 0 || Object.keys(labels).length < MAX_LABELS) return undefined
  const all = sorted(labels)
  const first = new Set(all.slice(0, MAX_LABELS).map(([key]) => key))
  const rest = new Map(all.slice(MAX_LABELS))
  const looked = [...keys].filter(key => !first.has(key)).sort()
  if (looked.length === 0) return undefined
  return Object.fromEntries(looked.slice(0, MAX_NAMED_LABELS).map(key => [key, rest.get(key) ?? null]))
}

/** All labels that are kept of a VM, in the order of their keys. */
export function labelsOf({ labels, named_labels }: SeenLabels): Labels {
  if (named_labels === undefined) return labels
  const had = Object.entries(named_labels).filter((one): one is [string, string] => one[1] !== null)
  return { ...labels, ...Object.fromEntries(had) }
}

/** Whether the VM may have a label of this key that is not kept: it may have more than are, and nobody looked for that one yet. */
export function mayHave(seen: SeenLabels, key: string): boolean {
  return isCrowded(seen) && !Object.hasOwn(seen.labels, key) && !Object.hasOwn(seen.named_labels ?? {}, key)
}

function sorted(labels: unknown): readonly (readonly [key: string, value: string])[] {
  const all = dict(labels)
  const keys = Object.keys(all).sort()
  return keys.map(key => [plainText(key), plainText(all[key])])
}
