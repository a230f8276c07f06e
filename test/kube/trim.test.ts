import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lineOf, listOf } from '../../bench/watch/objects.ts'
import { Scratch, SCRATCH_BYTES } from '../../src/kube/scratch.ts'
import * as trim from '../../src/kube/trim.ts'
import { cpuMs } from '../support/cpu-time.ts'
import { plainKey } from '../support/plain-key.ts'

/** Of text, as of the bytes that are sent. */
const parseTrimmed = (json: string): unknown => trim.parseTrimmed(Buffer.from(json))
const trimmed = (json: string): string => trim.trimmed(Buffer.from(json)).toString('utf8')

/** Keys and texts that look like the marks by which managedFields are found. */
const HOSTILE = [
  'managedFields',
  'name',
  ',"managedFields":[',
  '],"name":',
  '\\',
  '"',
  '\\"',
  '],',
  '[',
  ']',
  '{',
  '}',
  ':',
  'ü',
  '\ud800',
]
const text = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string(),
  fc.array(fc.constantFrom(...HOSTILE)).map(parts => parts.join('')),
)
const key = plainKey(text)
const { value } = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof({ arbitrary: fc.constantFrom('managedFields', 'name'), weight: 3 }, { arbitrary: key, weight: 1 }),
      tie('value'),
      { maxKeys: 6 },
    ),
  ),
}))

/** Without any array under managedFields. */
function stripped(of: unknown): unknown {
  if (Array.isArray(of)) return of.map(stripped)
  if (typeof of !== 'object' || of === null) return of
  const kept = Object.entries(of).filter(([key, inner]) => key !== 'managedFields' || !Array.isArray(inner))
  return Object.fromEntries(kept.map(([key, inner]) => [key, stripped(inner)]))
}

describe('What is parsed without managedFields', () => {
  test('is what JSON.parse gives but for them, whatever the object, the order of its keys and its texts', () => {
    fc.assert(
      fc.property(value, fc.constantFrom(0, 1), (object, indent) => {
        const json = JSON.stringify(object, null, indent)
        expect(stripped(parseTrimmed(json))).toEqual(stripped(JSON.parse(json)))
      }),
      { numRuns: 2_000 },
    )
  })

  test('is what an API server sends but for them: lines of a watch, and all items of a list', () => {
    for (const plural of ['virtualmachines', 'virtualmachineinstances']) {
      const line = lineOf('MODIFIED', plural, 7, 8, 'new')
      const list = `{"items":[${listOf(plural, 0, 5)}]}`
      for (const json of [line, list]) {
        expect(parseTrimmed(json)).toEqual(stripped(JSON.parse(json)))
        expect(parseTrimmed(json)).not.toEqual(JSON.parse(json))
        expect(trimmed(json).length).toBeLessThan(0.6 * json.length)
      }
    }
  })

  test.each([
    ['an array among them that ends as they would', '{"a":{"x":1,"managedFields":[{"k":[1],"name":2}],"name":3}}'],
    ['another key before the name', '{"x":1,"managedFields":[1],"more":[2],"name":3}'],
    ['none of them, and both marks in texts', String.raw`{"x":",\"managedFields\":[","y":"],\"name\":"}`],
    ['a text among them with a bracket', '{"x":1,"managedFields":[{"f:]":{}}],"name":3}'],
    ['the last key', '{"x":1,"managedFields":[1]}'],
  ])('is what JSON.parse gives where their form is another: %s', (_, json) => {
    expect(parseTrimmed(json)).toEqual(JSON.parse(json))
  })

  test('of as many objects as are meant, the first: what comes after is left as it is, and not searched', () => {
    const list = `{"items":[${listOf('virtualmachines', 0, 3)}]}`
    const { items } = JSON.parse(list) as { items: readonly unknown[] }
    const one = trim.parseTrimmed(Buffer.from(list), 1)
    expect(one).toEqual({ items: [stripped(items[0]), ...items.slice(1)] })
    expect(trim.parseTrimmed(Buffer.from(list), 3)).toEqual(stripped({ items }))
  })

  test('is refused where it is no JSON, but inside of them', () => {
    expect(() => parseTrimmed('{"x":1,"managedFields":[1],"name":')).toThrow(SyntaxError)
    expect(() => parseTrimmed('{"x":1,"managedFields":[')).toThrow(SyntaxError)
    expect(parseTrimmed('{"x":1,"managedFields":[not JSON],"name":3}')).toEqual({ x: 1, name: 3 })
  })

  test('takes time in proportion to its length, however often the marks come', () => {
    const json = `{"a":{}${',"managedFields":[{}'.repeat(200_000)}`
    const cut = (): void => {
      expect(trimmed(json)).toBe(json)
      expect(trimmed(`${json}]`)).toBe(`${json}]`)
    }
    expect(cpuMs(cut)).toBeLessThan(2_000)
  })
})

test('Bytes are put together in the same room up to its size, and beyond it as well', () => {
  const scratch = new Scratch()
  const pieces = [1, SCRATCH_BYTES - 1, 1].map((size, n) => new Uint8Array(size).fill(n + 1))
  const [one, two, three] = [pieces.slice(0, 1), pieces.slice(0, 2), pieces].map(some => scratch.join(some))
  expect(two?.equals(Buffer.concat(pieces.slice(0, 2)))).toBe(true)
  expect(three?.equals(Buffer.concat(pieces))).toBe(true)
  expect([one?.buffer === two?.buffer, two?.buffer === three?.buffer]).toEqual([true, false])
})
