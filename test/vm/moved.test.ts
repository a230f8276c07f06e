import { describe, expect, test } from 'vitest'
import { GuestIndex, type VmPart, type VmRecord } from '../../src/vm/index.ts'
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

describe('the index of guests', () => {
  test('does not take a UUID that was made from a name for an identity: testvm is 5a9fc181-… wherever KubeVirt 1.5 ran it', () => {
    const firmwareUuid = '5a9fc181-957e-5c32-9e5a-2de5e9673531'
    const guests = indexOf(there(true, {}, { firmwareUuid, name: 'testvm' }))
    expect(guests.elsewhere({ cluster_uid: 'cluster-uid', name: 'testvm', uid: 'vm-1' }, firmwareUuid)).toEqual([])
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
