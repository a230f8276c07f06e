import { describe, expect, test } from 'vitest'
import type { Inbound } from '../../src/cluster/resources.ts'
import { KubeError } from '../../src/kube/index.ts'
import { projectService, type ServicePart } from '../../src/vm/index.ts'
import { aVm, aVmi, Folding, listed, live, watching } from './folding.ts'

const service = (name: string, selector: Record<string, string>): ServicePart =>
  projectService({
    metadata: { namespace: 'shop', name },
    spec: { type: 'NodePort', selector, ports: [{ port: 22, nodePort: 30022 }] },
  })
const byDomain = (name: string, domain: string): ServicePart => service(name, { 'kubevirt.io/domain': domain })
const all = (...parts: readonly ServicePart[]): Inbound => ({
  of: 'service',
  observed: { kind: 'listed', objects: new Map(parts.map(part => [part.key, part])), resourceVersion: '1' },
})
const said = (kind: 'changed' | 'gone', object: ServicePart): Inbound => ({ of: 'service', observed: { kind, object } })

/** A VM `a` that runs, and others; Services are watched unless told. */
function running(services = true): Folding {
  const vms = ['a', 'b'].map(name => aVm(name, { domain: name }))
  const folding = new Folding(false, services)
  folding.take(listed('vm', ...vms), listed('vmi', aVmi('a', { domain: 'a' })))
  folding.fold.adopt()
  return folding.take(watching('vm'), watching('vmi'))
}

const of = ({ records }: Folding, name: string): readonly string[] | undefined =>
  records.get(`shop/${name}`)?.services?.map(one => one.name)

describe('Services that lead to a VM', () => {
  test('stand in its record as they come, change and go, and no fact follows from any of it', () => {
    const folding = running()
    folding.told.splice(0)
    folding.take(all(byDomain('ssh', 'a'), service('other', { app: 'a' }))).lookAtServices()
    expect([of(folding, 'a'), of(folding, 'b')]).toEqual([['ssh'], undefined])
    folding.take(said('changed', service('winrm', { 'vm.kubevirt.io/name': 'a' }))).lookAtServices()
    expect(of(folding, 'a')).toEqual(['ssh', 'winrm'])
    folding.take(said('changed', byDomain('ssh', 'b'))).lookAtServices()
    expect([of(folding, 'a'), of(folding, 'b')]).toEqual([['winrm'], ['ssh']])
    folding.take(said('gone', service('winrm', { 'vm.kubevirt.io/name': 'a' }))).lookAtServices()
    expect([of(folding, 'a'), folding.told]).toEqual([[], []])
  })

  test.each([
    ['kubevirt.io/domain', { domain: 'x', vmLabel: '' }],
    ['kubevirt.io/vm', { domain: '', vmLabel: 'x' }],
  ])('are found by its label %s, as its boot has it', (label, labels) => {
    const folding = running()
    folding.take(all(service('ssh', { [label]: 'x' })), live('changed', 'vm', aVm('a', labels))).lookAtServices()
    expect(of(folding, 'a')).toBeUndefined()
    folding.take(live('changed', 'vmi', aVmi('a', { ...labels, uid: 'next' }))).lookAtServices()
    expect(of(folding, 'a')).toEqual(['ssh'])
  })

  test('lead to nobody while their selector takes two, and to the one that is left', () => {
    const folding = running()
      .take(all(byDomain('ssh', 'a')))
      .lookAtServices()
    folding.take(live('changed', 'vm', aVm('twin', { domain: 'a' }))).lookAtServices()
    expect([of(folding, 'a'), of(folding, 'twin')]).toEqual([[], undefined])
    folding.take(live('gone', 'vm', aVm('twin', { domain: 'a' }))).lookAtServices()
    expect(of(folding, 'a')).toEqual(['ssh'])
  })

  test('must fit all labels that name a VM, not one of them', () => {
    const two = service('ssh', { 'kubevirt.io/domain': 'a', 'vm.kubevirt.io/name': 'b' })
    expect(of(running().take(all(two)).lookAtServices(), 'a')).toBeUndefined()
  })

  test('that can not be read stay as they were, also over a restart; that are gone when they can be read again are gone', () => {
    const folding = running()
      .take(all(byDomain('ssh', 'a')))
      .lookAtServices()
    const error = new KubeError('forbidden', 'no')
    folding.take({ of: 'service', observed: { kind: 'unavailable', error } }).lookAtServices()
    folding.restart().take(listed('vm', aVm('a', { domain: 'a' }), aVm('b')), listed('vmi', aVmi('a', { domain: 'a' })))
    expect(of(folding.lookAtServices(), 'a')).toEqual(['ssh'])
    expect(of(folding.take(all()).lookAtServices(), 'a')).toEqual([])
  })

  test('are nobody’s where they are not watched, whatever was known before', () => {
    const folding = running()
      .take(all(byDomain('ssh', 'a')))
      .lookAtServices()
    const off = running(false)
    const known = folding.records.get('shop/a')
    if (known !== undefined) off.records.set('shop/a', known)
    off.restart().take(listed('vm', aVm('a', { domain: 'a' }), aVm('b')), listed('vmi', aVmi('a', { domain: 'a' })))
    expect(of(off, 'a')).toEqual([])
  })

  test('are told by no other namespace', () => {
    const far = { ...byDomain('ssh', 'a'), key: 'bank/ssh', namespace: 'bank' }
    expect(of(running().take(all(far)).lookAtServices(), 'a')).toBeUndefined()
  })
})
