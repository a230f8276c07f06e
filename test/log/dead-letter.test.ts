import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { deadLetter, whyNoJson } from '../../src/log/dead-letter.ts'
import { encode, MAX_RECORD_BYTES } from '../../src/log/encode.ts'
import type { Stream } from '../../src/log/index.ts'

const text = fc.oneof(
  fc.string({ maxLength: 40, unit: 'binary' }),
  fc.constantFrom('€'.repeat(4_000), '\u0000'.repeat(4_000), '\ud800'.repeat(4_000), '"\\'.repeat(4_000)),
)
const value = fc.dictionary(text, fc.oneof(text, fc.bigInt(), fc.constant(null), fc.array(text, { maxLength: 2 })), {
  maxKeys: 40,
  noNullPrototype: false,
})

test('a dead letter is small and plain, whatever died', () => {
  fc.assert(
    fc.property(value, text, text, (value, key, reason) => {
      const entry = { stream: 'events.vm', key, value } as const
      const letter = deadLetter(entry, { cause: 'not_json', reason, bytes: 0, at: 7 })
      const json = JSON.stringify(letter)
      expect(Buffer.byteLength(json)).toBeLessThanOrEqual(8_192)
      // A control character or half a surrogate pair would stand escaped.
      expect(json).not.toMatch(/(^|[^\\])(\\\\)*\\u[0-9a-f]{4}/)
      expect(letter.fields.length).toBeLessThanOrEqual(16)
      expect([letter.stream, letter.cause, letter.at]).toEqual(['events.vm', 'not_json', 7])
    }),
    { numRuns: 300 },
  )
})

test('no value of what died is in its letter, only the names and types of its fields', () => {
  const value = {
    id: 'hunter2',
    type: 'hunter2',
    password: 'hunter2',
    list: ['hunter2'],
    nothing: null,
    n: 1n,
    no: undefined,
  }
  const { records } = encode([{ stream: 'events.vm', key: 'k', value }], {}, 0)
  expect(records[0]?.json).not.toContain('hunter2')
  expect(JSON.parse(records[0]?.json ?? '')).toMatchObject({
    event_id: '',
    event_type: '',
    fields: [
      'id: string',
      'type: string',
      'password: string',
      'list: list',
      'nothing: null',
      'n: bigint',
      'no: undefined',
    ],
  })
})

test.each([
  [new TypeError('Do not know how to serialize a BigInt'), 'a value in it is a BigInt'],
  [new TypeError('Converting circular structure to JSON\n  --> hunter2'), 'it contains itself'],
  [new RangeError('Maximum call stack size exceeded'), 'it is too deep, or too long for a text'],
  [new Error('hunter2'), 'reading it threw Error'],
  ['hunter2', 'reading it threw what is no error'],
])('%s is told as %s', (error, told) => {
  expect(whyNoJson(error)).toBe(told)
})

test('whatever is appended, each entry is stored or told, in order, and nothing is larger than a record may be', () => {
  const streams = ['events.vm', 'events.cluster', 'events.day2', 'state.fleet', 'state.runs', 'commands'] as const
  const entry = fc.record({
    stream: fc.constantFrom<Stream>(...streams),
    key: fc.string(),
    value: fc.oneof({ weight: 9, arbitrary: fc.dictionary(fc.string(), fc.jsonValue()) }, fc.constant({ n: 1n })),
  })
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), entries => {
      const bad = entries.filter(({ value }) => typeof value['n'] === 'bigint')
      const refused = bad.some(({ stream }) => !stream.startsWith('events.'))
      const { records, refusal } = encode(entries, {}, 0)
      expect(refusal?.reaction).toBe(refused ? 'refused' : undefined)
      const wanted = refused ? bad : entries
      expect(records.map(({ key }) => key)).toEqual(wanted.map(({ key }) => key))
      for (const [index, { json, stream }] of records.entries()) {
        expect(stream).toBe(bad.includes(wanted[index] as never) ? 'events.dead' : wanted[index]?.stream)
        expect(Buffer.byteLength(json ?? '')).toBeLessThanOrEqual(MAX_RECORD_BYTES)
      }
    }),
    { numRuns: 300 },
  )
})
