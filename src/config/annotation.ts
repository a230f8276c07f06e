import type { Config } from './config.ts'
import type { ConfigFault } from './fault.ts'

/** Different annotations that may be named, so that what is kept of a VM stays small. */
const MAX_NAMED = 32

/** The keys of annotations that the watch keeps of each VM: those that the inventory tells, and those that give variables of a view. In order. */
export function annotationsNamed({ inventory }: Pick<Config, 'inventory'>): readonly string[] {
  const given = inventory.views.flatMap(({ variables }) => variables.flatMap(({ annotation }) => annotation ?? []))
  return [...new Set([...inventory.annotations, ...given])].sort()
}

/** Too many annotations, over all views. */
export function annotationFaults(config: Config): readonly ConfigFault[] {
  const { length } = annotationsNamed(config)
  if (length <= MAX_NAMED) return []
  const message = `${length} different annotations are named, here and in variables of views; ${MAX_NAMED} may be`
  return [{ path: 'inventory.annotations', message, hint: 'leave out those that nobody reads' }]
}

/** What is wrong with the variables of a view that the schema can not say. `path` is that of the variables. */
export function variableFaults(
  variables: Config['inventory']['views'][number]['variables'],
  path: string,
): readonly ConfigFault[] {
  return [...variables.entries()].flatMap(([at, { label, annotation }]) => {
    if ((label === undefined) !== (annotation === undefined)) return []
    const message = label === undefined ? 'nothing gives it' : 'either a label or an annotation gives it'
    return [{ path: `${path}.${at}`, message, hint: 'name one label, or one annotation' }]
  })
}
