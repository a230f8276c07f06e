import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isSame,
  KEY_SIZE,
  keyOf,
  MAX_SEALED_BYTES,
  seal,
  type SealingKey,
  sealingKey,
  spent,
  unseal,
} from '../../src/day2/sealed.ts'
import { MAX_SECRET_BYTES, MAX_SECRETS, sealedFault, type SealedSecrets, secretsFault } from '../../src/day2/secrets.ts'
import { Vault } from '../../src/day2/vault.ts'

const VALUE = 'Very-Particular-42'
const key = (fill: number) => sealingKey(Buffer.alloc(KEY_SIZE, fill))
const PLACE = { run: '0b0e5d0f-8c3e-4d8a-9f4b-9a11b6a3d6f0', name: 'db_password' }

/** Any secret that may be given, of any script. */
const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 300 })
const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/)
const place = fc.record({ run: fc.uuid(), name })
const bytes = fc.uint8Array({ minLength: KEY_SIZE, maxLength: KEY_SIZE })

describe('a sealed secret', () => {
  test('is opened by its key, for its place, and is what it was', () => {
    fc.assert(
      fc.property(bytes, place, text, (raw, where, secret) => {
        const own = sealingKey(raw)
        expect(unseal([own], where, seal(own, where, secret))).toEqual({ kind: 'open', text: secret })
      }),
    )
  })

  test('is refused when any one bit of it is another', () => {
    const { sealed } = seal(key(1), PLACE, VALUE)
    const whole = Buffer.from(sealed)
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const other = Buffer.from(whole)
      other.writeUInt8(other.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      const opened = unseal([key(1), key(2)], PLACE, { sealed: other.toString('latin1') })
      expect([bit, opened.kind]).not.toEqual([bit, 'open'])
    }
  })

  test('is refused when it is cut, or has more', () => {
    const { sealed } = seal(key(1), PLACE, VALUE)
    for (let length = 0; length < sealed.length; length += 1)
      expect(unseal([key(1)], PLACE, { sealed: sealed.slice(0, length) }).kind).not.toBe('open')
    for (const more of ['A', 'AAAA', '.', '=', ' ', '\n'])
      expect(unseal([key(1)], PLACE, { sealed: `${sealed}${more}` }).kind).not.toBe('open')
  })

  test('can be moved to no other run and no other variable', () => {
    fc.assert(
      fc.property(place, place, text, (where, other, secret) => {
        fc.pre(where.run !== other.run || where.name !== other.name)
        const sealed = seal(key(1), where, secret)
        expect(unseal([key(1)], other, sealed)).toEqual({ kind: 'broken' })
        expect(isSame([key(1)], other, sealed, secret)).toBe(false)
      }),
    )
  })

  test('shows nothing of itself: two of the same differ, and those of up to 62 bytes are equally long', () => {
    const all = ['a', VALUE, 'x'.repeat(62)].map(secret => seal(key(1), PLACE, secret).sealed)
    expect(new Set(all.map(one => one.length)).size).toBe(1)
    expect(seal(key(1), PLACE, VALUE)).not.toEqual(seal(key(1), PLACE, VALUE))
    const elsewhere = seal(key(1), { ...PLACE, run: 'another' }, VALUE).sealed
    expect(elsewhere.split('.')[2]).not.toBe(seal(key(1), PLACE, VALUE).sealed.split('.')[2])
  })

  test('without its box can not be opened, and still tells whether another is the same', () => {
    const rest = spent(seal(key(1), PLACE, VALUE))
    expect(unseal([key(1)], PLACE, rest)).toEqual({ kind: 'spent' })
    expect(spent(rest)).toEqual(rest)
    expect(isSame([key(2), key(1)], PLACE, rest, VALUE)).toBe(true)
    expect(isSame([key(1)], PLACE, rest, `${VALUE}!`)).toBe(false)
    expect(isSame([key(2)], PLACE, rest, VALUE)).toBe(null)
  })

  test('says which key sealed it, and a key shows nothing of what it is', () => {
    expect(keyOf(seal(key(1), PLACE, VALUE))).toBe(key(1).id)
    expect(keyOf({ sealed: 'what else' })).toBe('')
    expect(key(1).id).not.toBe(key(2).id)
    const shown = `${inspect(key(7), { depth: Infinity, showHidden: true })} ${JSON.stringify(key(7))}`
    expect(shown).not.toMatch(/07 07|BwcH|0707/)
  })

  test.each([0, 31, 33, 64])('a key of %i bytes is none', size => {
    expect(() => sealingKey(Buffer.alloc(size))).toThrow(RangeError)
  })
})

describe('a vault', () => {
  const SECRETS = { db_password: VALUE, pin: '4711' }

  test('seals with its first key and opens with all: so a key is rotated', () => {
    const before = new Vault(() => [key(1)])
    const sealed = before.seal(PLACE.run, SECRETS)
    const after = new Vault(() => [key(2), key(1)])
    expect(after.open(PLACE.run, sealed)).toEqual(SECRETS)
    expect(after.whyShut(sealed)).toBe('')
    expect(keyOf(after.seal(PLACE.run, SECRETS)['pin'] ?? { sealed: '' })).toBe(key(2).id)
  })

  test('without the key that sealed says which one is missing, and where it belongs', () => {
    const sealed = new Vault(() => [key(1)]).seal(PLACE.run, SECRETS)
    const rotated = new Vault(() => [key(2)])
    const why = `the secret db_password was sealed with the key ${key(1).id}, which is not there (there are ${key(2).id})`
    expect(rotated.whyShut(sealed)).toContain(why)
    expect(() => rotated.open(PLACE.run, sealed)).toThrow(why)
    expect(new Vault().whyShut(sealed)).toContain('none is configured here')
  })

  test('without any key seals nothing, and says how to make one', () => {
    expect(() => new Vault().seal(PLACE.run, SECRETS)).toThrow(
      expect.objectContaining({
        code: 'sealing_key',
        hint: expect.stringContaining('/dev/urandom | base64') as string,
      }),
    )
  })

  test('refuses what was sealed for another run', () => {
    const vault = new Vault(() => [key(1)])
    expect(() => vault.open('another', vault.seal(PLACE.run, SECRETS))).toThrow(/somebody changed the log/)
  })

  test.each<[boolean, string, Record<string, string>]>([
    [true, 'the same', SECRETS],
    [true, 'the same in another order', { pin: '4711', db_password: VALUE }],
    [false, 'another value', { ...SECRETS, pin: '4712' }],
    [false, 'another name', { db_password: VALUE, pan: '4711' }],
    [false, 'one less', { pin: '4711' }],
    [false, 'one more', { ...SECRETS, more: 'x' }],
    [false, 'none', {}],
  ])('%s: it is told whether secrets are %s, also when they were dropped', (same, _, secrets) => {
    const vault = new Vault(() => [key(3), key(1)])
    const sealed = new Vault(() => [key(1)]).seal(PLACE.run, SECRETS)
    const rest = Object.fromEntries(Object.entries(sealed).map(([each, one]) => [each, spent(one)]))
    expect([vault.areSame(PLACE.run, sealed, secrets), vault.areSame(PLACE.run, rest, secrets)]).toEqual([same, same])
  })
})

describe('what was sealed twice for one run', () => {
  const [one, two] = [key(1), key(2)]
  const of = (key: SealingKey, secrets: Record<string, string>) => new Vault(() => [key]).seal('r1', secrets)
  const dropped = (sealed: SealedSecrets): SealedSecrets =>
    Object.fromEntries(Object.entries(sealed).map(([name, each]) => [name, spent(each)]))

  test.each<[string, SealedSecrets, SealedSecrets, readonly SealingKey[], boolean]>([
    ['the same by one key, without any key', of(one, { a: 'x' }), of(one, { a: 'x' }), [], true],
    ['the same, when the first was dropped', dropped(of(one, { a: 'x' })), of(one, { a: 'x' }), [], true],
    ['the same by two keys', dropped(of(one, { a: 'x' })), of(two, { a: 'x' }), [two, one], true],
    [
      'the same by two keys, of which one is gone: nobody can tell',
      of(one, { a: 'x' }),
      of(two, { a: 'x' }),
      [one],
      false,
    ],
    ['another text', of(one, { a: 'x' }), of(one, { a: 'y' }), [one], false],
    ['another text by another key', of(one, { a: 'x' }), of(two, { a: 'y' }), [two, one], false],
    ['another name', of(one, { a: 'x' }), of(one, { b: 'x' }), [one], false],
    ['one more', of(one, { a: 'x' }), of(one, { a: 'x', b: 'x' }), [one], false],
    ['none', of(one, { a: 'x' }), {}, [one], false],
    ['none, twice', {}, {}, [], true],
  ])('is compared: %s', (_, first, later, keys, same) => {
    expect(new Vault(() => keys).areSealedSame('r1', first, later)).toBe(same)
  })
})

describe('secrets of a run', () => {
  test.each<[string, Record<string, unknown>]>([
    ['none', {}],
    ['a password', { db_password: VALUE }],
    ['one of any name', { join_with: VALUE }],
    ['a key of some lines', { tls_key: '-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n' }],
    ['one as large as may be', { a: 'x'.repeat(MAX_SECRET_BYTES) }],
    ['as many as may be', Object.fromEntries(Array.from({ length: MAX_SECRETS }, (_, at) => [`s${at}`, VALUE]))],
  ])('may be %s, and fit a record when they are sealed', (_, secrets) => {
    expect(secretsFault(secrets)).toBe('')
    expect(sealedFault(new Vault(() => [key(1)]).seal(PLACE.run, secrets as Record<string, string>))).toBe('')
  })

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['how a guest is reached', { ansible_password: VALUE }, /^ansible_password is not for a run to say/],
    ['of no name', { 'a-b': VALUE }, /^"a-b" is no name/],
    ['a number', { pin: 4711 }, /^the secret pin is no text$/],
    ['a list', { pin: [VALUE] }, /^the secret pin is no text$/],
    ['empty', { pin: '' }, /^the secret pin is empty$/],
    ['what a controller shows', { pin: '$encrypted$' }, /^the secret pin is what a controller shows/],
    ['an expression', { pin: `${VALUE}{{ 1 }}` }, /^the secret pin holds a template expression/],
    ['half a character', { pin: `${VALUE}\ud800` }, /^the secret pin has characters/],
    ['too large', { pin: 'ü'.repeat(MAX_SECRET_BYTES / 2 + 1) }, /^the secret pin has 4098 bytes, 4096 are the most$/],
    ['given twice', { twice: VALUE }, /^twice is given twice/],
    [
      'too many',
      Object.fromEntries(Array.from({ length: MAX_SECRETS + 1 }, (_, at) => [`s${at}`, VALUE])),
      /^17 secrets are too many, 16 are the most$/,
    ],
  ])('may not be %s: the reason tells the name alone', (_, secrets, fault) => {
    expect(secretsFault(secrets, { twice: 1 })).toMatch(fault)
    expect(secretsFault(secrets, { twice: 1 })).not.toContain(VALUE)
  })

  test('that are longer than sealed ones can be are refused', () => {
    expect(sealedFault({ a: { sealed: 'x'.repeat(MAX_SEALED_BYTES + 1) } })).toBe(
      'the secret a is longer than a sealed one can be',
    )
  })
})
