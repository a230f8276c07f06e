import { expect, test } from 'vitest'
import { hostNamer } from '../../src/inventory/host-name.ts'
import { guest } from '../day2/guest.ts'

const byName = hostNamer([{ field: 'name' }])

test('a host is called as a view has it', () => {
  expect(byName(guest('web-1'))).toBe('web-1')
  expect(hostNamer([{ field: 'cluster' }, '-', { field: 'name' }])(guest('web-1'))).toBe('prod-1-web-1')
})

// A play for the machine that Ansible runs on, with the secrets that it has there, would go to the guest.
test.each(['localhost', '127.0.0.1', 'all', 'ungrouped'])('a VM called %s is no other than itself to Ansible', name => {
  expect(byName(guest(name))).toBe(`${name}.shop.prod-1`)
})
