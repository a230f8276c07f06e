import { plainText } from '../event/index.ts'
import { dict } from './raw.ts'

/** Labels kept of a VM, the first by their keys; of the rest those that configuration names are kept, so that a record stays small. */
const MAX_LABELS = 64
/** Of those, the first by their keys. */
const MAX_NAMED_LABELS = 64

export type Labels = Readonly<Record<string, string>>

/** What is seen of the labels of a VM. */
export interface SeenLabels {
  readonly labels: Labels
  readonly named_labels?: Labels
}

/** The labels of an object that facts follow from: the first by their keys, whatever anybody reads of them. */
export function firstLabels(labels: unknown): Labels {
  return Object.fromEntries(sorted(labels).slice(0, MAX_LABELS))
}

/**
 * A VirtualMachine as the API sends it → its labels of these keys that are not among the first; undefined when there is none, as of every
 * VM with no more than those. They are there for the inventory: no fact follows from them, as which are kept hangs on the configuration.
 */
export function namedLabels(object: unknown, keys: ReadonlySet<string>): Labels | undefined {
  const labels = dict(dict(dict(object)['metadata'])['labels'])
  if (Object.keys(labels).length <= MAX_LABELS) return undefined
  const named = sorted(labels)
    .slice(MAX_LABELS)
    .filter(([key]) => keys.has(key))
  return named.length === 0 ? undefined : Object.fromEntries(named.slice(0, MAX_NAMED_LABELS))
}

/** All labels that are kept of a VM, in the order of their keys. */
export function labelsOf({ labels, named_labels }: SeenLabels): Labels {
  return named_labels === undefined ? labels : { ...labels, ...named_labels }
}

/** Whether the VM may have a label of this key that is not kept: it has more than are, and nobody named it when it was last read. */
export function mayHave(seen: SeenLabels, key: string): boolean {
  return Object.keys(seen.labels).length >= MAX_LABELS && !Object.hasOwn(labelsOf(seen), key)
}

function sorted(labels: unknown): readonly (readonly [key: string, value: string])[] {
  const entries = Object.entries(dict(labels)).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([key, value]) => [plainText(key), plainText(value)])
}
