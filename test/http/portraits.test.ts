import { expect, test } from 'vitest'
import { guest } from '../day2/guest.ts'
import { type Desk, openDesk } from './desk.ts'

type Listed = Readonly<Record<string, { readonly hosts?: readonly string[] }>> & {
  readonly _meta: { readonly hostvars: Readonly<Record<string, object>>; readonly hosts?: readonly string[] }
}

test('a VM is told without what is kept for a format of the inventory', async () => {
  await using desk = await openDesk()
  const record = guest('web-1')
  desk.put({ ...record, seen: { ...record.seen, portraits: { vm: '{"annotations":{"note":"x"}}', vmi: '' } } })
  const { seen } = (await desk.get('/api/v1/vms/web-1.shop.prod-1')).json<{ seen: object }>()
  expect(seen).toEqual(record.seen)
})

/** Gives the desk a VM, `web-1`, of which is kept what the format kubevirt.core shows. */
function portrayed(desk: Desk): void {
  const record = guest('web-1')
  const portraits = { vm: '{"annotations":{"note":"x"},"labels":{},"status":{"printableStatus":"Running"}}', vmi: '' }
  desk.cluster('prod-1')
  desk.put({ ...record, seen: { ...record.seen, portraits } })
}

test('the variables of one host are told in a format that is there, and of another that there is none', async () => {
  await using desk = await openDesk()
  portrayed(desk)
  const of = (query: string) => desk.get(`/api/v1/inventory/hosts/web-1.shop.prod-1${query}`)
  const [own, core, other] = [await of(''), await of('?format=kubevirt.core'), await of('?format=foreman')]
  expect(own.json()).toMatchObject({ kubevirt_name: 'web-1' })
  expect(core.json()).toMatchObject({ vm_annotations: { note: 'x' }, vm_uid: 'uid-web-1' })
  expect(core.json()).not.toHaveProperty('kubevirt_name')
  expect([other.statusCode, other.json<{ code: string }>().code]).toEqual([404, 'no_format'])
})

test('why a host is as it is in a format is told by its name there, with its groups there', async () => {
  await using desk = await openDesk()
  portrayed(desk)
  const { _meta, ...groups } = (await desk.get('/api/v1/inventory?format=kubevirt.core')).json<Listed>()
  const [name = ''] = Object.keys(_meta.hostvars)
  const why = (await desk.get(`/api/v1/inventory?format=kubevirt.core&why=${name}`)).json<{
    listed: boolean
    groups: readonly { group: string }[]
  }>()
  const its = Object.keys(groups).filter(group => group !== 'all' && groups[group]?.hosts?.includes(name))
  expect(why).toMatchObject({ host: name, listed: true, because: ['it is known'] })
  expect(why.groups.map(({ group }) => group).sort()).toEqual(its.sort())
  expect(its).not.toEqual([])
})
