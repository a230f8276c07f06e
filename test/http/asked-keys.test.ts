import { expect, test } from 'vitest'
import { markOf } from '../../src/day2/index.ts'
import { type Asked, AskedKeys, MAX_ASKED } from '../../src/http/asked-keys.ts'

const first = (verb: string): Asked => ({
  mark: markOf({ verb, hosts: ['web-1.shop.prod-1'] }),
  run: Promise.resolve(verb),
})

test('the first wish of a key is remembered, for ten minutes', () => {
  let now = 1_000
  const asked = new AskedKeys(() => now)
  asked.add('k', first('patch'))
  asked.add('k', first('reboot'))
  expect(asked.of('k')?.mark.verb).toBe('patch')
  now += 600_001
  expect(asked.of('k')).toBeUndefined()
  asked.add('k', first('reboot'))
  expect(asked.of('k')?.mark.verb).toBe('reboot')
  asked.forget('k')
  expect(asked.of('k')).toBeUndefined()
})

test('a thousand wishes are remembered at once, and of more the newest', () => {
  const asked = new AskedKeys(() => 0)
  for (let index = 0; index <= MAX_ASKED; index += 1) asked.add(`k${index}`, first('patch'))
  expect([asked.of('k0'), asked.of('k1')?.mark.verb, asked.of(`k${MAX_ASKED}`)?.mark.verb]).toEqual([
    undefined,
    'patch',
    'patch',
  ])
})
