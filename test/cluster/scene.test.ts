import { expect, test } from 'vitest'
import { Scene } from '../../src/cluster/scene.ts'
import { aVm, aVmi } from './folding.ts'

const KEY = 'shop/web'

/** Whether what its VMI says is made anew with each look. */
function isReadAnew(scene: Scene): boolean {
  const look = (): unknown => scene.sighting(KEY, null)?.seen.addresses
  expect(look()).toHaveLength(1)
  return look() !== look()
}

test('The VMI of a VM that changes is held as it is, as it is looked at with each change; that of one at rest is packed', () => {
  const scene = new Scene({ services: false })
  scene.list('vm', new Map([[KEY, aVm('web')]]))
  scene.list('vmi', new Map([[KEY, aVmi('web')]]))
  expect(isReadAnew(scene)).toBe(true)
  scene.put('vm', aVm('web', { labels: { app: 'shop' } }))
  expect(isReadAnew(scene)).toBe(false)
})
