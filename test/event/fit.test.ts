import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOf, type Event, fitted, MAX_EVENT_BYTES } from '../../src/event/index.ts'
import { faultsOf, type Kind, published } from './published.ts'
import { nameOf, samples } from './samples.ts'

/** What is anybody's guess: long, multi-byte, escaped in JSON (one character of six bytes), half of a pair. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc
    .tuple(fc.constantFrom('x', 'ü', '€', '🦊', '\u0000', '"\\', '\ud800', 'labels.'), fc.nat({ max: 3_000 }))
    .map(([unit, times]) => unit.repeat(times)),
)
/** Names and uids, as long as they are anywhere. */
const name = fc.oneof(
  fc.stringMatching(/^[a-z0-9]{1,253}$/),
  fc.constantFrom('x'.repeat(253), '\u0001'.repeat(255), '€'.repeat(512)),
)

/** What an event is about: no cut may touch it. */
const IDENTITY =
  'fact origin previous host uid vm_uid run.id run.verb cluster.name cluster.hub vm.name vm.namespace vm.uid'.split(' ')

interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly maxItems?: number
  readonly maxProperties?: number
  readonly additionalProperties?: Schema | false
  readonly enum?: readonly unknown[]
  readonly pattern?: string
}

/** Any event that its schema allows, laid over a sample: every text, list and map may be as large as can be. */
function anyOf(sample: Event): fc.Arbitrary<Event> {
  const kind = nameOf(sample).split('.')[0] as Kind
  const { properties } = published(kind) as { properties: { data: Schema } }
  const data = anyValue(properties.data, sample.data, '').map(value => value as Event['data'])
  return fc.tuple(data, name).map(([data, subject]) => ({ ...sample, subject, data: { ...data, trimmed: [] } }))
}

function anyValue(schema: Schema, sample: unknown, path: string): fc.Arbitrary<unknown> {
  const whole = fc.constant(sample)
  if (schema.properties !== undefined) {
    const fields = Object.entries(sample as object).map(([key, value]: [string, unknown]) => {
      const at = path === '' ? key : `${path}.${key}`
      return [key, anyValue(schema.properties?.[key] ?? {}, value, at)] as const
    })
    return fc.record(Object.fromEntries(fields))
  }
  if (path === 'trimmed' || path === 'previous' || path === 'time_epoch') return whole
  if (schema.enum !== undefined || schema.pattern !== undefined) return whole
  if (schema.type === 'string') return IDENTITY.includes(path) ? name : fc.oneof(whole, text)
  if (schema.type === 'array') {
    const most = schema.maxItems ?? 300
    return fc.oneof(whole, fc.array(text, { maxLength: most }), heavy(most))
  }
  if (schema.type === 'object' && schema.additionalProperties) {
    const inner: fc.Arbitrary<unknown> = schema.additionalProperties.type === 'string' ? text : fc.nat()
    return fc.oneof(whole, fc.dictionary(text, inner, { maxKeys: schema.maxProperties ?? 300, noNullPrototype: true }))
  }
  return whole
}

function heavy(items: number): fc.Arbitrary<string[]> {
  return text.map(one => Array.from({ length: items }, (_, index) => `${index % 2 === 0 ? 'labels.' : ''}${one}`))
}

function at(data: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], data)
}

/** Paths of what differs, lists and open maps as a whole. */
function differences(before: unknown, after: unknown, path = ''): readonly string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  const deeper = typeof before === 'object' && before !== null && !Array.isArray(before)
  if (!deeper || path === 'vm.labels' || path === 'counts') return [path]
  return Object.entries(before).flatMap(([key, value]: [string, unknown]) =>
    key === 'trimmed'
      ? []
      : differences(value, (after as Record<string, unknown>)[key], path === '' ? key : `${path}.${key}`),
  )
}

describe('whatever an event holds', () => {
  test.each([...samples()])(
    '%s is stored in 16 KB at most, valid, its identity untouched, and says what it lost',
    (name, sample) => {
      const kind = name.split('.')[0] as Kind
      fc.assert(
        fc.property(anyOf(sample), event => {
          const fits = fitted(event)
          expect(bytesOf(fits)).toBeLessThanOrEqual(MAX_EVENT_BYTES)
          expect(faultsOf(kind, fits)).toEqual([])
          const { data: before, ...context } = event
          const { data: after, ...same } = fits
          expect(same).toEqual(context)
          for (const path of IDENTITY) expect(at(after, path)).toEqual(at(before, path))
          expect(Object.keys(after)).toEqual(Object.keys(before))
          expect([...(after.trimmed ?? [])].sort()).toEqual([...differences(before, after)].sort())
          expect(fits === event).toBe(bytesOf(event) <= MAX_EVENT_BYTES)
          expect(fitted(fits)).toBe(fits)
        }),
        { numRuns: 15 },
      )
    },
  )
})

const [, vm] = [...samples()].find(([name]) => name === 'vm.started') ?? ['', undefined]
const [, run] = [...samples()].find(([name]) => name === 'day2.run_finished') ?? ['', undefined]

function withData(sample: Event | undefined, data: object): Event {
  if (sample === undefined) throw new Error('there is no such sample')
  return { ...sample, data: { ...sample.data, ...data } }
}

describe('the rule', () => {
  test('a text is cut to 256 bytes as stored, between characters, and only when the event is too large', () => {
    const long = 'x'.repeat(10_000)
    expect(fitted(withData(vm, { message: long })).data).toMatchObject({ message: long, trimmed: [] })
    for (const unit of ['x', 'é', '🦊', '\u0001', '"']) {
      const { data } = fitted(withData(vm, { message: unit.repeat(20_000), reason: 'short' }))
      const { message, reason, trimmed } = data as { message: string; reason: string; trimmed: readonly string[] }
      const bytes = Buffer.byteLength(JSON.stringify(message)) - 2
      expect(bytes).toBeLessThanOrEqual(256)
      expect(bytes).toBeGreaterThan(256 - 8)
      expect(message.replaceAll(unit, '')).toBe('…')
      expect(message.isWellFormed()).toBe(true)
      expect([reason, trimmed]).toEqual(['short', ['message']])
    }
  })

  test('texts go before labels, labels before other lists; what fits is left', () => {
    const labels = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`l${n}`, 'x'.repeat(100)]))
    const label_list = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
    const about = (vm?.data as { vm?: object } | undefined)?.vm
    const laden = { vm: { ...about, labels, label_list }, changed: ['boot', 'labels.l1'] }
    expect(fitted(withData(vm, { ...laden, message: 'x'.repeat(9_000) })).data).toMatchObject({
      vm: { labels },
      changed: ['boot', 'labels.l1'],
      trimmed: ['message'],
    })
    const wide = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`l${n}`, 'x'.repeat(250)]))
    expect(fitted(withData(vm, { ...laden, vm: { ...about, labels: wide, label_list } })).data).toMatchObject({
      vm: { labels: {}, label_list: [] },
      changed: ['boot'],
      trimmed: ['vm.labels', 'vm.label_list', 'changed'],
    })
    const changed = Array.from({ length: 128 }, () => 'x'.repeat(200))
    expect(fitted(withData(vm, { changed })).data).toMatchObject({
      changed: [],
      vm: { labels: {} },
      trimmed: ['vm.labels', 'vm.label_list', 'changed'],
    })
  })

  test('of a run the counts go last, and its id, host and number of hosts stay', () => {
    const counts = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`outcome-${n}`, n]))
    expect(fitted(withData(run, { counts, message: 'x'.repeat(300) })).data).toMatchObject({
      counts: {},
      hosts: 1,
      run: { id: '9b3f3f0e-7f55-4c0b-8b5f-3d4a8a0c7f01' },
      trimmed: ['message', 'counts'],
    })
  })
})
