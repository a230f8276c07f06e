import nock from 'nock'
import { describe, expect, test } from 'vitest'
import { expiryWarning } from '../../src/aap/index.ts'
import {
  answer,
  bodyOf,
  controllerFor,
  listOf,
  ORIGIN,
  recording,
  replay,
  replaying,
  replayDiscovery,
  TOKEN,
} from './recorded.ts'

replaying()

const LONG = new Date('3026-03-24T08:29:42.428463Z')
const OWN = '/api/v2/users/2/personal_tokens/'

test('the only token of the account is ours', async () => {
  replayDiscovery()
  replay('1232-me-bearer')
  replay('1234-me-personal-tokens')
  await using controller = controllerFor()
  expect(await controller.tokenExpiry()).toEqual({ expires: LONG, scope: 'write' })
})

test('007-me: whose tokens they are is told, and a person’s are asked for where they stand', async () => {
  replayDiscovery()
  replay('007-me')
  answer('/api/v2/users/1/personal_tokens/', bodyOf('1231-tokens-own'))
  await using controller = controllerFor()
  expect(await controller.tokenExpiry()).toEqual({ expires: LONG, scope: 'write' })
})

test.each([
  ['1231-tokens-own', undefined, { expires: LONG, scope: 'write' }],
  ['1235-tokens-read-scope', undefined, 'unknown'],
  ['1235-tokens-read-scope', 'ro', { expires: expect.any(Date) as Date, scope: 'read' }],
  ['1244-tokens-expires-in-30-days', undefined, 'unknown'],
  [
    '1244-tokens-expires-in-30-days',
    'bridge 90 days',
    { expires: new Date('2027-02-19T08:36:02.780628Z'), scope: 'write' },
  ],
  ['1247-tokens-by-description', 't', { expires: new Date('2026-12-21T08:36:03.036539Z'), scope: 'write' }],
  ['1247-tokens-by-description', 'nobody’s', 'unknown'],
])('among %s the one described as %s is told', async (name, tokenDescription, expected) => {
  replayDiscovery()
  replay('1232-me-bearer')
  answer(OWN, bodyOf(name))
  await using controller = controllerFor(tokenDescription === undefined ? {} : { tokenDescription })
  expect(await controller.tokenExpiry()).toEqual(expected)
})

test('a token without an end says so', async () => {
  replayDiscovery()
  replay('1232-me-bearer')
  answer(OWN, listOf({ id: 1, description: 't', expires: null, scope: 'write' }))
  await using controller = controllerFor()
  expect(await controller.tokenExpiry()).toEqual({ expires: null, scope: 'write' })
})

test.each(['soon', '', '99999-01-01', { $date: 1 }, 7])(
  'an end that is none (%j) is not known, and takes nothing with it',
  async expires => {
    replayDiscovery()
    replay('1232-me-bearer')
    answer(OWN, listOf({ id: 1, description: 't', expires, scope: 'write' }))
    await using controller = controllerFor()
    const told = await controller.tokenExpiry().catch(() => 'unknown' as const)
    expect(expiryWarning(told, Date.now())).toBe('')
  },
)

test('behind a gateway the tokens are the gateway’s', async () => {
  answer('/api/', { apis: { gateway: '/api/gateway/', controller: '/api/controller/' } })
  answer('/api/controller/', { current_version: '/api/controller/v2/' })
  answer('/api/controller/v2/ping/', { version: '4.7.1' })
  answer('/api/controller/v2/me/', bodyOf('1232-me-bearer'))
  answer(
    '/api/gateway/v1/tokens/',
    listOf({ id: 1, description: 't', expires: '2027-11-21T00:00:00Z', scope: 'write' }),
  )
  await using controller = controllerFor()
  expect(await controller.tokenExpiry()).toMatchObject({ expires: new Date('2027-11-21T00:00:00Z') })
})

test.each([403, 404])('a controller that hides the list (%i) leaves it unknown', async status => {
  replayDiscovery()
  replay('1232-me-bearer')
  nock(ORIGIN).get(OWN).query(true).reply(status, { detail: 'no' })
  await using controller = controllerFor()
  expect(await controller.tokenExpiry()).toBe('unknown')
})

test('an expired token is unauthorized, with what to do', async () => {
  replayDiscovery()
  replay('1242-expired-token')
  await using controller = controllerFor()
  await expect(controller.tokenExpiry()).rejects.toMatchObject({
    kind: 'unauthorized',
    status: 401,
    hint: expect.stringContaining('new token') as string,
  })
})

test('a token that was renewed is read again after a 401, and the request goes out once more', async () => {
  const { response } = recording('1243-expired-token-tokens')
  const tokens = ['old-token-0000', 'new-token-1111']
  nock(ORIGIN, { reqheaders: { authorization: 'Bearer old-token-0000' } })
    .get('/api/v2/jobs/3/')
    .reply(401, response.body as nock.Body)
  nock(ORIGIN, { reqheaders: { authorization: 'Bearer new-token-1111' } })
    .get('/api/v2/jobs/3/')
    .twice()
    .reply(404, { detail: 'gone' })
  let reads = 0
  await using controller = controllerFor({ token: () => tokens[Math.min(reads++, 1)] ?? '' })
  expect(await controller.job({ url: '/api/v2/jobs/3/' })).toBe('vanished')
  expect(await controller.job({ url: '/api/v2/jobs/3/' })).toBe('vanished')
  expect(reads).toBe(2)
})

test('a token that was not renewed is not tried twice', async () => {
  nock(ORIGIN).get('/api/v2/jobs/3/').once().reply(401, { detail: 'no' })
  await using controller = controllerFor({ token: () => TOKEN })
  await expect(controller.job({ url: '/api/v2/jobs/3/' })).rejects.toMatchObject({ kind: 'unauthorized' })
})

describe('a person is warned of a token', () => {
  const now = Date.UTC(2026, 10, 21)
  const ends = (days: number): Date => new Date(now + days * 86_400_000)
  test.each<[string, Parameters<typeof expiryWarning>[0], RegExp]>([
    ['that ends in 29 days', { expires: ends(29), scope: 'write' }, /ends on 2026-12-20 \(29 days\)/],
    ['that has ended', { expires: ends(-1), scope: 'write' }, /ends on 2026-11-20 \(0 days\)/],
    ['that may only read', { expires: null, scope: 'read' }, /may only read/],
    ['not of one that ends in 30 days', { expires: ends(30), scope: 'write' }, /^$/],
    ['not of one without an end', { expires: null, scope: 'write' }, /^$/],
    ['not of one of which nothing is known', 'unknown', /^$/],
  ])('%s', (_, expiry, warning) => {
    expect(expiryWarning(expiry, now)).toMatch(warning)
  })
})
