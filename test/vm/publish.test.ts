import { expect, test } from 'vitest'
import { MAX_EVENT_BYTES } from '../../src/event/index.ts'
import { hostName, projectVm, vmEvent } from '../../src/vm/index.ts'
import { reachable, Story, vm, vmi } from './story.ts'

const AT = Date.UTC(2026, 10, 21, 12, 0, 0, 250)
const bytes = (value: object): number => Buffer.byteLength(JSON.stringify(value))

/** The most a VM can carry: 64 labels of 256 characters each, of three bytes. */
function laden(filler: string): Story {
  const labels = Object.fromEntries(
    Array.from({ length: 100 }, (_, index) => [`${index}${filler.repeat(400)}`, filler.repeat(400)]),
  )
  const part = projectVm({ metadata: { namespace: 'shop', name: 'web-1', uid: 'vm-1', labels } })
  return new Story().look(vm()).look(part, vmi())
}

test('a fact becomes a CloudEvent that says who, what, when and where', () => {
  const { last } = reachable()
  expect(vmEvent(last, AT)).toMatchObject({
    specversion: '1.0',
    id: last.id,
    source: '/hubs/hub1/clusters/prod-1',
    type: 'io.virtbridge.vm.reachable.v1',
    subject: 'prod-1/shop/web-1',
    time: '2026-11-21T12:00:00.250Z',
    datacontenttype: 'application/json',
    dataschema: 'https://virtbridge.io/schemas/vm-event-v1.json',
    data: {
      fact: 'reachable',
      host: 'web-1.shop.prod-1',
      time_epoch: Math.floor(AT / 1000),
      vm: { uid: 'vm-1', address: '10.0.0.1' },
    },
  })
})

test('every event of a VM says whether it was there before its cluster was adopted, long after that too', () => {
  const adopted = (story: Story): readonly unknown[] =>
    story.facts.map(fact => [fact.fact, vmEvent(fact, AT).data.vm.adopted])
  const live = (story: Story): Story =>
    story
      .look(vm(), vmi())
      .look(vm(), vmi({ uid: 'boot-2' }))
      .look(null)
  expect(adopted(live(new Story().look(vm(), vmi(), { adopting: true })))).toEqual([
    ['discovered', true],
    ['restarted', true],
    ['deleted', true],
  ])
  expect(adopted(live(new Story()))).toEqual([
    ['created', false],
    ['started', false],
    ['restarted', false],
    ['deleted', false],
  ])
})

test('a cluster without a hub has a source without one', () => {
  const { last } = reachable()
  expect(vmEvent({ ...last, about: { ...last.about, hub: '' } }, AT).source).toBe('/clusters/prod-1')
})

test('labels come as an object and as a list, in the same order', () => {
  const { last } = new Story().look(vm({ labels: { app: 'web', tier: '' } }))
  expect(vmEvent(last, AT).data.vm).toMatchObject({
    labels: { app: 'web', tier: '' },
    label_list: ['app=web', 'tier='],
  })
})

test('an event that would be larger than 16 KB loses its labels, says so, and is not dropped', () => {
  const events = laden('ü€').facts.map(fact => vmEvent(fact, AT))
  expect(events.map(event => event.data.fact)).toEqual(['created', 'labels_changed', 'started'])
  for (const event of events) expect(bytes(event)).toBeLessThanOrEqual(MAX_EVENT_BYTES)
  expect(events[1]?.data).toMatchObject({
    changed: [],
    message: '',
    trimmed: ['vm.labels', 'vm.label_list', 'changed'],
    vm: { labels: {}, label_list: [], name: 'web-1' },
  })
})

test('an event that fits is whole: the largest of them too', () => {
  const part = (length: number) => vm({ labels: { a: 'x'.repeat(length) } })
  const event = (length: number) => vmEvent(new Story().look(part(length)).last, AT)
  // Each character counts twice: in the object and in the list.
  const room = Math.floor((MAX_EVENT_BYTES - bytes(event(0))) / 2)
  expect(event(room).data.vm.labels).toEqual({ a: 'x'.repeat(room) })
  expect(event(room).data.trimmed).toEqual([])
  expect(event(room + 1).data.vm.labels).toEqual({})
})

test('a host name is read from the right, whatever dots a VM has in its name', () => {
  expect(hostName({ cluster: 'prod-1', namespace: 'shop', name: 'a.b' })).toBe('a.b.shop.prod-1')
})
