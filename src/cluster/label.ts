import { isWhole } from '../whole-number.ts'

/**
 * One condition on the labels of an object, as Kubernetes knows them. `notin` holds for an object without the label too; `gt` and `lt`, with
 * one whole number, for no object without it, and for none whose value is no whole number of 64 bits.
 */
export interface Requirement {
  readonly key: string
  readonly operator: 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt'
  readonly values: readonly string[]
}

/** True when the labels meet every requirement; none is met by all. */
export function meets(labels: Readonly<Record<string, string>>, requirements: readonly Requirement[]): boolean {
  return requirements.every(({ key, operator, values }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined
    if (operator === 'exists') return value !== undefined
    if (operator === 'absent') return value === undefined
    if (operator === 'gt' || operator === 'lt') return compares(operator, value, values[0])
    const among = value !== undefined && values.includes(value)
    return operator === 'in' ? among : !among
  })
}

function compares(operator: 'gt' | 'lt', value = '', bound = ''): boolean {
  if (!isWhole(value) || !isWhole(bound)) return false
  return operator === 'gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound)
}
