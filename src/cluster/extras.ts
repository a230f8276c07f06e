import { annotationsOf, namedLabels, portray, type VmPart } from '../vm/index.ts'

/** How much of an object is kept beside its part: what stays until there is news, or every instant and resourceVersion too. */
export type Portraits = 'stable' | 'volatile'

/** What inventories show of objects beside their parts; left out: nothing. */
export interface Extras {
  /** Of each VM and VMI. */
  readonly portraits?: Portraits
  /** Keys of annotations of VMs. */
  readonly annotations?: readonly string[]
  /** Keys of labels of VMs, which are kept of one that has more labels than are kept. */
  readonly labels?: readonly string[]
}

/** Reads of an object what is wanted beside its part; null where that is nothing. Pure. */
export function extrasReader(
  of: 'vm' | 'vmi',
  { portraits, annotations = [], labels = [] }: Extras,
): ((object: unknown) => Pick<VmPart, 'namedLabels' | 'annotations' | 'portrait'>) | null {
  const [notes, names] = of === 'vm' ? [annotations, labels] : [[], []]
  if (portraits === undefined && notes.length + names.length === 0) return null
  const keys = new Set(names)
  return object => {
    const named = namedLabels(object, keys)
    return {
      ...(named === undefined ? {} : { namedLabels: named }),
      ...(notes.length === 0 ? {} : { annotations: annotationsOf(object, notes) }),
      ...(portraits === undefined ? {} : { portrait: portray(of, object, portraits === 'volatile') }),
    }
  }
}

/**
 * What must be listed anew when other extras are wanted, as what was read already lacks them, or has too much. `crowded`: there is a VM
 * with more labels than are kept; of others all labels are there. Pure.
 */
export function toRelist(before: Extras, after: Extras, crowded: boolean): readonly ('vm' | 'vmi')[] {
  if (before.portraits !== after.portraits) return ['vm', 'vmi']
  if (before.annotations?.join() !== after.annotations?.join()) return ['vm']
  const known = new Set(before.labels)
  return crowded && after.labels?.some(key => !known.has(key)) === true ? ['vm'] : []
}
