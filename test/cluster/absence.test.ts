import { describe, expect, test } from 'vitest'
import { mayLackKubeVirt, provesAbsence, refutesAbsence, withoutKubeVirt } from '../../src/cluster/absence.ts'
import { isKnown, newCluster } from '../../src/cluster/index.ts'
import { closedBecause } from '../../src/inventory/closed.ts'
import { viewOfAll } from '../../src/inventory/view.ts'

const groups = (...names: readonly string[]): object => ({
  kind: 'APIGroupList',
  groups: names.map(name => ({ name })),
})
const BUILT_IN = ['apps', 'apiextensions.k8s.io', 'batch']

describe('that a cluster has no KubeVirt', () => {
  test.each<[title: string, answer: unknown, proven: boolean]>([
    ['is proven by a whole list of API groups without it', groups(...BUILT_IN), true],
    ['is proven although the importer of disks is there', groups(...BUILT_IN, 'cdi.kubevirt.io'), true],
    ['is not proven when its group is there, and its kinds are not yet', groups(...BUILT_IN, 'kubevirt.io'), false],
    ['is not proven by half an installation', groups(...BUILT_IN, 'subresources.kubevirt.io'), false],
    ['is not proven by an empty list', groups(), false],
    ['is not proven by a list that lacks what every API server has', groups('batch', 'apps'), false],
    ['is not proven by the word of a proxy', { kind: 'Status', code: 404 }, false],
    ['is not proven by nothing', null, false],
  ])('%s', (_, answer, proven) => {
    expect(provesAbsence(answer)).toBe(proven)
  })

  const known = { ...newCluster('prod-1', ''), adopted_at: 1 }
  test.each([
    ['never had a VM', newCluster('prod-1', ''), 0, true],
    ['was read once', known, 0, false],
    [
      'of which a fact was told, in a life whose records are lost',
      { ...newCluster('a', ''), last_event: 'x' },
      0,
      false,
    ],
    ['of which VMs are known', newCluster('prod-1', ''), 1, false],
  ])('counts of one that %s: %#', (_, record, vms, counts) => {
    expect(mayLackKubeVirt(record, vms)).toBe(counts)
  })

  test.each([
    ['forbidden', true],
    ['replaced', true],
    ['absent', false],
    ['unreachable', false],
    ['unauthorized', false],
    ['server', false],
  ] as const)('when it then says %s it is in doubt: %s', (kind, doubt) => {
    expect(refutesAbsence(kind)).toBe(doubt)
  })

  test('keeps no inventory closed, and no view that would rather fail', () => {
    const lacking = withoutKubeVirt(newCluster('prod-1', ''), 5)
    expect([isKnown(lacking), isKnown(withoutKubeVirt(lacking, 0))]).toEqual([true, false])
    const view = { ...viewOfAll('', { builtin: true, labels: [], maxPerLabel: 1 }), onStale: 'fail' as const }
    const sight = {
      clusters: new Map([['prod-1', lacking]]),
      expected: ['prod-1'],
      stalenessOf: () => 'stale' as const,
    }
    expect(closedBecause(view, sight)).toBeNull()
  })
})
