import { expect, test } from 'vitest'
import { ConfigError, parseConfig } from '../../src/config/index.ts'
import { LIMITS, limitsFrom } from '../../src/http/limits.ts'

function read(http: string) {
  return parseConfig(`clusters: [{name: a, in_cluster: true}]\nhttp: ${http}`, '/v').http
}

function faultsOf(http: string): readonly string[] {
  try {
    read(http)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.faults.map(({ path, message }) => `${path}: ${message}`)
  }
}

test('what is not said is as the bridge has it by itself', () => {
  expect(limitsFrom(read('{}').limits)).toEqual(LIMITS)
  expect(read('{}').trusted_proxies).toEqual([])
})

test('what is said counts', () => {
  const { limits } = read(
    '{limits: {token_requests_per_second: 5, token_burst: 6, stranger_requests_per_second: 0.5, stranger_burst: 7, large_answers: 9, large_answers_per_token: 2}}',
  )
  expect(limitsFrom(limits)).toEqual({
    ...LIMITS,
    token: { burst: 6, perSecond: 5 },
    stranger: { burst: 7, perSecond: 0.5 },
    large: { ...LIMITS.large, all: 9, each: 2 },
  })
})

test.each<[http: string, faults: readonly string[]]>([
  ['{trusted_proxies: [10.0.0.7, 10.0.0.0/8, "fd00::/8"]}', []],
  ['{trusted_proxies: [router]}', ['http.trusted_proxies.0: "router" is no address and no range of addresses']],
  [
    '{trusted_proxies: [0.0.0.0/0, "::/0"]}',
    ['0.0.0.0/0', '::/0'].map(
      (range, at) => `http.trusted_proxies.${at}: ${range} is everybody, so that who asks could say to be anybody`,
    ),
  ],
  ['{limits: {large_answers: 4}}', ['http.limits.large_answers_per_token: there are 4 in all']],
  ['{limits: {token_burst: 0}}', ['http.limits.token_burst: must be >= 1']],
])('%s', (http, faults) => {
  expect(faultsOf(http)).toEqual(faults)
})
