import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { projectClusterSet } from '../../src/cluster/cluster-set.ts'
import { projectDecision } from '../../src/cluster/decision.ts'
import { meets, type Requirement } from '../../src/cluster/label.ts'
import { type Choice, isSelected, projectManagedCluster } from '../../src/cluster/managed.ts'

const ALL: Choice = { labels: [], set: null, placed: null }
/** What no cluster meets. */
const NEVER: readonly Requirement[] = [{ key: 'none', operator: 'exists', values: [] }]
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

const silent = { type: 'ManagedClusterConditionAvailable', status: 'Unknown' }
const prod = [{ key: 'env', operator: 'in', values: ['prod'] }] as const

test.each<[title: string, object: object, choice: Partial<Choice>, selected: boolean]>([
  ['accepted and joined', managed({}), {}, true],
  ['not accepted', managed({ accepted: false }), {}, false],
  ['not joined', managed({ conditions: [] }), {}, false],
  ['joined no more', managed({ conditions: [{ ...joined, status: 'False' }] }), {}, false],
  ['with the labels asked for, and others', managed({ labels: { env: 'prod', x: 'y' } }), { labels: prod }, true],
  ['with another value of a label', managed({ labels: { env: 'dev' } }), { labels: prod }, false],
  ['without a label', managed({}), { labels: prod }, false],
  ['of the set asked for', managed({ labels: { env: 'prod' } }), { set: prod }, true],
  ['of another set', managed({ labels: { env: 'dev' } }), { set: prod }, false],
  ['that the placement chose', managed({}), { placed: new Set(['prod-1']) }, true],
  ['that the placement did not choose', managed({}), { placed: new Set() }, false],
  ['with the labels, but of another set', managed({ labels: { env: 'prod' } }), { labels: prod, set: NEVER }, false],
  ['chosen, but not joined', managed({ conditions: [] }), { placed: new Set(['prod-1']) }, false],
  [
    'unreachable now: it stays selected, as what is known of it is held',
    managed({ conditions: [joined, silent] }),
    {},
    true,
  ],
])('a managed cluster %s is selected: %#', (_, object, choice, selected) => {
  expect(isSelected(projectManagedCluster(object), { ...ALL, ...choice })).toBe(selected)
})

test.each([
  ['True', 'well'],
  ['False', 'ill'],
  ['Unknown', 'silent'],
  ['', ''],
])('of a cluster whose availability is "%s" its hub says "%s"', (status, word) => {
  const conditions = [joined, { ...silent, status }]
  expect(projectManagedCluster(managed({ conditions })).word).toBe(word)
})

test('a managed cluster says where its API server is, and who signed for it', () => {
  const ca = Buffer.from('PEM').toString('base64')
  const spec = { managedClusterClientConfigs: [{ url: 'https://api.prod-1:6443', caBundle: ca }, { url: 'https://b' }] }
  expect(projectManagedCluster({ spec })).toMatchObject({ url: 'https://api.prod-1:6443', ca: 'PEM' })
  expect(projectManagedCluster({})).toMatchObject({ url: '', ca: '' })
})

describe('the clusters of a ManagedClusterSet', () => {
  const set = (spec: object): readonly Requirement[] =>
    projectClusterSet({ metadata: { name: 'blue' }, spec }).requirements
  const label = { 'cluster.open-cluster-management.io/clusterset': 'blue' }
  const by = (labelSelector: object | null): object => ({
    clusterSelector: { selectorType: 'LabelSelector', labelSelector },
  })
  const expression = (operator: string, ...values: string[]): object =>
    by({ matchExpressions: [{ key: 'env', operator, values }] })

  test.each<[title: string, spec: object, labels: Record<string, string>, taken: boolean]>([
    ['that has no selector of its own are those that carry its label', {}, label, true],
    ['that has no selector of its own are no others', {}, { ...label, [Object.keys(label)[0] ?? '']: 'red' }, false],
    [
      'that is exclusive are those that carry its label',
      { clusterSelector: { selectorType: 'ExclusiveClusterSetLabel' } },
      label,
      true,
    ],
    ['with an empty selector are all', by({}), {}, true],
    ['with a selector that is null are none', by(null), {}, false],
    ['with labels are those that have them', by({ matchLabels: { env: 'prod' } }), { env: 'prod' }, true],
    ['with labels are not those that have another', by({ matchLabels: { env: 'prod' } }), { env: 'dev' }, false],
    ['with In are those of a value', expression('In', 'a', 'b'), { env: 'b' }, true],
    ['with NotIn are those of another value, or of none', expression('NotIn', 'a'), {}, true],
    ['with NotIn are not those of the value', expression('NotIn', 'a'), { env: 'a' }, false],
    ['with Exists are those that have the label', expression('Exists'), { env: '' }, true],
    ['with Exists are not those without', expression('Exists'), {}, false],
    ['with DoesNotExist are those without', expression('DoesNotExist'), {}, true],
    ['with an operator that nobody knows are none', expression('Near', 'a'), { env: 'a' }, false],
  ])('%s', (_, spec, labels, taken) => {
    expect(meets(labels, set(spec))).toBe(taken)
  })
})

test('no object whatever makes the projection throw', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (object, part) => {
      for (const one of [object, { metadata: part, spec: part, status: part }, { status: { conditions: [part] } }]) {
        expect(typeof isSelected(projectManagedCluster(one), { ...ALL, labels: NEVER })).toBe('boolean')
        expect(projectDecision(one).clusters).toEqual(expect.any(Array))
        expect(projectClusterSet(one).requirements).toEqual(expect.any(Array))
      }
    }),
    { numRuns: 200 },
  )
})
