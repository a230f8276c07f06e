import { describe, expect, test } from 'vitest'
import { GuestIndex, type VmPart, type VmRecord } from '../../src/vm/index.ts'
import { MOVE_WINDOW_MS, TOGETHER_MS } from '../../src/vm/guests.ts'
import { HOLDS, Story, vm, vmi } from './story.ts'

const UUID = '5e1f6c3a-9d0b-4a53-8a45-0c6f7a2b1d9e'

/** A VM of another cluster, that runs or not. */
function there(runs: boolean, values: Partial<VmRecord> = {}, part: Partial<VmPart> = {}): VmRecord {
  const boot = runs ? vmi({ owner: 'vm-there', firmwareUuid: part.firmwareUuid ?? UUID }) : null
  const story = new Story().look(vm({ firmwareUuid: UUID, uid: 'vm-there', ...part }), boot)
  return { ...(story.record as VmRecord), cluster: 'prod-2', cluster_uid: 'cluster-2', ...values }
}

function indexOf(...records: readonly VmRecord[]): GuestIndex {
  const guests = new GuestIndex()
  for (const record of records) guests.replace(null, record)
  return guests
}

/** A VM with that firmware UUID that comes here. */
function come(guests: GuestIndex, part: Partial<VmPart> = {}): Story {
  return new Story().look(vm({ firmwareUuid: UUID, ...part }), null, { guests })
}

describe('the same guest on another cluster', () => {
  test('that does not run there has moved, and is not created', () => {
    const { last, record } = come(indexOf(there(false)))
    expect(last).toMatchObject({
      fact: 'moved',
      reason: 'arrived',
      transition: { from: 'prod-2/shop/web-1', to: 'prod-1/shop/web-1' },
    })
    expect(record?.descent).toEqual({ kind: 'move', from: 'prod-2/shop/web-1', by: '', run: 'vm-there' })
  })

  test('that runs on there is a copy: created', () => {
    expect(come(indexOf(there(true))).told).toEqual(['created'])
  })

  test('that runs there, as far as anybody saw before its cluster was lost, has moved', () => {
    const guests = indexOf(there(true))
    guests.see('cluster-2', false)
    expect(come(guests).told).toEqual(['moved'])
    guests.see('cluster-2', true)
    expect(come(guests).told).toEqual(['created'])
  })

  test('that runs there while this VM waits to receive it moves live: started when it runs here', () => {
    const story = come(indexOf(there(true)), { runStrategy: 'WaitAsReceiver' })
    story.look(vm({ firmwareUuid: UUID }), vmi({ phase: 'WaitingForSync' }))
    expect(story.told).toEqual(['moved'])
    expect(story.look(vm({ firmwareUuid: UUID }), vmi({ agentConnected: false })).told).toEqual(['moved', 'started'])
  })

  test('in a cluster that left the selection has moved, whatever it did last', () => {
    expect(come(indexOf(there(true, { out_of_scope: 'event' }))).told).toEqual(['moved'])
  })

  test('is news here when it was there, and not when it was not', () => {
    expect(come(indexOf(there(false, { adopted: true }))).record?.adopted).toBe(true)
    expect(come(indexOf(there(false))).record?.adopted).toBe(false)
  })

  test('is found by an adoption, and nothing moves', () => {
    const guests = indexOf(there(false))
    expect(new Story().look(vm({ firmwareUuid: UUID }), null, { guests, adopting: true }).told).toEqual(['discovered'])
  })

  test('keeps what is gone here from being cleaned up: moved, never deleted', () => {
    const story = new Story().look(vm({ firmwareUuid: UUID }), vmi({ firmwareUuid: UUID, agentConnected: false }))
    story.look(null, null, { guests: indexOf(there(true)), origin: 'sync', gap: true })
    expect(story.last).toMatchObject({
      fact: 'moved',
      reason: 'left',
      transition: { from: 'prod-1/shop/web-1', to: 'prod-2/shop/web-1' },
    })
    expect(story.record).toBeNull()
  })

  test('of the same cluster, under another name, is another VM: a copy', () => {
    const copy = there(false, { cluster: 'prod-1', cluster_uid: 'cluster-uid', name: 'web-2' })
    expect(come(indexOf(copy)).look(null, null, { guests: indexOf(copy) }).told).toEqual(['created', 'deleted'])
  })

  test.each([
    ['none', ''],
    ['all zeros', '00000000-0000-0000-0000-000000000000'],
    ['that of the user guide’s examples', '5d307ca9-b3ef-428c-8861-06e72d69f223'],
    ['made from the VM’s name alone, as KubeVirt did before 1.6', 'c6d9770f-afd4-5f89-9d1a-28d1dc62c4b9'],
  ])('can not be told by a UUID that is %s', (_, firmwareUuid) => {
    const guests = indexOf(there(false, {}, { firmwareUuid }))
    expect(come(guests, { firmwareUuid }).look(null, null, { guests }).told).toEqual(['created', 'deleted'])
  })

  test('has a life of its own from there on, whose ids are of this VM', () => {
    const guests = indexOf(there(false))
    const story = come(guests)
      .look(vm({ firmwareUuid: UUID }), vmi(), { guests })
      .wait(HOLDS.reachable)
    expect(story.told).toEqual(['moved', 'started', 'reachable'])
    expect(come(guests).facts[0]?.id).toBe(story.facts[0]?.id)
  })
})

describe('two VMs that were given one firmware UUID by hand', () => {
  const mine = vm({ firmwareUuid: UUID })
  const boot = vmi({ firmwareUuid: UUID, agentConnected: false })
  const halted = vm({ firmwareUuid: UUID, runStrategy: 'Halted', status: 'Stopped' })

  /** One that began to run here while the other ran there, and has run for so long. */
  function beside(ms: number, guests = indexOf(there(true))): Story {
    return new Story().look(mine, null, { guests }).look(mine, boot, { guests }).wait(ms)
  }

  test('and that ran beside each other for five minutes are two: the end of one is its end', () => {
    const guests = indexOf(there(true))
    const story = beside(TOGETHER_MS).look(halted, null, { guests }).wait(HOLDS.stopped).look(null, null, { guests })
    expect(story.told).toEqual(['created', 'started', 'stopped', 'deleted'])
  })

  test('is also the end of the other one, long after it was stopped', () => {
    const here = beside(0)
    const other = there(true)
    const gone = new Story()
    gone.record = { ...other, told: { ...other.told, ran_to: here.now + TOGETHER_MS } }
    gone.record = { ...gone.record, seen: { ...gone.record.seen, phase: '', boot: '' } }
    gone.now = here.now + 30 * MOVE_WINDOW_MS
    expect(gone.look(null, null, { guests: indexOf(here.record as VmRecord) }).told).toEqual(['deleted'])
  })

  test.each([
    ['that ran beside each other for a moment', beside(TOGETHER_MS - 1)],
    ['whose other one ran where nobody could see', beside(TOGETHER_MS, unseen())],
  ])('and %s may be one guest that moves: nothing is deleted', (_, story) => {
    expect(story.look(null, null, { guests: indexOf(there(true)) }).last).toMatchObject({
      fact: 'moved',
      reason: 'left',
    })
  })

  test('and of which one ended while nobody looked may be one guest: who knows how long it ran', () => {
    const guests = indexOf(there(true))
    const gap = { guests, origin: 'sync', gap: true } as const
    const story = beside(TOGETHER_MS).look(halted, null, gap).wait(HOLDS.stopped)
    expect(story.look(null, null, { guests }).last).toMatchObject({ fact: 'moved' })
    expect(beside(TOGETHER_MS).look(null, null, gap).last).toMatchObject({ fact: 'moved' })
  })

  test('and of which one came from the other stay one, however long both are seen', () => {
    const guests = indexOf(there(true))
    guests.see('cluster-2', false)
    const story = beside(0, guests)
    expect(story.told).toEqual(['moved', 'started'])
    guests.see('cluster-2', true)
    story.wait(TOGETHER_MS)
    const left = new Story()
    left.record = there(true)
    left.now = story.now
    expect(left.look(null, null, { guests: indexOf(story.record as VmRecord) }).told).toEqual(['moved'])
  })

  test.each([
    ['a week', MOVE_WINDOW_MS, 'moved'],
    ['more than a week', MOVE_WINDOW_MS + 1, 'created'],
  ])('and of which one has been down for %s when the other comes', (_, ms, fact) => {
    const other = there(false)
    const story = new Story()
    const down = { ...other, told: { ...other.told, ran_to: story.now - ms } }
    expect(story.look(mine, null, { guests: indexOf(down) }).told).toEqual([fact])
  })
})

function unseen(): GuestIndex {
  const guests = indexOf(there(true, { uid: 'vm-other', cluster: 'prod-3', cluster_uid: 'cluster-3' }))
  guests.see('cluster-3', false)
  return guests
}

describe('the index of guests', () => {
  test('does not take a UUID that was made from a name for an identity: testvm is 5a9fc181-… wherever KubeVirt 1.5 ran it', () => {
    const firmwareUuid = '5a9fc181-957e-5c32-9e5a-2de5e9673531'
    const guests = indexOf(there(true, {}, { firmwareUuid, name: 'testvm' }))
    expect(guests.elsewhere({ cluster_uid: 'cluster-uid', name: 'testvm', uid: 'vm-1' }, firmwareUuid)).toEqual([])
  })

  test('reads what is known where a cluster holds it, as it is by then; of the cluster that asks nothing is read', () => {
    const record = there(true)
    const records = new Map([['shop/web-1', record]])
    let reads = 0
    const counted = new Proxy(records, {
      get: (map, name) => (key: string) => {
        if (name === 'get') reads += 1
        return map[name as 'get'](key)
      },
    })
    const guests = new GuestIndex()
    guests.attach('prod-2', counted)
    guests.replace(null, record)
    const later = { ...record, resource_version: '999' }
    records.set('shop/web-1', later)
    guests.replace(record, later)
    expect(guests.elsewhere({ cluster_uid: 'cluster-2', name: 'web-1', uid: 'vm-1' }, UUID)).toEqual([])
    expect(reads).toBe(0)
    expect(guests.elsewhere({ cluster_uid: 'cluster-uid', name: 'web-1', uid: 'vm-1' }, UUID)).toEqual([later])
    const other = { ...later, seen: { ...later.seen, firmware_uuid: '' } }
    records.set('shop/web-1', other)
    guests.replace(later, other)
    expect(guests.elsewhere({ cluster_uid: 'cluster-uid', name: 'web-1', uid: 'vm-1' }, UUID)).toEqual([])
  })

  test('forgets a guest with its last VM, and knows each VM once', () => {
    const [one, other] = [there(true), there(false, { cluster: 'prod-3', cluster_uid: 'cluster-3', uid: 'vm-3' })]
    const guests = indexOf(one, one, other)
    const here = { cluster_uid: 'cluster-uid', name: 'web-1', uid: 'vm-1' }
    expect(guests.elsewhere(here, UUID.toUpperCase())).toEqual([one, other])
    guests.replace(one, null)
    expect(guests.elsewhere(here, UUID)).toEqual([other])
    guests.replace(other, null)
    expect(guests.elsewhere(here, UUID)).toEqual([])
  })
})
