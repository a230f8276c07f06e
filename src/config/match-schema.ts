import { optionalText, type Schema } from './schema-part.ts'

/** Which VMs something takes: all that is said must hold. The same words for a view and for a profile. */
export function matching(): Schema {
  return {
    clusters: some('Only VMs of these clusters.', { minLength: 1 }),
    cluster_sets: some('Only VMs of clusters that are in one of these ManagedClusterSets.', { minLength: 1 }),
    namespaces: some('Only VMs of these namespaces, whichever their cluster.', { minLength: 1 }),
    selector: selector('Only VMs whose labels this selector takes, as kubectl --selector.'),
    os: some('Only VMs of these operating systems: a family (linux, windows) or an id of the guest (rhel, ubuntu).', {
      pattern: '^[a-z0-9][a-z0-9._-]*$',
    }),
  }
}

/** A label selector; empty when it is left out. */
export function selector(description: string): Schema {
  return { ...optionalText(description), maxLength: 4096 }
}

/** The key of an annotation, as Kubernetes has them. */
export function annotation(description = ''): Schema {
  const word = '[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?'
  const pattern = `^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?${word}$`
  return { type: 'string', pattern, maxLength: 317, ...(description === '' ? {} : { description }) }
}

/** A choice among values; all when it is left out. Written down and empty it would take nothing, so it can not be. */
export function some(description: string, item: Schema): Schema {
  return { type: 'array', description, minItems: 1, maxItems: 1000, items: { type: 'string', ...item } }
}
