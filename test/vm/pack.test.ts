import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lineOf } from '../../bench/watch/objects.ts'
import { pack, searchFor, unpack } from '../../src/vm/pack.ts'
import { PackedMap } from '../../src/vm/packed-map.ts'
import { projectVm, projectVmi } from '../../src/vm/index.ts'
import { MAX_WARM } from '../../src/vm/warm.ts'
import { plainKey } from '../support/plain-key.ts'
import { vm, vmi } from './story.ts'

/** Few words that come again, long texts, keys that are no good keys. */
const text = fc.oneof(
  fc.constantFrom('', 'x', 'Running', 'worker-1', '10.0.0.7', '__proto__', 'constructor', 'é'.repeat(300), '\ud800'),
  fc.string(),
  fc.constantFrom('\u0000', 'ü', '💾', '\u2028', '"', '\\'),
  fc.uuid(),
)
const key = plainKey(text)
const { value } = fc.letrec<{ value: object }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.dictionary(
      key,
      fc.oneof(
        text,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
      ),
    ),
    fc.array(fc.oneof(text, fc.integer(), tie('value')), { maxLength: 5 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5 }),
  ),
}))

// These come first: what is packed later takes what room there is for what is learned.
describe('What is packed', () => {
  test('takes a fraction of its JSON when there are many alike', () => {
    for (let n = 0; n < 1_000; n += 1) pack(realVmi(n))
    const part = realVmi(1_001)
    const packed = pack(part)
    expect(typeof packed).toBe('string')
    expect(packed.length).toBeLessThan(0.35 * JSON.stringify(part).length)
  })

  test('is read by what was usual when it was packed, whatever is usual later', () => {
    const one = (n: number): object => ({ onlyHere: n < 100 ? 'off' : 'on', at: { level: n < 50 ? 1 : n } })
    const packed = Array.from({ length: 300 }, (_, n) => pack(one(n)))
    for (const [n, text] of packed.entries()) expect(unpack(text)).toStrictEqual(one(n))
    expect((packed[40] as string).length).toBeLessThan((packed[0] as string).length)
  })

  test('can be searched also for what is usual, and left out', () => {
    for (let n = 0; n < 20; n += 1) pack({ kind: 'PersistentVolumeClaim', numberOfIt: n })
    const packed = pack({ kind: 'PersistentVolumeClaim', numberOfIt: 20 })
    expect(packed).not.toContain('PersistentVolumeClaim')
    expect(searchFor('PersistentVolumeClaim')(packed)).toBe(true)
  })

  test('may be any part of a VM', () => {
    const parts = [
      vm(),
      vmi(),
      vm({ portrait: 'p'.repeat(5_000), labels: { a: 'b', '1': 'c' } }),
      realVm(7),
      realVmi(7),
    ]
    for (const part of parts) expect(unpack(pack(part))).toStrictEqual(part)
  })

  test('shares its long texts with who gave them', () => {
    const portrait = 'p'.repeat(5_000)
    expect(pack(vm({ portrait }))[1]).toBe(portrait)
  })

  test('finds so many texts again and no more: of more, each is there as often as it comes', () => {
    const texts = Array.from({ length: 3_000 }, (_, n) => `${n}-4a53-8a45-0c6f7a2b1d9e-5e1f6c3a9d0b`.slice(0, 36))
    const twice = { once: texts, again: texts }
    expect(unpack(pack(twice))).toStrictEqual(twice)
    expect(pack(twice).length).toBeGreaterThan(2_000 * 2 * 36)
    expect(pack(twice).length).toBeLessThan(JSON.stringify(twice).length)
  })

  test('comes back as JSON has it, with its keys in the same order, whatever it is', () => {
    fc.assert(
      fc.property(value, any => {
        const json = JSON.stringify(any)
        expect(JSON.stringify(unpack(pack(any)))).toBe(json)
        expect(unpack(pack(any))).toEqual(JSON.parse(json))
      }),
      { numRuns: 1_000 },
    )
  })

  test('has no -0, as JSON has none, whether it is usual or not', () => {
    const packed = Array.from({ length: 40 }, () => unpack(pack({ zero: -0 })))
    expect(packed).toEqual(packed.map(() => ({ zero: 0 })))
  })

  test('leaves out what is undefined, as JSON does', () => {
    expect(unpack(pack({ a: 1, b: undefined, c: { d: undefined } }))).toStrictEqual({ a: 1, c: {} })
  })

  test('learns 4,096 fields and 16,384 words at most, and packs what is beyond them all the same', () => {
    const odd = (n: number): object => ({ [`key-${n}`]: `value-${n}`, [`other-${n}`]: [`item-${n}`] })
    for (let n = 0; n < 20_000; n += 1) pack(odd(n))
    for (let n = 0; n < 100; n += 1) {
      const hostile = { common: `word-${n}`, more: odd(30_000 + n) }
      expect(unpack(pack(hostile))).toStrictEqual(hostile)
    }
    expect(pack(odd(40_000))).toBe(JSON.stringify([[odd(40_000)]]))
    expect(unpack(pack(vm()))).toStrictEqual(vm())
  })
})

describe('What is packed can be searched', () => {
  test('and no text that is in it is missed, whether it is a word by then or not', () => {
    fc.assert(
      fc.property(value, fc.string({ minLength: 3, maxLength: 300 }), (any, needle) => {
        const before = pack({ any, at: { needle } })
        for (let n = 0; n < 3; n += 1) pack({ needle })
        for (const packed of [before, pack({ needle, any })]) expect(searchFor(needle)(packed)).toBe(true)
      }),
    )
  })

  test('and most of what has not the text is passed over', () => {
    const map = new PackedMap<object>()
    for (let n = 0; n < 500; n += 1) map.set(`vm-${n}`, { name: `vm-${n}`, claim: `disk-${n}-root` })
    expect([...map.holding('disk-77-root')]).toContain('vm-77')
    expect([...map.holding('disk-77-root')].length).toBeLessThan(10)
    expect([...map.holding('disk-1000-root')]).toEqual([])
  })
})

describe('A packed map', () => {
  test('is as a Map is, whatever is done to it', () => {
    const commands = fc.array(
      fc.tuple(fc.constantFrom('set', 'delete', 'get', 'warm'), fc.constantFrom('a', 'b', 'c'), value),
    )
    fc.assert(
      fc.property(commands, steps => {
        const [map, packed] = [new Map<string, object>(), new PackedMap<object>()]
        for (const [act, key, any] of steps) {
          const one = JSON.parse(JSON.stringify(any)) as object
          if (act === 'warm') packed.warm(key)
          const told = [map, packed].map(either => {
            const answer = act === 'set' ? either.set(key, one) && null : act === 'delete' && either.delete(key)
            return [answer, either.get(key), either.has(key), either.size, [...either.keys()]]
          })
          expect(told[1]).toEqual(told[0])
        }
        for (const copy of [packed, PackedMap.of(map), PackedMap.of(packed)]) {
          expect([...copy]).toEqual([...map])
          expect([...copy.values()]).toEqual([...map.values()])
        }
      }),
    )
  })

  test('is not changed by what is done to a copy of it', () => {
    const map = PackedMap.of<object>([['a', { x: 1 }]])
    const copy = PackedMap.of(map)
    copy.set('a', { x: 2 })
    copy.delete('b')
    expect(map.get('a')).toEqual({ x: 1 })
  })

  test('holds what changes as it is, of all maps together 49,152 values, and packs the one that began to change first', () => {
    const [one, other] = [changed('a', 'b'), changed()]
    expect(isHeld(one, 'a')).toBe(true)
    one.set('a', { now: 'again' })
    change(other, MAX_WARM - 2)
    expect(isHeld(one, 'a')).toBe(true)
    change(other, 1)
    expect([isHeld(one, 'a'), isHeld(one, 'b')]).toEqual([false, true])
    expect(one.get('a')).toEqual({ now: 'again' })
  })

  test('holds as it is no value that is there for the first time, and gives a copy what changed', () => {
    const map = changed('a')
    map.set('b', { from: 'a list' })
    expect([isHeld(map, 'a'), isHeld(map, 'b'), isHeld(PackedMap.of(map), 'a')]).toEqual([true, false, false])
    expect([...PackedMap.of(map)]).toEqual([...map])
  })

  test('holds as it is what is told to be read again, and what it becomes then, until as many others have come', () => {
    const map = new PackedMap<object>().set('read', { now: 'old' }).set('changed', { now: 'old' })
    for (const key of ['read', 'changed', 'not there']) map.warm(key)
    map.set('changed', { now: 'new' })
    expect([isHeld(map, 'read'), isHeld(map, 'changed'), map.size]).toEqual([true, true, 2])
    const copy = PackedMap.of(map)
    change(changed(), MAX_WARM)
    expect([isHeld(map, 'read'), isHeld(map, 'changed')]).toEqual([false, false])
    for (const one of [map, copy])
      expect([...one]).toEqual([
        ['read', { now: 'old' }],
        ['changed', { now: 'new' }],
      ])
  })

  test('does not bring back what was taken out of it, or came again, when it was about to be packed', () => {
    const map = changed('gone', 'back')
    for (const key of ['gone', 'back']) map.delete(key)
    map.set('back', { now: 'another' })
    change(changed(), MAX_WARM)
    expect([...map]).toEqual([['back', { now: 'another' }]])
  })
})

/** A map of which these values changed. */
function changed(...keys: readonly string[]): PackedMap<object> {
  const map = new PackedMap<object>()
  for (const key of keys) map.set(key, { now: 'old' }).set(key, { now: 'new' })
  return map
}

/** So many more values of a map change. */
function change(map: PackedMap<object>, count: number): void {
  const from = map.size
  for (let n = from; n < from + count; n += 1) map.set(String(n), {}).set(String(n), { n })
}

/** What is packed is made anew whenever it is read. */
function isHeld(map: PackedMap<object>, key: string): boolean {
  return map.get(key) === map.get(key)
}

function realVm(n: number): ReturnType<typeof projectVm> {
  return projectVm((JSON.parse(lineOf('ADDED', 'virtualmachines', n, n, 'x')) as { object: object }).object)
}

function realVmi(n: number): ReturnType<typeof projectVmi> {
  return projectVmi((JSON.parse(lineOf('ADDED', 'virtualmachineinstances', n, n, 'x')) as { object: object }).object)
}
