import { expect, test } from 'vitest'
import { OwnToken } from '../../src/aap/own-token.ts'

test('a token is read once, again when it was refused, and the last four are known', () => {
  let made = 0
  const token = new OwnToken(() => `token-${(made += 1)}\n`)
  expect([token.present(), token.present()]).toEqual(['token-1', 'token-1'])
  for (let n = 2; n <= 6; n += 1) {
    token.refused()
    expect(token.present()).toBe(`token-${n}`)
  }
  expect([...token.seen]).toEqual(['token-3', 'token-4', 'token-5', 'token-6'])
})

test('one that came back in between stays known', () => {
  const given = ['a', 'b', 'c', 'a', 'd', 'e']
  const left = given.values()
  const token = new OwnToken(() => left.next().value ?? '')
  for (const one of given) {
    expect(token.present()).toBe(one)
    token.refused()
  }
  expect([...token.seen]).toEqual(['c', 'a', 'd', 'e'])
})

test.each([
  ['is empty', () => ' \n', 'is empty'],
  ['holds what no header may', () => 'zwölf', 'characters that no token has'],
  [
    'can not be read',
    () => {
      throw new Error('no such file')
    },
    'can not be read: no such file',
  ],
])('one that %s is sent to nobody', (_what, read, told) => {
  expect(() => new OwnToken(read).present()).toThrow(
    expect.objectContaining({ kind: 'unauthorized', message: expect.stringContaining(told) as string }) as Error,
  )
})
