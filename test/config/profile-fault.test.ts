import { describe, expect, test } from 'vitest'
import { ConfigError, differenceOf, parseConfig, reloaded } from '../../src/config/index.ts'

function source(profiles: string, more = ''): string {
  return `clusters: [{name: prod-1, in_cluster: true}]\nprofiles: ${profiles}\n${more}`
}

function faultsOf(profiles: string, more = ''): readonly string[] {
  try {
    parseConfig(source(profiles, more), '/etc/v/v.yaml')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.faults.map(({ path, message }) => `${path}: ${message}`)
  }
}

/** `a0` below `a1` below … */
function deep(count: number): string {
  const names = Array.from(
    { length: count },
    (_, at) => `{name: a${at}${at === count - 1 ? '' : `, parent: a${at + 1}`}}`,
  )
  return `[${names.join()}]`
}

describe('a fault of a profile is told with its place', () => {
  test.each<[what: string, profiles: string, faults: readonly string[]]>([
    [
      'variables of every kind',
      '[{name: base, os: [linux], variables: {chrony_servers: [a], level: 3, on: true, deep: {a: [{b: c}]}}}]',
      [],
    ],
    ['one below another', '[{name: a}, {name: b, parent: a, selector: app=web}]', []],
    ['two of one name', '[{name: a}, {name: a}]', ['profiles.1.name: "a" is the name of profiles.0 too']],
    ['a name that is no DNS label', '[{name: Web}]', ['profiles.0.name: is not well formed']],
    ['a parent that is not there', '[{name: a, parent: b}]', ['profiles.0.parent: no profile is called "b"']],
    ['below itself', '[{name: a, parent: a}]', ['profiles.0.parent: "a" would be below itself']],
    [
      'a circle',
      '[{name: a, parent: b}, {name: b, parent: a}]',
      ['profiles.0.parent: "a" would be below itself', 'profiles.1.parent: "b" would be below itself'],
    ],
    ['eight below one another', deep(8), []],
    ['nine below one another', deep(9), ['profiles.0.parent: it is 9 deep']],
    [
      'a selector that can not be read',
      '[{name: a, selector: "a in b"}]',
      ['profiles.0.selector: "a in b" is no condition on labels'],
    ],
    ['an unknown key', '[{name: a, match: {}}]', ['profiles.0.match: unknown key']],
    ...['ansible_host', 'kubevirt_uid', 'day2_profile', 'virtbridge_run_id'].map(
      (name): [string, string, readonly string[]] => [
        `the variable ${name}`,
        `[{name: a, variables: {${name}: x}}]`,
        [`profiles.0.variables.${name}: begins like a variable of virtbridge or of the connection`],
      ],
    ),
    [
      'a word of Ansible',
      '[{name: a, variables: {hostvars: {}}}]',
      ['profiles.0.variables.hostvars: "hostvars" means something else to Ansible'],
    ],
    ['a name that is none', '[{name: a, variables: {Big: 1}}]', ['profiles.0.variables.Big: can not stand here']],
    [
      'what looks like a secret',
      '[{name: a, variables: {root_password: hunter2, users: [{api_token: abc}], password_authentication: "no", rotate_password: true}}]',
      ['profiles.0.variables.root_password', 'profiles.0.variables.users.0.api_token'].map(
        path => `${path}: looks like a secret, which every reader of the inventory would see`,
      ),
    ],
    [
      'a key that is a template',
      '[{name: a, variables: {files: {"{{ x }}": 1}}}]',
      ['profiles.0.variables.files: has a key that Ansible would render'],
    ],
    [
      'more than 4 KB of variables',
      `[{name: a, variables: {x: "${'x'.repeat(3_000)}"}}, {name: b, parent: a, variables: {y: "${'y'.repeat(3_000)}"}}]`,
      ['profiles.1.variables: with those of the profiles above it they are 6015 bytes, 4096 is the most'],
    ],
  ])('%s', (_what, profiles, faults) => {
    expect(faultsOf(profiles)).toEqual(faults)
  })

  test('a name that is none is told as that of a variable', () => {
    expect(() => parseConfig(source('[{name: a, variables: {Big: 1}}]'), '/v')).toThrow(
      /a name of a variable: a lower-case/,
    )
  })

  test('a secret is not told with the fault', () => {
    expect(() => parseConfig(source('[{name: a, variables: {password: hunter2}}]'), '/v')).toThrow(/^(?![^]*hunter2)/)
  })

  test('a view of a profile that is not there, and a group with a name of theirs', () => {
    expect(faultsOf('[{name: a}]', 'inventory: {views: [{name: v, profiles: [a, b]}]}')).toEqual([
      'inventory.views.0.profiles.1: no profile is called "b"',
    ])
    expect(
      faultsOf('[]', 'inventory: {views: [{name: v, groups: {expressions: [{name: profile_x, expression: "true"}]}}]}'),
    ).toEqual([
      'inventory.views.0.groups.expressions.0.name: "profile_x" is, or begins like, a group that is there by itself',
    ])
  })
})

test('profiles count as soon as the file is changed', () => {
  const [before, after] = ['[{name: a}]', '[{name: a, os: [linux]}, {name: b}]'].map(one =>
    parseConfig(source(one), '/v'),
  )
  if (before === undefined || after === undefined) throw new Error('there are two')
  expect(differenceOf(before, after)).toEqual({ now: ['profiles.a.os', 'profiles.b'], later: [] })
  expect(reloaded(before, after).profiles).toEqual(after.profiles)
})
