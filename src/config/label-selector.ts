import { isWhole } from '../whole-number.ts'

/** One condition of a label selector, in the words of Kubernetes. */
export interface LabelRequirement {
  readonly key: string
  readonly operator: 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt'
  readonly values: readonly string[]
}

const KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/
const VALUE = /^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/

const SIGNS: Readonly<Record<string, LabelRequirement['operator']>> = { '!=': 'notin', '>': 'gt', '<': 'lt' }

/** How a selector is written, for who wrote one that can not be read. */
export const SELECTOR_HINT = 'as kubectl --selector takes it: env=prod, tier in (a, b), !legacy'

/**
 * A label selector as `kubectl --selector` takes it: `env=prod`, `env!=dev`, `env in (prod, stage)`, `env notin (dev)`, `env`, `!env`,
 * `generation>3`, `generation<9`, separated by commas. Empty takes everything. Throws an Error that says which parts it can not read, all of them.
 */
export function parseSelector(selector: string): readonly LabelRequirement[] {
  // A comma between parentheses separates values, any other one requirements.
  const parts = selector.split(/,(?![^(]*\))/).map(part => part.trim())
  if (parts.length === 1 && parts[0] === '') return []
  const read = parts.map(part => requirement(part) ?? unreadable(part))
  const faults = read.filter(one => typeof one === 'string')
  if (faults.length > 0) throw new Error([...new Set(faults)].join('; '))
  return read.filter(one => typeof one !== 'string')
}

function requirement(part: string): LabelRequirement | null {
  const [, absent, bare] = /^(!?)\s*([^\s=!()<>]+)$/.exec(part) ?? []
  if (bare !== undefined) return checked({ key: bare, operator: absent === '!' ? 'absent' : 'exists', values: [] })
  const [, equalKey, sign, value] = /^([^\s=!()<>]+)\s*(==|=|!=|>|<)\s*([^\s=!()<>]*)$/.exec(part) ?? []
  if (equalKey !== undefined && value !== undefined) return compared(equalKey, SIGNS[sign ?? ''] ?? 'in', value)
  const [, setKey, operator, inner] = /^([^\s=!()]+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part) ?? []
  if (setKey !== undefined && inner !== undefined)
    return checked({
      key: setKey,
      operator: operator === 'in' ? 'in' : 'notin',
      values: inner.split(',').map(one => one.trim()),
    })
  return null
}

function compared(key: string, operator: LabelRequirement['operator'], value: string): LabelRequirement | null {
  // As in Kubernetes, where a sign is no part of a label: whole numbers of 64 bits without one.
  if ((operator === 'gt' || operator === 'lt') && !isWhole(value)) return null
  return checked({ key, operator, values: [value] })
}

function checked(requirement: LabelRequirement): LabelRequirement | null {
  return KEY.test(requirement.key) && requirement.values.every(value => VALUE.test(value)) ? requirement : null
}

function unreadable(part: string): string {
  return part === '' ? 'a part of it is empty' : `"${part}" is no condition on labels`
}
