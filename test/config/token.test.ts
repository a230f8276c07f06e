import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigError, loadConfig, parseConfig } from '../../src/config/index.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'

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

const VALUE = 'a-value-of-thirty-two-characters'
const HASH = `sha256:${createHash('sha256').update(VALUE).digest('hex')}`

/** What is wrong with a configuration of these tokens, by their names and where they are. */
function faultsOf(tokens: Readonly<Record<string, string>>, env?: Readonly<Record<string, string>>): readonly string[] {
  const lines = Object.entries(tokens).map(([name, place]) => `    - { name: ${name}, token: ${place} }\n`)
  const yaml = `clusters: [{ name: a, kubeconfig: k }]\nhttp:\n  tokens:\n${lines.join('')}`
  try {
    parseConfig(yaml, '/etc/v/v.yaml', env)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    if ([VALUE, HASH.slice(7)].some(secret => error.message.includes(secret))) return ['it tells what a token is']
    return error.faults.map(({ path, message }) => `${path}: ${message}`)
  }
}

describe('two tokens that are one', () => {
  const ONE = 'http.tokens.1.token: "team" and "aap" are one token: whoever shows it could be either'

  test.each([
    ['the same variable', '{ env: A }', '{ env: A }'],
    ['the same file', '{ file: secrets/a }', '{ file: ./secrets/../secrets/a }'],
  ])('are a fault, whatever they are: %s', (_, aap, team) => {
    expect(faultsOf({ aap, team })).toEqual([ONE])
  })

  test.each([
    ['one value', { A: VALUE, B: VALUE }],
    ['a value and its hash', { A: VALUE, B: HASH }],
    ['one hash', { A: HASH, B: HASH }],
    ['one value of several', { A: `another-of-sixteen ${HASH}`, B: `${VALUE}\nyet-another-of-sixteen` }],
  ])('are a fault, which names both and never what they are: %s', (_, env) => {
    expect(faultsOf({ aap: '{ env: A }', team: '{ env: B }' }, env)).toEqual([ONE])
  })

  test('are none where they differ, or where one can not be read: who uses it tells of that', () => {
    const tokens = { aap: '{ env: A }', team: '{ env: B }', other: '{ file: nowhere }' }
    expect(faultsOf(tokens, { A: `${VALUE} ${HASH}`, B: 'another-of-sixteen' })).toEqual([])
    expect(faultsOf(tokens, { A: VALUE })).toEqual([])
    expect(faultsOf(tokens)).toEqual([])
  })

  test('are told beside every other fault, each of three, and of a file too', async () => {
    expect(
      faultsOf({ aap: '{ env: A }', team: '{ env: B }', bridge: '{ env: C }' }, { A: VALUE, B: VALUE, C: VALUE }),
    ).toEqual([
      expect.stringContaining('http.tokens.2.name'),
      ONE,
      'http.tokens.2.token: "bridge" and "aap" are one token: whoever shows it could be either',
    ])
    await using folder = await temporaryFolder()
    await fileIn(folder.path, 'one', `${VALUE}\n`)
    await fileIn(folder.path, 'two', `${HASH}\n`)
    const tokens = '[{ name: aap, token: { file: one } }, { name: team, token: { file: two } }]'
    await fileIn(folder.path, 'v.yaml', `clusters: [{ name: a, kubeconfig: k }]\nhttp: { tokens: ${tokens} }\n`)
    const load = (): unknown => loadConfig(join(folder.path, 'v.yaml'), {})
    expect(load).toThrow('"team" and "aap" are one token')
    await fileIn(folder.path, 'two', 'another-of-sixteen')
    expect(load).not.toThrow()
  })
})
