import { describe, expect, test } from 'vitest'
import { ConfigError, parseConfig } from '../../src/config/index.ts'

/** The tokens of a configuration whose one token has these lines. */
function tokenWith(lines: string): unknown {
  const yaml = `clusters: [{ name: a, kubeconfig: k }]\nhttp:\n  tokens:\n    - name: t\n      token: { env: T }\n${lines}`
  try {
    return parseConfig(yaml, 'v.yaml').http.tokens[0]
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(fault => fault.path)
    throw error
  }
}

describe('a token', () => {
  test('may be of a part of the fleet, and end', () => {
    expect(tokenWith('      clusters: [a]\n      namespaces: [shop]\n      expires: 2027-01-31\n')).toMatchObject({
      clusters: ['a'],
      namespaces: ['shop'],
      expires: '2027-01-31',
      can: ['read'],
    })
    expect(tokenWith('      expires: 2027-01-31T12:00:00Z\n')).toMatchObject({ expires: '2027-01-31T12:00:00Z' })
  })

  test.each([
    ['an end that is no day of any month', 'expires: 2027-13-41'],
    ['an end that is no day', 'expires: never'],
    ['no cluster, which would be all of them', 'clusters: []'],
    ['no namespace', 'namespaces: []'],
    ['a namespace without a name', 'namespaces: [""]'],
  ])('with %s is a fault', (_what, line) => {
    expect(tokenWith(`      ${line}\n`)).toEqual([expect.stringMatching(/^http\.tokens\.0/) as string])
  })
})
