import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newRun } from '../../src/day2/new-run.ts'
import { withoutLarge } from '../../src/day2/run.ts'
import {
  MAX_KEPT_VARIABLES_BYTES,
  MAX_VARIABLE_DEPTH,
  MAX_VARIABLES,
  MAX_VARIABLES_BYTES,
  variablesDigest,
  variablesFault,
} from '../../src/day2/variables.ts'
import { uuid } from './guest.ts'

const KEY = '-----BEGIN OPENSSH PRIVATE KEY-----'
const VALUE = 'Very-Particular-42'

function deep(levels: number): unknown {
  return levels === 0 ? 'x' : [deep(levels - 1)]
}

describe('variables of a run', () => {
  test.each<[why: string, variables: Record<string, unknown>]>([
    ['none', {}],
    ['text, numbers, truth and nothing', { patch_reboot: 'never', count: 3, force: true, nothing: null }],
    ['lists and maps', { packages: ['openssl', { name: 'curl', version: '8' }] }],
    ['an empty text under the name of a secret: nothing is told', { admin_password: '' }],
    ['whether a password is wanted', { root_password_rotate: true, reset_password: false }],
    ['words that only begin like a secret', { passenger: 'a', tokenizer: 'b', secretary: 'c', monkey_key: 'd' }],
    ['public keys', { ssh_keys_authorized: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI someone@there'] }],
    ['a URL', { mirror: 'https://mirror.example.com:8443/debian?suite=bookworm' }],
    ['as deep as it may be', { a: deep(MAX_VARIABLE_DEPTH - 1) }],
  ])('may be %s', (_, variables) => {
    expect(variablesFault(variables)).toBe('')
  })

  test.each<[why: string, variables: Record<string, unknown>, fault: RegExp]>([
    ['how a guest is reached', { ansible_host: '10.0.0.1' }, /^ansible_host is not for a run to say/],
    ['the same in other letters', { Ansible_User: 'root' }, /^Ansible_User is not/],
    ['what virtbridge says', { virtbridge_expected_count: 500 }, /^virtbridge_expected_count is not/],
    ['who a guest is', { kubevirt_firmware_uuid: VALUE }, /^kubevirt_firmware_uuid is not/],
    ['what was done to it', { day2_patch: 'ok' }, /^day2_patch is not/],
    ['how strict the guard is', { guard_require_identity: false }, /^guard_require_identity is not/],
    ['which roles run', { verb_roles: ['x'] }, /^verb_roles is not/],
    ['what Ansible fills in', { inventory_hostname: 'x' }, /^inventory_hostname is not/],
    ['all hosts', { hostvars: {} }, /^hostvars is not/],
    ['a program beside the controller', { export_disk_builder: ['sh'] }, /^export_disk_builder is not.*template/],
    ['a name that is none', { 'a-b': 1 }, /^"a-b" is no name of a variable$/],
    ['a name that is very long', { ['x'.repeat(500)]: 1 }, /^"x{63}…" is no name/],
    ['a password', { admin_password: VALUE }, /^admin_password is, or holds, what looks like a secret/],
    ['a number that is one', { pin_token: 4711 }, /^pin_token is, or holds/],
    ['a password within', { users: [{ name: 'a', password: VALUE }] }, /^users is, or holds/],
    ['a key', { note: `${KEY}\n${VALUE}` }, /^note is, or holds/],
    ['a vault', { note: `$ANSIBLE_VAULT;1.1;AES256\n${VALUE}` }, /^note is, or holds/],
    ['an authorization', { header: `Bearer ${VALUE}` }, /^header is, or holds/],
    ['a URL with a password', { proxy: `http://me:${VALUE}@proxy:3128` }, /^proxy is, or holds/],
    ['what would be worked out', { motd: `{{ lookup('pipe', 'id') }}` }, /^motd holds a template expression/],
    ['the same with other delimiters', { motd: `#jinja2: a\n` }, /^motd holds a template expression/],
    ['the same within', { a: { b: ['{% raw %}'] } }, /^a holds a template expression/],
    ['the same in a name', { a: { '{{ x }}': 1 } }, /^a holds a template expression/],
    ['too deep', { a: deep(MAX_VARIABLE_DEPTH) }, /^a is deeper than 16/],
    [
      'too many',
      Object.fromEntries(Array.from({ length: MAX_VARIABLES + 1 }, (_, index) => [`v${index}`, 1])),
      /^201 variables are too many/,
    ],
    [
      'too large',
      { a: 'x'.repeat(MAX_VARIABLES_BYTES) },
      /^variables of 1000008 bytes are too many, 1000000 is the most$/,
    ],
  ])('are refused when they say %s, and no value is told', (_, variables, fault) => {
    const said = variablesFault(variables)
    expect(said).toMatch(fault)
    expect(said).not.toContain(VALUE)
  })

  test('whatever they are, are judged without a fault of our own, and what may pass holds no expression', () => {
    const hides = (variables: Record<string, unknown>): boolean =>
      variablesFault(variables) === '' && /\{\{|\{%/.test(JSON.stringify(variables))
    expect(() =>
      fc.assert(
        fc.property(fc.dictionary(fc.string({ maxLength: 12 }), fc.jsonValue()), variables => !hides(variables)),
      ),
    ).not.toThrow()
  })
})

describe('the digest of variables', () => {
  test('is the same whatever order the names come in, and another when a value is', () => {
    expect(variablesDigest({ a: 1, b: { c: [1, 2], d: 'x' } })).toBe(
      variablesDigest({ b: { d: 'x', c: [1, 2] }, a: 1 }),
    )
    const all = [{ a: 1 }, { a: '1' }, { a: [1] }, { a: null }, { b: 1 }, { a: 1, b: 1 }].map(each =>
      variablesDigest(each),
    )
    expect(new Set(all).size).toBe(all.length)
    expect([variablesDigest({}), variablesDigest()]).toEqual(['', ''])
  })
})

test('of a run that has ended variables are kept up to 4 KB: of more their digest alone', () => {
  const of = (bytes: number) => {
    const variables = { a: 'x'.repeat(bytes - '{"a":""}'.length) }
    const wish = { id: uuid(1), verb: 'patch', template: 'T', askedBy: 'ops', reason: '', hosts: [], variables }
    return withoutLarge(newRun(wish, 0))
  }
  expect(of(MAX_KEPT_VARIABLES_BYTES)).toHaveProperty('variables')
  const large = of(MAX_KEPT_VARIABLES_BYTES + 1)
  expect(large).not.toHaveProperty('variables')
  expect(large).toMatchObject({
    variables_bytes: 4_097,
    variables_digest: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
  })
})
