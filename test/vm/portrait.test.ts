import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { portray, readPortrait } from '../../src/vm/index.ts'
import { isBeat } from '../../src/vm/instant.ts'
import { MAX_PORTRAIT } from '../../src/vm/portrait-piece.ts'
import { STATUS_KEYS } from '../../src/vm/portrait-status.ts'
import { isSecretKey } from '../../src/vm/secret.ts'
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
    'takes no key of the status of a %s that KubeVirt defines for a secret, and none for an instant but those that are',
    async (kind, crd) => {
      const found = (await readCrds()).get(crd) as unknown as {
        spec: { versions: { schema: { openAPIV3Schema: SchemaPart } }[] }
      }
      const status = found.spec.versions[0]?.schema.openAPIV3Schema.properties?.['status'] ?? {}
      expect(Object.keys(status.properties ?? {}).sort()).toEqual([...STATUS_KEYS[kind]].sort())
      const keys = keysOf(status)
      const beats = keys.filter(([key]) => isBeat(key, 'x'))
      expect(beats.length).toBeGreaterThan(5)
      // The list of all instants of its phases has no format of its own.
      const instants = keys.filter(([key, format]) => format === 'date-time' || key === 'phaseTransitionTimestamps')
      expect(beats).toEqual(instants)
      expect(keys.filter(([key]) => key === 'spec' || isSecretKey(key, 'x'))).toEqual([])
    },
  )

  test('has the keys of a status that no KubeVirt of today has, in the order of all', () => {
    const status = { zeal: [1, { of: 'x' }], phase: 'Running', heardOfTomorrow: { what: 'it says', on: true } }
    const portrait = stable('vmi', { metadata: {}, status })
    expect(Object.entries(portrait.status ?? {})).toEqual([
      ['heardOfTomorrow', { what: 'it says', on: true }],
      ['phase', 'Running'],
      ['zeal', [1, { of: 'x' }]],
    ])
    expect(portrait.left).toEqual([])
  })

  test('is the same when what beats in keys that nobody has looked at beats on', () => {
    const at = (time: string, version: string, epoch: number) =>
      portray(
        'vmi',
        {
          metadata: { resourceVersion: version },
          status: {
            beat: time,
            tomorrow: {
              lastSeen: epoch,
              heartbeat: { count: epoch },
              uptime: `${epoch} s`,
              updated: time,
              objectResourceVersion: version,
              each: [{ name: 'a', probed: time.toLowerCase() }, time],
              by: { [time]: 'when' },
              upAt: null,
              outOfDate: false,
            },
          },
        },
        false,
      )
    const first = at('2026-01-01T00:00:00Z', '1', 1_767_225_600)
    expect(at('2026-01-01T00:00:10.123456+01:00', '2', 1_767_225_610)).toBe(first)
    expect(readPortrait(first, false).status).toEqual({ tomorrow: { each: [{ name: 'a' }], by: {}, outOfDate: false } })
    expect(readPortrait(first, false).left).toEqual([])
  })

  test('tells each instant of a key that nobody has looked at to who asks, and to nobody else', () => {
    const status = { beat: '2026-01-01T00:00:00Z', tomorrow: { lastSeen: 1, resourceVersion: '7', name: 'a' } }
    const line = portray('vm', { metadata: {}, status }, true)
    expect(readPortrait(line, true).status).toEqual(status)
    expect(readPortrait(line, false).status).toEqual({ tomorrow: { name: 'a' } })
  })

  test('leaves behind what may be a secret in a key that nobody has looked at, however deep, keeps the rest, and says so', () => {
    const status = {
      applied: '{"spec": {"running": true}}',
      adminPassword: 'dummy-password',
      phase: 'Running',
      tomorrow: {
        name: 'kept',
        disks: [{ name: 'cloudinitdisk' }, { cloudInitNoCloud: { userDataBase64: 'ZHVtbXk=' } }],
        copy: { spec: { x: 'dummy-password' } },
        lastAppliedTemplate: 'H4sI',
        joinToken: 'dummy-password',
        passwordSet: true,
        notes: ['#cloud-config', 'chpasswd: dummy-password', 'kept'],
        key: '-----BEGIN PRIVATE KEY-----',
      },
      conditions: [{ type: 'Ready', message: 'password: is a word here', userData: 'dummy-password' }],
    }
    const line = portray('vmi', { metadata: {}, status }, true)
    for (const word of ['dummy-password', 'ZHVtbXk', 'H4sI', '#cloud-config', 'PRIVATE', 'running'])
      expect(line).not.toContain(word)
    const { status: kept, left } = readPortrait(line, true)
    expect(kept).toEqual({
      phase: 'Running',
      tomorrow: {
        name: 'kept',
        disks: [{ name: 'cloudinitdisk' }, {}],
        copy: {},
        passwordSet: true,
        notes: ['kept'],
      },
      conditions: [{ type: 'Ready', message: 'password: is a word here' }],
    })
    expect(left).toEqual(['status.adminPassword', 'status.applied', 'status.conditions', 'status.tomorrow'])
  })

  test('would leave behind the user data of a spec, wherever in a status it stood', () => {
    const { spec } = fixture('virtualmachine') as { spec: object }
    expect(JSON.stringify(spec)).toContain('dummy-password')
    for (const status of [{ a: spec }, { a: { b: [{ c: spec }] } }, { a: { spec } }, { a: JSON.stringify({ spec }) }])
      expect(portray('vm', { metadata: {}, status }, true)).not.toMatch(/userData|#cloud-config|dummy-password/)
  })

  test('leaves out a key that Ansible would render, a terminal obey or no variable can be called, and says so', () => {
    const tomorrow = { '{% x %}': 1, '\u001b[31m': 2, __ansible_unsafe: 3, 'good.one': 4 }
    const portrait = stable('vm', { metadata: {}, status: { '{{ x }}': 1, 'no-variable': 2, tomorrow } })
    expect(portrait.status).toEqual({ tomorrow: { 'good.one': 4 } })
    expect(portrait.left).toEqual(['status.no-variable', 'status.tomorrow', 'status.{{ x }}'])
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

  test('is no longer than its bound: the largest pieces are left out first, of a list the last items, and told', () => {
    const volumes = Array.from({ length: 2_000 }, (_, index) => ({ name: `disk-${index}`, target: `vd${index}` }))
    const annotations = { small: 'x', long: 'y'.repeat(20_000) }
    const conditions = [{ message: 'm'.repeat(20_000) }]
    const status = { phase: 'Running', volumeStatus: volumes, conditions, guestOSInfo: { name: 'n'.repeat(16_384) } }
    const object = { metadata: { annotations }, status }
    const line = portray('vmi', object, false)
    expect([line.length > MAX_PORTRAIT - 100, line.length < MAX_PORTRAIT + 400]).toEqual([true, true])
    const portrait = readPortrait(line, false)
    expect(portrait.annotations).toEqual({ small: 'x' })
    expect(portrait.status).toMatchObject({
      phase: 'Running',
      conditions: [{ message: 'm'.repeat(16_384) }],
      guestOSInfo: status.guestOSInfo,
    })
    const kept = portrait.status?.['volumeStatus'] as readonly object[]
    expect(kept.length).toBeGreaterThan(500)
    expect(kept).toEqual(volumes.slice(0, kept.length))
    expect(portrait.left).toEqual(['annotations.long', 'status.conditions', 'status.volumeStatus'])
  })

  test('of a guest with very many interfaces keeps the first, as that is how it is reached', () => {
    const nic = (at: number) => ({
      name: at === 0 ? 'default' : '',
      interfaceName: `veth${at}`,
      ipAddress: `10.0.0.${at}`,
    })
    const interfaces = Array.from({ length: 2_000 }, (_, at) => nic(at))
    const { status, left } = stable('vmi', { metadata: {}, status: { interfaces, phase: 'Running' } })
    const kept = (status?.['interfaces'] ?? []) as readonly object[]
    expect([kept[0], left]).toEqual([nic(0), ['status.interfaces']])
  })

  test('leaves labels out last, and only where they alone are too many', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`example.com/label-${at}`, 'x'.repeat(63)]))
    const status = { printableStatus: 'Running', startFailure: { message: 'm'.repeat(3_000) } }
    const fits = stable('vm', { metadata: { labels: many(700) }, status })
    expect([Object.keys(fits.labels).length, fits.left]).toEqual([700, ['status.startFailure']])
    const none = stable('vm', { metadata: { labels: many(900) }, status })
    expect([none.labels, none.status, none.left]).toEqual([{}, status, ['labels']])
  })

  test('names what it left out one by one as long as that is not long itself', () => {
    const annotations = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, at) => [`example.com/password-${at}`, 'x']),
    )
    const status = Object.fromEntries(Array.from({ length: 3_000 }, (_, at) => [`password${at}`, 'x']))
    const line = portray('vm', { metadata: { annotations }, status }, false)
    expect([readPortrait(line, false).left, line.length < 200]).toEqual([['annotations', 'status'], true])
  })

  test('of an object without a status has none, whoever reads it', () => {
    const line = portray('vmi', { metadata: { resourceVersion: '7' } }, true)
    expect([readPortrait(line, true).status, readPortrait(line, false).status]).toEqual([null, null])
  })

  test('leaves behind an annotation that is called after a secret, or is user data of another kind', () => {
    const annotations = {
      'example.com/root-password': 'dummy',
      'example.com/join-token': 'dummy',
      'kubevirt.io/ignitiondata': '{"ignition": {"version": "3.2.0"}}',
      'example.com/user_data': 'I2Nsb3VkLWNvbmZpZw==',
      'example.com/initialised-by': 'cloud-init',
    }
    const { annotations: kept, left } = stable('vm', { metadata: { annotations } })
    expect([kept, left.length]).toEqual([{ 'example.com/initialised-by': 'cloud-init' }, 4])
  })

  test('keeps the lines of a text, and no other control character', () => {
    const { annotations } = stable('vm', { metadata: { annotations: { note: 'a\nb\tc\u001b[31m\u202e\u0000d' } } })
    expect(annotations).toEqual({ note: 'a\nb\tc [31m  d' })
  })

  test('is nested no deeper than the plugin takes of a variable, with a mark where Ansible would render a text', () => {
    let status: object = { bottom: '{{ x }}' }
    for (let depth = 0; depth < 40; depth += 1) status = { deeper: status }
    const portrait = stable('vm', { metadata: {}, status })
    expect(portrait.left).toEqual(['status.deeper'])
    let levels = 0
    for (let at: unknown = portrait.status; at !== null; at = Object.values(at as object)[0]) levels += 1
    expect([levels > 20, levels < 32]).toEqual([true, true])
  })

  test('of anything at all is bounded and can be read again', () => {
    fc.assert(
      fc.property(fc.object({ maxDepth: 16, withBigInt: false }), fc.boolean(), (status, volatile) => {
        const line = portray(
          'vmi',
          { metadata: status, status: { conditions: [status], interfaces: status, ...status } },
          volatile,
        )
        expect(line.length).toBeLessThan(MAX_PORTRAIT + 16_384)
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

/** Every key of a schema, at any depth, with the format of its value. */
function keysOf({
  properties = {},
  items,
}: SchemaPart): readonly (readonly [key: string, format: string | undefined])[] {
  const own = Object.entries(properties).flatMap(([key, part]) => [[key, part.format] as const, ...keysOf(part)])
  return items === undefined ? own : [...own, ...keysOf(items)]
}
