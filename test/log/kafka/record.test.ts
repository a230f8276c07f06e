import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { type DeadLetter, EVENT_STREAMS, type EventStream, STATE_STREAMS } from '../../../src/log/index.ts'
import { recordOf } from '../../event/kafka-record.ts'
import { samples } from '../../event/samples.ts'

const TYPE = 'application/cloudevents+json; charset=UTF-8'

test.each([...samples()])('the headers of %s mirror the event, and none is null or empty', (name, event) => {
  const { headers, value } = recordOf({
    stream: `events.${name.split('.')[0] ?? ''}` as EventStream,
    key: 'k',
    value: event,
  })
  const { specversion, id, source, type, subject, time, dataschema } = event
  expect(headers).toEqual({
    'content-type': TYPE,
    ce_specversion: specversion,
    ce_id: id,
    ce_source: source,
    ce_type: type,
    ce_subject: subject,
    ce_time: time,
    ce_dataschema: dataschema,
    message_uuid: id,
  })
  expect(Object.values(headers)).not.toContain('')
  expect(JSON.parse(value?.toString() ?? 'null')).toEqual(event)
})

test('whatever is stored, no header is null, and only a state stream has records without a value', () => {
  const attribute = fc.oneof(fc.string(), fc.constant(null), fc.constant(undefined), fc.integer(), fc.constant({}))
  const names = ['specversion', 'id', 'source', 'type', 'subject', 'time', 'dataschema', 'kind', 'schema']
  const value = fc.record(Object.fromEntries(names.map(name => [name, attribute])), { requiredKeys: [] })
  fc.assert(
    fc.property(
      fc.constantFrom(...EVENT_STREAMS, ...STATE_STREAMS),
      fc.stringMatching(/^[a-z/0-9-]*$/),
      value,
      (stream, key, value) => {
        const record = recordOf({ stream, key, value })
        for (const header of Object.values(record.headers)) expect(header).toMatch(/./s)
        expect(record.headers['content-type']).toMatch(/^application\/(cloudevents\+)?json/)
        expect(record.value?.toString()).toBe(JSON.stringify(value))
      },
    ),
    { numRuns: 300 },
  )
  for (const stream of STATE_STREAMS) expect(recordOf({ stream, key: 'k', value: null }).value).toBeNull()
  for (const stream of EVENT_STREAMS)
    expect(() => recordOf({ stream, key: 'k', value: null })).toThrow(/takes no tombstone/)
})

test('a dead letter is plain JSON under the key that the record had, so in the same partition', () => {
  const key = 'prod-1/shop/web-1'
  const dead = recordOf({ stream: 'events.vm', key, value: { n: 1n } })
  const alive = recordOf({ stream: 'events.vm', key, value: { n: 1 } })
  expect([dead.stream, dead.key.toString(), dead.partition]).toEqual(['events.dead', key, alive.partition])
  expect(dead.headers).toEqual({ 'content-type': 'application/json' })
  expect(JSON.parse(dead.value?.toString() ?? '') as DeadLetter).toMatchObject({ schema: 1, kind: 'dead', key })
})
