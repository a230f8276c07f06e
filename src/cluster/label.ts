/** One condition on the labels of an object, as Kubernetes knows them. `notin` holds for an object without the label too. */
export interface Requirement {
  readonly key: string
  readonly operator: 'in' | 'notin' | 'exists' | 'absent'
  readonly values: readonly string[]
}

/** True when the labels meet every requirement; none is met by all. */
export function meets(labels: Readonly<Record<string, string>>, requirements: readonly Requirement[]): boolean {
  return requirements.every(({ key, operator, values }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined
    if (operator === 'exists') return value !== undefined
    if (operator === 'absent') return value === undefined
    const among = value !== undefined && values.includes(value)
    return operator === 'in' ? among : !among
  })
}
