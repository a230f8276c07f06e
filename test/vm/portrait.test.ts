import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { portray, readPortrait } from '../../src/vm/index.ts'
import { INSTANT, MAX_PORTRAIT, STATUS_KEYS } from '../../src/vm/portrait.ts'
import { readCrds } from '../servers/crds.ts'
import { reachable, Story, vm, vmi } from './story.ts'

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/kubernetes/${name}.json`, import.meta.url), 'utf8'))
}

const stable = (kind: 'vm' | 'vmi', object: unknown) => readPortrait(portray(kind, object, false), false)

interface SchemaPart {
  readonly properties?: Readonly<Record<string, SchemaPart>>
  readonly items?: SchemaPart
  readonly format?: string
}

describe('the portrait of an object', () => {
  test.each([
    ['vm', 'virtualmachines.kubevirt.io'],
    ['vmi', 'virtualmachineinstances.kubevirt.io'],
  ] as const)(
    'has every key of the status of a %s that KubeVirt defines, and knows which are instants',
    async (kind, crd) => {
      const found = (await readCrds()).get(crd) as unknown as {
        spec: { versions: { schema: { openAPIV3Schema: SchemaPart } }[] }
      }
      const status = found.spec.versions[0]?.schema.openAPIV3Schema.properties?.['status'] ?? {}
      expect(Object.keys(status.properties ?? {}).sort()).toEqual([...STATUS_KEYS[kind]].sort())
      expect(instantsOf(status).length).toBeGreaterThan(5)
      for (const key of instantsOf(status)) expect(key).toMatch(INSTANT)
    },
  )

  test('leaves out a key of a status that nobody has looked at', () => {
    const status = { phase: 'Running', heardOfTomorrow: 'what no KubeVirt of today says' }
    expect(stable('vmi', { metadata: {}, status }).status).toEqual({ phase: 'Running' })
  })

  test('holds no instant and no resourceVersion, unless they are asked for', () => {
    const line = portray('vmi', fixture('virtualmachineinstance'), false)
    expect(line).not.toMatch(/\d{4}-\d\d-\d\dT/)
    expect(readPortrait(line, true).version).toBeNull()
    const whole = portray('vmi', fixture('virtualmachineinstance'), true)
    expect(whole).toMatch(/"lastTransitionTime":"\d{4}/)
    expect(readPortrait(whole, true).version).toMatch(/^\d+$/)
    expect(readPortrait(whole, false)).toEqual(readPortrait(line, false))
  })

  test('leaves user data behind, whichever tool wrote it where, and says what it left', () => {
    const object = fixture('virtualmachine') as { metadata: object }
    const secret = '{"spec":{"template":{"userData":"#cloud-config\\npassword: dummy-password"}}}'
    const annotations = {
      'kubectl.kubernetes.io/last-applied-configuration': secret,
      'kapp.k14s.io/original': secret,
      'objectset.rio.cattle.io/applied': 'H4sIAAAAAAAA/4xU',
      'kopf.zalando.org/last-handled-configuration': '{}',
      'example.com/init': 'chpasswd: { list: "root:dummy-password" }',
      'example.com/note': 'the database of the shop',
    }
    const line = portray('vm', { ...object, metadata: { ...object.metadata, annotations } }, true)
    for (const word of ['dummy-password', 'chpasswd', 'cloud-config', 'userData', 'H4sI'])
      expect(line).not.toContain(word)
    const { left, annotations: kept } = readPortrait(line, true)
    expect(kept).toEqual({ 'example.com/note': 'the database of the shop' })
    expect(left).toHaveLength(5)
    expect(left).toContain('annotations.kapp.k14s.io/original')
  })

  test('is no longer than its bound: the largest pieces are left out first, and told', () => {
    const volumes = Array.from({ length: 500 }, (_, index) => ({
      name: `disk-${index}`,
      target: `vd${index}`,
      size: 1,
    }))
    const annotations = { small: 'x', long: 'y'.repeat(5_000) }
    const status = { phase: 'Running', volumeStatus: volumes, conditions: [{ message: 'm'.repeat(9_000) }] }
    const portrait = stable('vmi', { metadata: { annotations }, status })
    expect(portrait.annotations).toEqual({ small: 'x' })
    expect(Object.keys(portrait.status ?? {})).toEqual(['conditions', 'phase'])
    expect(portrait.left).toEqual(['annotations.long', 'status.conditions', 'status.volumeStatus'])
  })

  test('leaves labels out last, and only where they alone are too many', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`example.com/label-${at}`, 'x'.repeat(63)]))
    const status = { printableStatus: 'Running', conditions: [{ message: 'm'.repeat(3_000) }] }
    const fits = stable('vm', { metadata: { labels: many(250) }, status })
    expect([Object.keys(fits.labels).length, fits.left]).toEqual([250, ['status.conditions']])
    const none = stable('vm', { metadata: { labels: many(400) }, status })
    expect([none.labels, none.left]).toEqual([{}, ['status.conditions', 'status.printableStatus', 'labels']])
  })

  test('keeps the lines of a text, and no other control character', () => {
    const { annotations } = stable('vm', { metadata: { annotations: { note: 'a\nb\tc\u001b[31m\u202e\u0000d' } } })
    expect(annotations).toEqual({ note: 'a\nb\tc [31m  d' })
  })

  test('of anything at all is bounded and can be read again', () => {
    fc.assert(
      fc.property(fc.object({ maxDepth: 16, withBigInt: false }), fc.boolean(), (status, volatile) => {
        const line = portray(
          'vmi',
          { metadata: status, status: { conditions: [status], interfaces: status } },
          volatile,
        )
        expect(line.length).toBeLessThan(MAX_PORTRAIT + 4_096)
        expect(readPortrait(line, volatile).status).not.toBeNull()
      }),
      { verbose: true },
    )
    expect(readPortrait('no JSON', false)).toEqual({
      annotations: {},
      labels: {},
      status: null,
      version: null,
      left: [],
    })
  })
})

describe('portraits in a record', () => {
  const portrait = portray('vm', { status: { printableStatus: 'Running' } }, false)

  test('stand beside what facts come from, and make none', () => {
    const story = reachable()
    const [before, told] = [story.record, story.told]
    story.look(vm({ portrait }), vmi({ portrait: '{}' }))
    expect(story.told).toEqual(told)
    expect(story.record?.seen.portraits).toEqual({ vm: portrait, vmi: '{}' })
    const { portraits: _, ...seen } = story.record?.seen ?? {}
    expect({ ...story.record, seen }).toEqual(before)
  })

  test('are the same when only times and versions moved, so that no record is written for a beat', () => {
    const at = (time: string, resourceVersion: string) => {
      const conditions = [{ type: 'AgentConnected', status: 'True', lastProbeTime: time, lastTransitionTime: time }]
      const object = { metadata: { resourceVersion }, status: { conditions, phaseTransitionTimestamps: [{ time }] } }
      return vmi({ resourceVersion, portrait: portray('vmi', object, false) })
    }
    const story = new Story().look(vm({ portrait }), at('2026-01-01T00:00:00Z', '1')).wait(60_000)
    const before = story.record
    story.look(vm({ portrait }), at('2026-01-01T00:00:10Z', '2'))
    expect(story.record).toEqual(before)
  })

  test('are there when configuration wants them, and of a boot that can not be read the last one', () => {
    const story = new Story().look(vm({ portrait }), vmi({ portrait: '{}' }))
    expect(story.look(vm({ portrait }), 'unknown').record?.seen.portraits?.vmi).toBe('{}')
    expect(story.look(vm({ portrait }), null).record?.seen.portraits?.vmi).toBe('')
    expect(story.look(vm(), vmi()).record?.seen).not.toHaveProperty('portraits')
  })
})

function instantsOf(schema: SchemaPart): readonly string[] {
  const entries = Object.entries(schema.properties ?? {})
  const own = entries.filter(([, part]) => part.format === 'date-time').map(([key]) => key)
  const below = [...entries.map(([, part]) => part), ...(schema.items === undefined ? [] : [schema.items])]
  return [...own, ...below.flatMap(instantsOf)]
}
