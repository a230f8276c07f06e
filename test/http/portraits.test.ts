import { expect, test } from 'vitest'
import { guest } from '../day2/guest.ts'
import { openDesk } from './desk.ts'

test('a VM is told without what is kept for a format of the inventory', async () => {
  await using desk = await openDesk()
  const record = guest('web-1')
  desk.put({ ...record, seen: { ...record.seen, portraits: { vm: '{"annotations":{"note":"x"}}', vmi: '' } } })
  const { seen } = (await desk.get('/api/v1/vms/web-1.shop.prod-1')).json<{ seen: object }>()
  expect(seen).toEqual(record.seen)
})
