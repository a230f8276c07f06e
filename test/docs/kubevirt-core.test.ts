import { expect, test } from 'vitest'
import { ALLOWED, MEANT, RULED } from '../integration/kubevirt-core-allowed.ts'
import { page } from './documents.ts'

test('what differs from the plugin stands in the documentation as the comparison with it allows it', () => {
  const [, after = ''] = page('docs/inventory.md').text.split('Nothing else differs')
  const tables = after.slice(0, after.indexOf('\n## ')).matchAll(/(?<=\|---\|---\|\n)(?:\|.*\n)+/g)
  const table = (rows: typeof ALLOWED): string => rows.map(({ what, why }) => `| ${what} | ${why} |\n`).join('')
  expect([...tables].map(([rows]) => rows)).toEqual([table(MEANT), table(RULED)])
})

test('the decision counts them', () => {
  expect(page('docs/decisions/0021-the-format-kubevirt-core.md').text).toContain(
    `${MEANT.length} rows of these kinds, and ${RULED.length} others`,
  )
})
