import { describe, expect, test } from 'vitest'
import { OUTAGE_HOLD_MS, Outages } from '../../src/cluster/outage.ts'
import { KubeError } from '../../src/kube/index.ts'

const away = new KubeError('unreachable', 'no route')
const refused = new KubeError('forbidden', 'no rights')
const other = new KubeError('replaced', 'another cluster')

describe('an outage', () => {
  test('that is mended within its time is no fact', () => {
    const outages = new Outages<string>(100)
    outages.begin('vm', away, 1_000)
    expect([outages.take(1_099), outages.due()]).toEqual([null, 1_100])
    outages.end('vm')
    expect([outages.take(2_000), outages.due()]).toEqual([null, null])
  })

  test('that lasts is told once, by its newest reason, and each new reason after that at once', () => {
    const outages = new Outages<string>(100)
    outages.begin('vm', away, 1_000)
    outages.begin('vm', refused, 1_050)
    expect([outages.due(), outages.take(1_100), outages.due(), outages.take(1_200)]).toEqual([
      1_100,
      refused,
      null,
      null,
    ])
    outages.begin('vm', refused, 1_300)
    expect(outages.take(1_300)).toBeNull()
    outages.begin('vm', away, 1_400)
    expect([outages.take(1_400), outages.take(1_400)]).toEqual([away, null])
  })

  test('of two resources is that of the one that began first; the other is not told again', () => {
    const outages = new Outages<string>(100)
    outages.begin('vmi', refused, 1_000)
    outages.begin('vm', away, 1_010)
    expect([outages.take(1_200), outages.take(1_200), outages.due()]).toEqual([refused, null, null])
  })

  test('that comes again begins anew', () => {
    const outages = new Outages<string>(100)
    outages.begin('vm', away, 1_000)
    outages.end('vm')
    outages.begin('vm', away, 1_090)
    expect([outages.take(1_100), outages.take(1_190)]).toEqual([null, away])
  })

  test('because another cluster answers is told at once', () => {
    const outages = new Outages<string>()
    outages.begin('vm', away, 1_000)
    expect(outages.due()).toBe(1_000 + OUTAGE_HOLD_MS)
    outages.begin('vm', other, 1_001)
    expect(outages.take(1_001)).toBe(other)
  })
})
