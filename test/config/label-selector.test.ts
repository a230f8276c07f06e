import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { meets } from '../../src/cluster/label.ts'
import { parseSelector } from '../../src/config/index.ts'
import { cpuMs } from '../support/cpu-time.ts'

const PROD = { env: 'prod', 'open-cluster.io/tier': '1' }

test.each([
  ['', PROD, true],
  ['env=prod', PROD, true],
  ['env==prod', PROD, true],
  [' env = prod ', PROD, true],
  ['env=dev', PROD, false],
  ['env!=dev', PROD, true],
  ['env!=prod', PROD, false],
  ['region!=eu', PROD, true],
  ['env in (dev, prod)', PROD, true],
  ['env in (dev,stage)', PROD, false],
  ['env notin (dev,stage)', PROD, true],
  ['region notin (eu)', PROD, true],
  ['env', PROD, true],
  ['region', PROD, false],
  ['!region', PROD, true],
  ['!env', PROD, false],
  ['env=', { env: '' }, true],
  ['open-cluster.io/tier=1,env in (prod),!legacy', PROD, true],
  ['open-cluster.io/tier=1,env in (prod, dev),legacy', PROD, false],
  ['constructor', PROD, false],
  ['open-cluster.io/tier>0', PROD, true],
  ['open-cluster.io/tier > 1', PROD, false],
  ['open-cluster.io/tier<2', PROD, true],
  ['open-cluster.io/tier < 1', PROD, false],
  ['age>9', { age: '10' }, true],
  ['age<10', { age: '009' }, true],
  ['age>0', PROD, false],
  ['age<9', PROD, false],
  ['env>0', PROD, false],
  ['age>9223372036854775806', { age: '9223372036854775807' }, true],
  ['age>0', { age: '9223372036854775808' }, false],
  ['age>1,age<3,env', { age: '2', env: '' }, true],
])('the selector "%s" on %j: %s', (selector, labels, taken) => {
  expect(meets(labels as Record<string, string>, parseSelector(selector))).toBe(taken)
})

test.each([
  'env=prod,',
  ',',
  'env in prod',
  'env in (a',
  'env near (a)',
  'a b',
  '=x',
  'env=a b',
  '-a',
  'env=-',
  'a//b',
  '!',
  'age>',
  'age>x',
  'age>-1',
  'age>1.5',
  'age<9223372036854775808',
  '>1',
  'age>1 2',
  'age>=1',
  'age<>1',
  'a>b in (c)',
])('the selector "%s" can not be read', selector => {
  expect(() => parseSelector(selector)).toThrow(/no condition on labels|a part of it is empty/)
})

test('every part that can not be read is told, not the first alone', () => {
  expect(() => parseSelector('a b,env=prod,=x,a b')).toThrow(
    '"a b" is no condition on labels; "=x" is no condition on labels',
  )
})

const name = fc.stringMatching(/^[A-Za-z0-9]([\w.-]{0,8}[A-Za-z0-9])?$/)
const key = fc.oneof(
  name,
  fc.tuple(fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?$/), name).map(parts => parts.join('/')),
)
const value = fc.oneof(fc.constant(''), name)
const requirement = fc.oneof(
  fc.record({
    key,
    operator: fc.constantFrom('in' as const, 'notin' as const),
    values: fc.array(value, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    key,
    operator: fc.constantFrom('exists' as const, 'absent' as const),
    values: fc.constant<string[]>([]),
  }),
  fc.record({
    key,
    operator: fc.constantFrom('gt' as const, 'lt' as const),
    values: fc.nat().map(bound => [String(bound)]),
  }),
)
const space = fc.constantFrom('', ' ', '  ')

test('what is written as Kubernetes has it is read as it was meant, however it is spaced', () => {
  fc.assert(
    fc.property(fc.array(requirement, { maxLength: 5 }), space, (requirements, gap) => {
      const written = requirements.map(({ key, operator, values }) => {
        if (operator === 'exists') return key
        if (operator === 'absent') return `!${gap}${key}`
        if (operator === 'gt') return `${key}${gap}>${gap}${values.join()}`
        if (operator === 'lt') return `${key}${gap}<${gap}${values.join()}`
        return `${key} ${operator}${gap}(${values.join(`${gap},${gap}`)})`
      })
      expect(parseSelector(written.join(`${gap},${gap}`))).toEqual(requirements)
    }),
  )
})

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc
    .array(
      fc.constantFrom(
        'a',
        '=',
        '!',
        '>',
        '<',
        '7',
        '(',
        ')',
        ',',
        ' ',
        'in',
        'notin',
        '/',
        '.',
        '-',
        '{{',
        '\u0000',
        '"',
        'é',
      ),
      {
        maxLength: 60,
      },
    )
    .map(parts => parts.join('')),
)

/** What `text` is read as, or why it is not. */
function reading(text: string): { words: readonly string[]; refused: string } {
  try {
    return { words: parseSelector(text).flatMap(({ key, values }) => [key, ...values]), refused: '' }
  } catch (error) {
    return { words: [], refused: error instanceof Error ? error.message : 'no error' }
  }
}

test('whatever is written is read or refused in words, and what is read has keys and values of Kubernetes alone', () => {
  fc.assert(
    fc.property(hostile, text => {
      const { words, refused } = reading(text)
      expect(words.filter(word => !/^[A-Za-z0-9./_-]*$/.test(word))).toEqual([])
      expect(refused).toMatch(/^$|no condition on labels|a part of it is empty/)
    }),
    { numRuns: 500 },
  )
})

test.each(['(', ',', 'a in (', '!', 'a=', '((,'])(
  'as long as a selector may be, of %j alone, is refused at once',
  text => {
    const parse = (): unknown => parseSelector(text.repeat(4096 / text.length))
    expect(cpuMs(() => expect(parse).toThrow(/no condition|is empty/))).toBeLessThan(2_000)
  },
)
