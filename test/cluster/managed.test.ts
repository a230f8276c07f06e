import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSelected, projectManagedCluster } from '../../src/cluster/index.ts'

const joined = { type: 'ManagedClusterJoined', status: 'True' }
const managed = (values: {
  accepted?: boolean
  conditions?: readonly object[]
  labels?: Record<string, string>
}): object => ({
  metadata: { name: 'prod-1', uid: 'u', labels: values.labels ?? {} },
  spec: { hubAcceptsClient: values.accepted ?? true },
  status: { conditions: values.conditions ?? [joined] },
})

test.each([
  ['accepted and joined', managed({}), {}, true],
  ['not accepted', managed({ accepted: false }), {}, false],
  ['not joined', managed({ conditions: [] }), {}, false],
  ['joined no more', managed({ conditions: [{ ...joined, status: 'False' }] }), {}, false],
  ['with the labels asked for, and others', managed({ labels: { env: 'prod', x: 'y' } }), { env: 'prod' }, true],
  ['with another value of a label', managed({ labels: { env: 'dev' } }), { env: 'prod' }, false],
  ['without a label', managed({}), { env: 'prod' }, false],
  [
    'unreachable now: it stays selected, as what is known of it is held',
    managed({ conditions: [joined, { type: 'ManagedClusterConditionAvailable', status: 'Unknown' }] }),
    {},
    true,
  ],
])('a managed cluster %s is selected: %s', (_, object, labels, selected) => {
  expect(isSelected(projectManagedCluster(object), labels)).toBe(selected)
})

test('no object whatever makes the projection throw', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (object, part) => {
      for (const one of [object, { metadata: part, spec: part, status: part }, { status: { conditions: [part] } }])
        expect(typeof isSelected(projectManagedCluster(one), {})).toBe('boolean')
    }),
    { numRuns: 200 },
  )
})
