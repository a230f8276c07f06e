import { describe, expect, test } from 'vitest'
import { CLUSTER_FACTS, DAY2_FACTS, type Event, MAX_EVENT_BYTES, ORIGINS, VM_FACTS } from '../../src/event/index.ts'
import { page } from '../docs/documents.ts'
import { shownRecord } from './kafka-record.ts'
import { CAME_LATER, faultsOf, type Kind, KINDS, published } from './published.ts'
import { nameOf, samples } from './samples.ts'

const CATALOGUE = { vm: VM_FACTS, cluster: CLUSTER_FACTS, day2: DAY2_FACTS } as const
const NAMES = KINDS.flatMap(kind => CATALOGUE[kind].map(fact => `${kind}.${fact}`))

function faultsIn(name: string, event: object): readonly string[] {
  return faultsOf(name.split('.')[0] as Kind, event)
}

/** Every object of a schema, with where it is. */
function objectsOf(schema: unknown, at = ''): { at: string; schema: Record<string, unknown> }[] {
  if (typeof schema !== 'object' || schema === null) return []
  const below = Object.entries(schema).flatMap(([key, value]) => objectsOf(value, `${at}/${key}`))
  return 'type' in schema && schema.type === 'object' ? [{ at, schema }, ...below] : below
}

/** The same event with one thing wrong at every key, however deep: gone, null, or of another type. */
function* spoilt(event: object): Iterable<{ readonly how: string; readonly event: object }> {
  const copy = (): object => structuredClone(event)
  const paths = pathsOf(event).filter(path => !['labels', 'counts'].includes(path.at(-2) ?? ''))
  for (const path of paths) {
    const parent = (root: object): Record<string, unknown> =>
      path.slice(0, -1).reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], root) as Record<
        string,
        unknown
      >
    const key = path.at(-1) ?? ''
    const without = copy()
    delete parent(without)[key]
    if (!CAME_LATER.has(key)) yield { how: `${path.join('.')} gone`, event: without }
    for (const wrong of [null, { unexpected: true }]) {
      const other = copy()
      parent(other)[key] = wrong
      yield { how: `${path.join('.')} ${JSON.stringify(wrong)}`, event: other }
    }
  }
}

function pathsOf(value: object, at: readonly string[] = []): readonly (readonly string[])[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const path = [...at, key]
    const deeper = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? pathsOf(inner, path) : []
    return [path, ...deeper]
  })
}

describe('the schemas', () => {
  test.each(KINDS)('of %s events say what the catalogue says, and carry their own name', kind => {
    const schema = published(kind) as {
      $id: string
      properties: {
        type: { enum: string[] }
        dataschema: { const: string }
        data: { properties: { fact: { enum: string[] } } }
      }
    }
    expect(schema.properties.data.properties.fact.enum).toEqual(CATALOGUE[kind])
    expect(schema.properties.type.enum).toEqual(CATALOGUE[kind].map(fact => `io.virtbridge.${kind}.${fact}.v1`))
    expect([schema.$id, schema.properties.dataschema.const]).toEqual(
      Array(2).fill(`https://virtbridge.io/schemas/${kind}-event-v1.json`),
    )
  })

  test.each(KINDS)('of %s events are strict: every key required but what came later, no other allowed', kind => {
    const closed = objectsOf(published(kind)).filter(({ schema }) => schema['properties'] !== undefined)
    expect(closed.length).toBeGreaterThan(2)
    for (const { at, schema } of closed) {
      expect([at, schema['additionalProperties']]).toEqual([at, false])
      const keys = Object.keys(schema['properties'] as object).filter(key => !CAME_LATER.has(key))
      expect([at, schema['required']]).toEqual([at, keys])
    }
  })

  test.each(['vm', 'cluster'] as const)('of %s events know every origin', kind => {
    const { properties } = published(kind) as { properties: { data: { properties: { origin: { enum: string[] } } } } }
    expect(properties.data.properties.origin.enum).toEqual(ORIGINS)
  })
})

describe('every fact of the catalogue', () => {
  test('is made by the code', () => {
    expect([...samples().keys()].sort()).toEqual([...NAMES].sort())
  })

  test.each([...samples()])('%s is a CloudEvent of its schema, and small', (name, event) => {
    expect(faultsIn(name, event)).toEqual([])
    expect(nameOf(event)).toBe(`${name.split('.')[0] ?? ''}.${(event.data as { fact: string }).fact}`)
    expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThanOrEqual(MAX_EVENT_BYTES)
    expect(JSON.stringify(event)).not.toContain('null')
  })

  test.each([...samples()])('%s with anything missing, null or of another type is refused', (name, event) => {
    const accepted = [...spoilt(event)].filter(one => faultsIn(name, one.event).length === 0)
    expect(accepted.map(one => one.how)).toEqual([])
  })

  test('has an id of its own', () => {
    expect(new Set([...samples().values()].map(event => event.id)).size).toBe(NAMES.length)
  })
})

describe('docs/events.md', () => {
  const sections = page('docs/events.md').text.split(/^### /m).slice(1)

  test('shows an event as the record that a consumer of Kafka gets', () => {
    const started = samples().get('vm.started')
    const shown = page('docs/events.md').text.split('```text\n')[1]?.split('\n```')[0]
    expect(shown).toBe(started === undefined ? '' : shownRecord(started))
  })

  test('has a section for every fact of the catalogue, in its order, and for nothing else', () => {
    expect(sections.map(section => section.split('\n', 1)[0] ?? '')).toEqual(NAMES)
  })

  test.each(sections.map(section => [section.split('\n', 1)[0] ?? '', section] as const))(
    '%s says what causes it, what not to conclude, what its id is of, and shows one',
    (name, section) => {
      const [, cause = ''] = section.split(/\n\n/)
      expect(cause).toMatch(/^[A-Z][^\n]{20,}\.$/m)
      expect(cause).not.toMatch(/^(Pitfalls|Thing of its id):/)
      expect(section).toMatch(/^Pitfalls: .{20,}\.$/m)
      expect(section).toMatch(/^Thing of its id: ./m)
      const blocks = [...section.matchAll(/^```json\n([\s\S]*?)^```/gm)].map(
        match => JSON.parse(match[1] ?? '') as Event,
      )
      expect(blocks.map(block => [nameOf(block), faultsIn(name, block)])).toEqual([[name, []]])
      expect(blocks[0]).toEqual(samples().get(name))
    },
  )
})
