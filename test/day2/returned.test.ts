import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { RESULT_SCHEMA, type Run } from '../../src/day2/index.ts'
import type { Outcomes } from '../../src/day2/record.ts'
import { explainedBy, MAX_RETURNED_BYTES } from '../../src/day2/returned.ts'
import { uuid } from './guest.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const OUTCOMES: Outcomes = new Map([
  ['a', { outcome: 'ok', detail: '1 ok' }],
  ['b', { outcome: 'failed', detail: '1 failed' }],
  ['constructor', { outcome: 'ok', detail: '1 ok' }],
])
const NONE = new Map<string, never>()
const RUN: Pick<Run, 'id' | 'check' | 'external'> = { id: uuid(1) }
const GOOD = { verb: 'patch', outcome: 'ok', run_id: uuid(1), check: false, message: '' }

const explained = (artifacts: Record<string, unknown>, run = RUN) => explainedBy(OUTCOMES, NONE, artifacts, run)
const toldOf = (a: unknown, run = RUN) => explained({ virtbridge: { a } }, run)

describe('what a play told of a host', () => {
  test.each<[string, Record<string, unknown>]>([
    ['is kept as it was told', GOOD],
    [
      'may say more, as its verb does',
      { ...GOOD, packages: [{ name: 'a', from: '', to: '1' }], packages_count: 1, reboot: 'done' },
    ],
    ['may say what only a site knows', { ...GOOD, ticket: 'CHG1', more: { deep: [1] } }],
  ])('%s', (_, result) => {
    const { outcomes, misfit } = toldOf(result)
    expect([outcomes.get('a')?.returned, misfit]).toEqual([result, ''])
  })

  test.each<[string, Record<string, unknown>]>([
    ['when it told nothing', {}],
    ['of another host', { virtbridge: { z: GOOD } }],
  ])('is nothing %s, and nothing is wrong with that', (_, artifacts) => {
    const { outcomes, misfit } = explained(artifacts)
    expect([outcomes.get('a')?.returned, misfit]).toEqual([undefined, ''])
  })

  test.each<[string, unknown, string]>([
    ['is no object', ['x'], 'a: must be object'],
    ['lacks what is always there', { verb: 'patch' }, "a: must have required property 'outcome'"],
    ['has another outcome', { ...GOOD, outcome: 'splendid' }, 'a: /outcome must be equal to one of the allowed values'],
    ['has a text for a flag', { ...GOOD, check: 'no' }, 'a: /check must be boolean'],
    ['has a name that is none', { ...GOOD, 'x-y': 1 }, 'a: must match pattern "^[a-z][a-z0-9_]{0,62}$"'],
    ['is of another run', { ...GOOD, run_id: uuid(2) }, 'a: it is of another run'],
    ['only looked', { ...GOOD, check: true }, 'a: it only looked, and was to do it'],
  ])('that %s is left out, and the run says so', (_, result, fault) => {
    const { outcomes, misfit } = toldOf(result)
    expect(outcomes.get('a')).toEqual({ outcome: 'ok', detail: '1 ok' })
    expect(misfit).toBe(`what its play told does not fit: ${fault}`)
  })

  test('of a dry run says that it only looked', () => {
    expect(toldOf({ ...GOOD, check: true }, { ...RUN, check: true }).misfit).toBe('')
    expect(toldOf(GOOD, { ...RUN, check: true }).misfit).toContain('it was to look alone')
  })

  test('of a job of others needs no run of ours', () => {
    const external = { by: 'alice', launch_type: 'manual', limit: 'a', whole: false, copy_of: '' }
    expect(toldOf({ ...GOOD, run_id: '' }, { ...RUN, external }).misfit).toBe('')
  })

  test('is said to be no map when it is hidden or something else, and three hosts are named of more', () => {
    const hidden = { virtbridge: '$hidden due to Ansible no_log flag$' }
    expect(explained(hidden).misfit).toBe('what its play told does not fit: it is no map of hosts')
    const hosts = ['a', 'b', 'c', 'd', 'e']
    const outcomes: Outcomes = new Map(hosts.map(host => [host, { outcome: 'ok', detail: '' }]))
    const artifacts = { virtbridge: Object.fromEntries(hosts.map(host => [host, 1])) }
    const { misfit } = explainedBy(outcomes, NONE, artifacts, RUN)
    expect(misfit).toContain('a: must be object; b: must be object; c: must be object, and 2 more')
  })

  test('of more than 4 KB loses its largest fields, and says which', () => {
    const packages = Array.from({ length: 500 }, (_, n) => ({ name: `package-${n}`, from: '1', to: '2' }))
    const returned = toldOf({ ...GOOD, packages, packages_count: 500 }).outcomes.get('a')?.returned
    expect(returned).toEqual({ ...GOOD, packages_count: 500, trimmed: ['packages'] })
    expect(Buffer.byteLength(JSON.stringify(returned))).toBeLessThanOrEqual(MAX_RETURNED_BYTES)
  })

  test('is never that of an object of the language', () => {
    const { outcomes } = explained({ virtbridge: {} })
    expect(outcomes.get('constructor')).toEqual({ outcome: 'ok', detail: '1 ok' })
  })

  test('changes no outcome, whatever it says, breaks nothing, and is bounded', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue()), (whole, more) => {
        for (const artifacts of [{ virtbridge: whole }, { virtbridge: { a: whole, b: { ...GOOD, ...more } } }]) {
          const { outcomes, misfit } = explained(artifacts)
          expect([...outcomes].map(([host, { outcome, detail }]) => [host, outcome, detail])).toEqual(
            [...OUTCOMES].map(([host, { outcome, detail }]) => [host, outcome, detail]),
          )
          expect(misfit.length).toBeLessThanOrEqual(256)
          for (const { returned } of outcomes.values())
            expect(Buffer.byteLength(JSON.stringify(returned ?? null))).toBeLessThanOrEqual(MAX_RETURNED_BYTES)
        }
      }),
    )
  })
})

test('the role that tells it always tells what the schema asks for, and nothing else of its own', () => {
  const [task] = parse(readFileSync(join(ROOT, 'playbooks/roles/result/tasks/main.yml'), 'utf8')) as [
    { vars: { result_common: object } },
  ]
  const { required } = RESULT_SCHEMA.definitions.result
  expect(Object.keys(task.vars.result_common)).toEqual(required)
})

test('why a host failed is plain text on one line, and nobody else’s', () => {
  const reasons = new Map([
    ['a', { task: 'x', message: 'y' }],
    ['b', { task: 'Install', message: `no\u0007 space ${'z'.repeat(1_000)}` }],
  ])
  const { outcomes } = explainedBy(OUTCOMES, reasons, {}, RUN)
  expect(outcomes.get('a')?.detail).toBe('1 ok')
  expect(outcomes.get('b')?.detail).toMatch(/^1 failed: Install: no {1,2}space z+/)
  expect(outcomes.get('b')?.detail.length).toBeLessThanOrEqual(256)
})
