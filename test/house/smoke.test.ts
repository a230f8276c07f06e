import { expect, test } from 'vitest'

test('the suites run on the Node that the project pins', () => {
  expect(process.versions.node.split('.')[0]).toBe('24')
})
