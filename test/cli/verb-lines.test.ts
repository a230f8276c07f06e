import { expect, test } from 'vitest'
import { chanceLines, holdingLine } from '../../src/cli/verb-lines.ts'

const mark = (yes: boolean): string => (yes ? 'yes' : 'no')
const NO = { possible: false, because: 'not ready: stopped' }
const BESIDE = { needs: 'vm', possible: true, because: 'the VM is there, and no run holds it' } as const

test('verbs for which something else holds are told, those alike on one line', () => {
  const can = [
    { verb: 'patch', needs: 'guest', ...NO },
    { verb: 'puppet_agent', needs: 'guest', possible: false, because: 'its OS (windows) is not one the verb is for' },
    { verb: 'restore', ...BESIDE },
    { verb: 'snapshot', ...BESIDE },
  ] as const
  expect(chanceLines({ launch: NO, can }, mark)).toEqual([
    '  except        puppet_agent: no: its OS (windows) is not one the verb is for',
    '  except        restore, snapshot: yes: the VM is there, and no run holds it',
  ])
})

test('where all can be launched there is nothing more to tell', () => {
  expect(
    chanceLines({ launch: { possible: true, because: 'ready' }, can: [{ verb: 'snapshot', ...BESIDE }] }, mark),
  ).toEqual([])
})

test.each([
  ['a run of virtbridge', { verb: 'restore', job: 7 }, 'run r: restore by ops, following (job 7) since then'],
  ['one without a job yet', { verb: 'restore', job: null }, 'run r: restore by ops, following since then'],
  [
    'one with steps',
    { verb: 'patch', job: 7, step: 'verify (3 of 3)' },
    'run r: patch, step verify (3 of 3), by ops, following (job 7) since then',
  ],
  ['a job of others, by its template', { verb: '', job: 7 }, 'run r: T by ops, following (job 7) since then'],
  ['one that may not be told of', { run: '', verb: '', job: null }, 'another run, following since then'],
])('who holds it is told: %s', (_, held, expected) => {
  const rest = { run: 'r', template: 'T', status: 'following', asked_by: 'ops', since: 'then' } as const
  expect(holdingLine({ ...rest, ...held })).toEqual([`held by         ${expected}`])
})

test('nothing is told of a VM that nothing holds', () => {
  expect(holdingLine(null)).toEqual([])
})
