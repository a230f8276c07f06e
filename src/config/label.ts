import { parseExpression } from '../expression/index.ts'
import type { Config, ViewConfig } from './config.ts'
import { parseSelector } from './label-selector.ts'

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
