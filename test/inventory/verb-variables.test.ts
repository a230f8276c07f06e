import { expect, test } from 'vitest'
import { hostVars } from '../../src/inventory/index.ts'
import { guest } from '../day2/guest.ts'

test('a host tells what each verb did to it: two of them always, another once it was done, and none pretends to be its profile', () => {
  const none = hostVars(guest('web-1'), { staleness: 'fresh', verbs: { onboard: '', patch: '' } })
  expect(Object.keys(none).filter(name => name.startsWith('day2_'))).toEqual([
    'day2_onboard',
    'day2_patch',
    'day2_profile',
  ])
  const verbs = { onboard: 'ok', patch: '', reboot: 'failed', profile: 'ok' }
  const profile = { name: 'web', chain: ['web'], variables: {} }
  const vars = hostVars(guest('web-1'), { staleness: 'fresh', verbs, profile })
  expect(vars).toMatchObject({ day2_onboard: 'ok', day2_reboot: 'failed', day2_profile: 'web' })
})
