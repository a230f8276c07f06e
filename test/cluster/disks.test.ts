import { describe, expect, test } from 'vitest'
import type { Inbound } from '../../src/cluster/resources.ts'
import { KubeError } from '../../src/kube/index.ts'
import type { DiskPart } from '../../src/vm/index.ts'
import { HOLDS } from '../vm/story.ts'
import { aVm, Folding, listed, live, watching } from './folding.ts'

const disk = (trouble: string, values: Partial<DiskPart> = {}): DiskPart => {
  return { key: 'shop/a-root', vm: 'shop/a', owner: 'uid-a', trouble, ...values }
}
const all = (...parts: readonly DiskPart[]): Inbound => ({
  of: 'disk',
  observed: { kind: 'listed', objects: new Map(parts.map(part => [part.key, part])), resourceVersion: '1' },
})
const said = (kind: 'changed' | 'gone', object: DiskPart): Inbound => ({ of: 'disk', observed: { kind, object } })
const BROKEN = 'a-root: got 404'

/** A VM `a` that waits for its disk; DataVolumes can be read unless told. */
function waiting(status = 'Provisioning', readable = true): Folding {
  const folding = new Folding(false).take(listed('vm', aVm('b', { rootClaim: 'b-root' })), listed('vmi'))
  folding.fold.adopt()
  folding.take(watching('vm'), watching('vmi'), ...(readable ? [all()] : []))
  folding.take(live('changed', 'vm', aVm('a', { status, rootClaim: 'boot' }))).told.splice(0)
  return folding
}

const reason = ({ staged }: Folding): string | undefined => staged.flatMap(one => one.facts).at(-1)?.reason

describe('a DataVolume in trouble', () => {
  test('is why its VM does not start, although that says nothing, when it lasts', () => {
    const folding = waiting().take(said('changed', disk(BROKEN)))
    expect(folding.told).toEqual([])
    expect(folding.records.get('shop/a')?.seen).toMatchObject({ failing: 'DataVolumeError', hindered_by: BROKEN })
    expect(folding.wait(HOLDS.stopped).told).toEqual(['start_failed a'])
    expect(reason(folding)).toBe(`DataVolumeError: ${BROKEN}`)
    folding.take(said('changed', disk('a-root: got 503'))).wait(HOLDS.stopped)
    expect(folding.told).toEqual(['start_failed a'])
  })

  test('that gets over it in time is no news', () => {
    const folding = waiting()
      .take(said('changed', disk(BROKEN)))
      .wait(HOLDS.stopped / 2)
    expect(folding.take(said('changed', disk(''))).wait(HOLDS.stopped).told).toEqual([])
    expect(folding.records.get('shop/a')?.seen.hindered_by).toBeUndefined()
  })

  test('says why, where KubeVirt says DataVolumeError alone', () => {
    const folding = waiting('DataVolumeError')
      .take(said('changed', disk(BROKEN)))
      .wait(HOLDS.stopped)
    expect([folding.told, reason(folding)]).toEqual([['start_failed a'], `DataVolumeError: ${BROKEN}`])
  })

  test('says nothing of a VM that runs or is down', () => {
    for (const status of ['Running', 'Stopped'])
      expect(
        waiting(status)
          .take(said('changed', disk(BROKEN)))
          .wait(HOLDS.stopped).told,
      ).toEqual([])
  })

  test('that nobody made for a VM counts for the one that boots from it, and for no other', () => {
    const foreign = { vm: '', owner: '' }
    const folding = waiting().take(said('changed', disk('other: no', { ...foreign, key: 'shop/other' })))
    expect(folding.wait(HOLDS.stopped).told).toEqual([])
    folding.take(said('changed', disk('boot: no', { ...foreign, key: 'shop/boot' }))).wait(HOLDS.stopped)
    expect(folding.told).toEqual(['start_failed a'])
  })

  test('of an earlier VM of the name is nobody’s', () => {
    expect(
      waiting()
        .take(said('changed', disk(BROKEN, { owner: 'uid-before' })))
        .wait(HOLDS.stopped).told,
    ).toEqual([])
  })

  test('that can be read from now on is no old fact; the next one is told, also after a restart', () => {
    const folding = waiting('Provisioning', false)
    folding.take(all(disk(BROKEN))).wait(HOLDS.stopped)
    expect([folding.told, folding.fold.disksKnown]).toEqual([[], true])
    folding.take(live('changed', 'vm', aVm('c', { status: 'Provisioning' })))
    folding.take(said('changed', disk('c-root: no', { key: 'shop/c-root', vm: 'shop/c', owner: 'uid-c' })))
    expect(folding.wait(HOLDS.stopped).told).toEqual(['created c', 'start_failed c'])
  })

  test('while DataVolumes can not be read stays what it was', () => {
    const folding = waiting()
      .take(said('changed', disk(BROKEN)))
      .wait(HOLDS.stopped)
    folding.take({ of: 'disk', observed: { kind: 'unavailable', error: new KubeError('forbidden', 'no') } })
    folding.take(live('changed', 'vm', aVm('a', { status: 'Provisioning', labels: { x: 'y' } })))
    expect(folding.records.get('shop/a')?.seen.hindered_by).toBe(BROKEN)
  })
})
