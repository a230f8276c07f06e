import { expect, test } from 'vitest'
import { codingFor, namesTag } from '../../src/http/preference.ts'

test.each([
  [undefined, 'identity'],
  ['', 'identity'],
  ['gzip', 'gzip'],
  ['GZIP', 'gzip'],
  ['x-gzip', 'gzip'],
  ['gzip, deflate', 'gzip'],
  ['gzip, deflate, br, zstd', 'zstd'],
  ['gzip;q=1.0, zstd;q=0.5', 'gzip'],
  ['gzip;q=0', 'identity'],
  ['gzip;q=0, *', 'zstd'],
  ['gzip ; q=0.5 , identity;q=0.4', 'gzip'],
  ['gzip;q=0.5, identity', 'identity'],
  ['gzip;q=0.5, identity;q=0.5', 'identity'],
  ['identity;q=0', 'identity'],
  ['*;q=0', 'identity'],
  ['*', 'zstd'],
  ['br', 'identity'],
  ['gzip;q=nonsense', 'identity'],
  ['gzip;q=1.5', 'identity'],
  ['gzip;q=0.001', 'gzip'],
  ['gzip;level=9;q=0.8', 'gzip'],
  [',,;,', 'identity'],
  ['not-gzip', 'identity'],
])('a request with accept-encoding %j is answered in %s', (header, coding) => {
  expect(codingFor(header, ['zstd', 'gzip'])).toBe(coding)
})

test.each([
  [undefined, false],
  ['', false],
  ['*', true],
  [' * ', true],
  ['"a"', true],
  ['W/"a"', true],
  ['"b", "a"', true],
  ['"b","a","c"', true],
  ['a', false],
  ['"b"', false],
  ['"a-gzip"', false],
  ['"x,*"', false],
])('a request with if-none-match %j has what "a" names: %j', (header, known) => {
  expect(namesTag(header, '"a"')).toBe(known)
})
