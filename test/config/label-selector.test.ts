import { expect, test } from 'vitest'
import { meets } from '../../src/cluster/label.ts'
import { parseSelector } from '../../src/config/index.ts'

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
])('the selector "%s" can not be read', selector => {
  expect(() => parseSelector(selector)).toThrow(/no condition on labels|a part of it is empty/)
})
