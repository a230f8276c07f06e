import { expect, test } from 'vitest'
import { Confirmations } from '../../src/service/watch/confirmations.ts'

const command = (cluster: string, digest: string): Parameters<Confirmations['add']>[0] => {
  return { schema: 1, kind: 'confirm', id: 'i', cluster, digest, asked_by: 'admin', at: 1 }
}

test('what was confirmed of one cluster is not confirmed of another', () => {
  const all = new Confirmations()
  all.add(command('prod-1', 'a'))
  const by = [all.confirmedBy('prod-1', 'a'), all.confirmedBy('prod-1', 'b'), all.confirmedBy('prod-2', 'a')]
  expect(by).toEqual(['admin', null, null])
})

test('the latest hundred are remembered of each cluster', () => {
  const all = new Confirmations()
  for (let n = 0; n < 101; n += 1) all.add(command('prod-1', `${n}`))
  expect(['0', '1', '100'].map(digest => all.confirmedBy('prod-1', digest))).toEqual([null, 'admin', 'admin'])
})
