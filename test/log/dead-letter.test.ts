import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { type DeadLetter, deadLetter, whyNoJson } from '../../src/log/dead-letter.ts'
import { encode, MAX_RECORD_BYTES } from '../../src/log/encode.ts'
import type { Stream } from '../../src/log/index.ts'
import { FOLD_MS, LetterBook } from '../../src/log/letter-book.ts'

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

/** Letters of an append of one record, made at a time. */
function lettersOf(book: LetterBook, key: string, at: number, more: { stream?: Stream; value?: object } = {}): number {
  const entry = { stream: more.stream ?? 'events.vm', key, value: more.value ?? { n: 1n } }
  return encode([entry], { letters: book }, at).records.length
}

test('what dies again as it did has one letter an hour', () => {
  const book = new LetterBook()
  const counts = [0, 1, FOLD_MS - 1, FOLD_MS, FOLD_MS + 1].map(at => lettersOf(book, 'k', at))
  expect(counts).toEqual([1, 0, 0, 1, 0])
  // The clock was put back.
  expect(lettersOf(book, 'k', 0)).toBe(1)
})

test('another stream, key, event or reason has a letter of its own; another size has not', () => {
  const book = new LetterBook()
  const id = (n: number): object => ({ id: `6a6a1f7e-0000-5000-8000-00000000000${n}`, n: 1n })
  const large = (more: number): object => ({ filler: 'x'.repeat(MAX_RECORD_BYTES + more) })
  const all: [string, { stream?: Stream; value?: object }, number][] = [
    ['k', {}, 1],
    ['other', {}, 1],
    ['k', { stream: 'state.fleet' }, 1],
    ['k', { value: id(1) }, 1],
    ['k', { value: id(2) }, 1],
    ['k', { value: id(1) }, 0],
    ['k', { value: large(1) }, 1],
    ['k', { value: large(2) }, 0],
  ]
  for (const [key, more, letters] of all) expect(lettersOf(book, key, 1, more)).toBe(letters)
})

test('a record that is refused stays refused when its letter was written before, and nobody is told twice', () => {
  const told: string[] = []
  const options = { letters: new LetterBook(), onDead: ({ key }: DeadLetter): void => void told.push(key) }
  const entry = { stream: 'state.runs', key: 'run/1', value: { n: 1n } } as const
  for (const letters of [1, 0]) {
    const { records, refusal } = encode([entry], options, 5)
    expect([records.length, refusal?.reaction]).toEqual([letters, 'refused'])
  }
  expect(told).toEqual(['run/1'])
})

test('a thousand letters are remembered, and the oldest is forgotten first', () => {
  const book = new LetterBook()
  for (let n = 0; n < 1_000; n += 1) lettersOf(book, `k${n}`, 1)
  expect([lettersOf(book, 'k0', 2), lettersOf(book, 'k999', 2)]).toEqual([0, 0])
  lettersOf(book, 'one more', 2)
  expect([lettersOf(book, 'k999', 2), lettersOf(book, 'k0', 2)]).toEqual([0, 1])
})
