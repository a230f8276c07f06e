import { describe, expect, test } from 'vitest'
import type { Claim } from '../../../src/log/kafka/claim.ts'
import { lossesOf } from '../../../src/log/kafka/loss.ts'
import type { Mark, Survey } from '../../../src/log/kafka/survey.ts'
import type { Loss } from '../../../src/log/index.ts'

const AROUND = { prefix: 'v', now: 7, newId: () => 'new' }
const CLAIM: Claim = { schema: 2, writer: 'w', host: 'h', pid: 1, since: '', partitions: 2, per_cluster: 1 }
const OLD: Loss = { id: 'old', stream: 'state.runs', reason: 'because', at: 3 }

function marks(change: (mark: Mark) => Mark = mark => mark): readonly Mark[] {
  return (['state.fleet', 'state.runs'] as const).flatMap(stream =>
    [0, 1].map(partition =>
      change({ stream, partition, start: 0, claim: { ...CLAIM, reached: { start: 0, ends: {} } } }),
    ),
  )
}

function found(more: Partial<Survey>): readonly Loss[] {
  return lossesOf({ claim: CLAIM, marks: marks(), short: [], used: true, ends: new Map(), ...more }, AROUND)
}

const told = (losses: readonly Loss[]): readonly string[] => losses.map(({ stream, reason }) => `${stream}: ${reason}`)

describe('what is gone of a log on Kafka, by what lies in its topics', () => {
  const bare = marks(mark => ({ ...mark, claim: null }))
  test.each<[string, Partial<Survey>, readonly string[]]>([
    ['everything is as it was', {}, []],
    ['it is new', { claim: null, marks: bare, used: false }, []],
    [
      'no claim is left, and something was written',
      { claim: null, marks: bare },
      [
        'state.fleet: v.state.fleet lost records: it was made anew or emptied',
        'state.runs: v.state.runs lost records: it was made anew or emptied',
      ],
    ],
    [
      'one partition has no claim',
      {
        marks: marks(mark => (mark.stream === 'state.runs' && mark.partition === 1 ? { ...mark, claim: null } : mark)),
      },
      ['state.runs: v.state.runs lost records: partition 1 made anew or emptied'],
    ],
    [
      'one partition begins later',
      { marks: marks(mark => (mark.stream === 'state.fleet' && mark.partition === 0 ? { ...mark, start: 9 } : mark)) },
      ['state.fleet: v.state.fleet lost records: partition 0 began at 0 and begins at 9'],
    ],
    [
      'events end before a place they reached',
      { short: [{ stream: 'events.vm', partition: 1, reached: 5, end: 2 }] },
      ['events.vm: v.events.vm lost records: partition 1 reached 5 and ends at 2'],
    ],
    [
      'a claim of an older program says nothing of ends',
      { marks: marks(mark => ({ ...mark, claim: CLAIM, start: 4 })) },
      [],
    ],
  ])('%s', (_, more, expected) => {
    expect(told(found(more))).toEqual(expected)
  })

  test('a loss that was not confirmed is told again as the same one; found again, it is another', () => {
    const claim = { ...CLAIM, losses: [OLD] }
    expect(found({ claim })).toEqual([OLD])
    const again = found({ claim, short: [{ stream: 'state.runs', partition: 0, reached: 2, end: 1 }] })
    expect(again).toEqual([expect.objectContaining({ id: 'new', stream: 'state.runs', at: 7 })])
  })

  test('what is told stays short, however many partitions there are', () => {
    const short = Array.from({ length: 256 }, (_, partition) => {
      return { stream: 'events.vm' as const, partition, reached: 1_000_000, end: 0 }
    })
    const [loss] = found({ short })
    expect(loss?.reason.length).toBeLessThan(500)
    expect(loss?.reason).toContain('and 251 more')
  })
})
