import * as fc from 'fast-check'
import { v5 as uuid5 } from 'uuid'
import { expect, test } from 'vitest'
import { digestOf, envelope, factId, plainText } from '../../src/event/index.ts'

test('an id is the same for the same thing, for ever: these are keys in other systems', () => {
  expect(factId('cluster', 'vm', 'created', [])).toBe('cce380b4-9b13-583c-87df-35929a661060')
  expect(factId('cluster', 'vm', 'started', ['boot'])).toBe('d6f3d903-35e0-5cc5-9c3d-4f80855dd5b8')
})

test('an id is a UUIDv5 as any other program makes it', () => {
  const text = fc.oneof(fc.string({ maxLength: 9 }), fc.constantFrom('', 'ü', '\ud800', '💾'))
  fc.assert(
    fc.property(text, text, (uid, thing) => {
      const name = JSON.stringify(['c', uid, 'created', thing])
      expect(factId('c', uid, 'created', [thing])).toBe(uuid5(name, '0f2a7a52-8a3e-5c0f-9d6b-6f1f5a3c7e21'))
    }),
  )
})

test('whatever differs, the id differs: no two parts can run into one another', () => {
  const thing = fc.tuple(
    fc.string(),
    fc.string(),
    fc.constantFrom('started', 'stopped'),
    fc.array(fc.string(), { maxLength: 3 }),
  )
  fc.assert(
    fc.property(thing, thing, (one, other) => {
      expect(factId(...one) === factId(...other)).toBe(JSON.stringify(one) === JSON.stringify(other))
    }),
    { numRuns: 300 },
  )
})

test('a digest tells before from after, and is short', () => {
  expect(digestOf('a', 'b')).not.toBe(digestOf('b', 'a'))
  expect(digestOf('a', 'b')).toMatch(/^[0-9a-f]{32}$/)
})

test.each([
  ['\u001b[2Jx', '[2Jx'],
  ['a\nb\tc', 'a b c'],
  ['\u202eevil', 'evil'],
  ['x'.repeat(300), 'x'.repeat(256)],
  [`${'x'.repeat(255)}😀`, 'x'.repeat(255)],
  [`${'x'.repeat(254)}😀`, `${'x'.repeat(254)}😀`],
  [' padded ', 'padded'],
  [7, ''],
  [null, ''],
])('guest text %j is kept as %j', (raw, kept) => {
  expect(plainText(raw)).toBe(kept)
})

test.each([
  [{ name: 'prod-1', hub: '' }, '/clusters/prod-1'],
  [{ name: 'prod-1', hub: 'hub1' }, '/hubs/hub1/clusters/prod-1'],
  [{ name: '', hub: '' }, '/virtbridge'],
])('the source of %j is %s', (cluster, source) => {
  expect(envelope({ kind: 'vm', id: 'i', fact: 'f', cluster, subject: 's', at: 0, data: {} }).source).toBe(source)
})
