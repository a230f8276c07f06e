import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { annotationsOf } from '../../src/vm/index.ts'

function kept(annotations: unknown, ...keys: readonly string[]): object {
  return annotationsOf({ metadata: { annotations } }, keys)
}

test('annotations that are named are there, whether the VM has them or not, and no other is', () => {
  expect(kept({ a: 'x', other: 'y' }, 'b', 'a')).toEqual({ b: '', a: 'x' })
  expect(kept({ a: 'x' }, 'toString', '__proto__x')).toEqual({ toString: '', __proto__x: '' })
  for (const odd of [null, undefined, 'text', 7, [], { a: 7 }, { a: { b: 'c' } }])
    expect(kept(odd, 'a')).toEqual({ a: '' })
})

test.each([
  ['kubectl.kubernetes.io/last-applied-configuration', '{}'],
  ['kubevirt.io/ignitiondata', '{"ignition": {}}'],
  ['note', '{"spec": {}}'],
  ['note', 'password: x'],
  ['note', `${'x'.repeat(5_000)} userData`],
  ['note', '-----BEGIN RSA PRIVATE KEY-----'],
])('of %s nothing is kept where it may hold a secret', (key, value) => {
  expect(kept({ [key]: value }, key)).toEqual({ [key]: '' })
})

test('whatever an annotation holds, what is kept is one short line', () => {
  const odd = fc.string({ unit: fc.constantFrom('a', ' ', '"', '\u0000', '\u202e', '\ud83d', '{'), maxLength: 400 })
  fc.assert(
    fc.property(odd, value => {
      const [text] = Object.values(kept({ a: value }, 'a')) as [string]
      expect(text.length).toBeLessThanOrEqual(256)
      // oxlint-disable-next-line no-control-regex -- what must not be there
      expect(text).not.toMatch(/[\u0000-\u001f\u007f\u2028\u2029\u202a-\u202e]/)
    }),
  )
})
