import { expect, test } from 'vitest'
import { FetchSession, type Place } from '../../../src/log/kafka/fetch-session.ts'

function wanted(...offsets: readonly number[]): ReadonlyMap<string, readonly Place[]> {
  return new Map([['t', offsets.map((fetchOffset, partition) => ({ partition, fetchOffset, maxBytes: 1 }))]])
}

/** The beginning of a Fetch response: throttle time, error, session. */
function response(id: number, errorCode = 0): Buffer {
  const raw = Buffer.alloc(14)
  raw.writeInt16BE(errorCode, 4)
  raw.writeInt32BE(id, 6)
  return raw
}

function asked(session: FetchSession, places: ReadonlyMap<string, readonly Place[]>): readonly unknown[] {
  const { sessionId, sessionEpoch, topics } = session.ask(places)
  const partitions = topics.flatMap(({ partitions }) => partitions.map(place => [place.partition, place.fetchOffset]))
  return [sessionId, sessionEpoch, partitions]
}

const ALL = [
  [0, 5],
  [1, 6],
]

test('the first names all partitions, those after it only what moved', () => {
  const session = new FetchSession()
  expect(asked(session, wanted(5, 6))).toEqual([0, 0, ALL])
  expect(session.answered(response(77))).toBe(true)
  expect(asked(session, wanted(5, 9))).toEqual([77, 1, [[1, 9]]])
  expect([session.offsetOf('t', 0), session.offsetOf('t', 1)]).toEqual([5, 9])
  expect(session.answered(response(77))).toBe(true)
  expect(asked(session, wanted(5, 9))).toEqual([77, 2, []])
})

test.each([
  ['that forgot it', 70],
  ['that is at another point of it', 71],
])('a broker %s is asked for everything again', (_what, errorCode) => {
  const session = new FetchSession()
  session.ask(wanted(5, 6))
  session.answered(response(77))
  session.ask(wanted(5, 9))
  expect(session.answered(response(0, errorCode))).toBe(false)
  expect(asked(session, wanted(5, 6))).toEqual([0, 0, ALL])
})

test('a broker that has no room for a session is asked for everything each time, and its answer counts', () => {
  const session = new FetchSession()
  session.ask(wanted(5, 6))
  expect(session.answered(response(0))).toBe(true)
  expect(session.offsetOf('t', 1)).toBe(6)
  expect(asked(session, wanted(5, 6))).toEqual([0, 0, ALL])
})
