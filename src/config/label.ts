import { parseExpression } from '../expression/index.ts'
import type { Config, ViewConfig } from './config.ts'
import type { ConfigFault } from './fault.ts'
import { parseSelector } from './label-selector.ts'

/** Different labels that may be named, so that what is kept of a VM with very many stays small. */
const MAX_NAMED = 256

/**
 * The keys of labels that the configuration reads: the watch keeps these of a VM that has more labels than are kept. Of the expressions of
 * a view every text counts that may be a key, as which of them is one shows only when it runs. In order.
 */
export function labelsNamed({ inventory, profiles }: Pick<Config, 'inventory' | 'profiles'>): readonly string[] {
  const selectors = profiles.map(({ selector }) => selector)
  const named = [...inventory.label_groups, ...selectors.flatMap(keysOf), ...inventory.views.flatMap(labelsOfView)]
  return [...new Set(named)].sort()
}

function labelsOfView({ selector, exclude, groups, variables }: ViewConfig): readonly string[] {
  return [
    ...[selector, exclude].flatMap(keysOf),
    ...groups.labels,
    ...groups.expressions.flatMap(({ expression }) => parseExpression(expression).labels),
    ...variables.flatMap(({ label }) => label ?? []),
  ]
}

function keysOf(selector: string): readonly string[] {
  return parseSelector(selector).map(({ key }) => key)
}

/** Too many labels, over all views and profiles. */
export function labelFaults(config: Config): readonly ConfigFault[] {
  const length = countOf(config)
  if (length <= MAX_NAMED) return []
  const message = `${length} different labels are named, in groups, selectors, expressions and profiles; ${MAX_NAMED} may be`
  return [{ path: 'inventory.views', message, hint: 'leave out those that nobody reads' }]
}

/** Of a selector or an expression that can not be read its own fault is told. */
function countOf(config: Config): number {
  try {
    return labelsNamed(config).length
  } catch {
    return 0
  }
}
