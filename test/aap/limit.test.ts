import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hostFault, limitFault, limitOf, MAX_HOSTS, MAX_LIMIT_BYTES, splitHosts } from '../../src/aap/limit.ts'

const many = (count: number, length = 10) =>
  Array.from({ length: count }, (_, index) => `h${String(index).padStart(length - 1, '0')}`)

describe('a limit that could mean something else than its hosts is refused', () => {
  test.each([
    ['', 'an empty name'],
    ['!web', 'an exclusion'],
    ['&web', 'an intersection'],
    ['web*', 'a glob'],
    ['web?', 'a glob of one'],
    ['web:db', 'a union'],
    ['~web.*', 'a regular expression'],
    ['-web', 'an option'],
    ['web db', 'two words'],
    ['web[0]', 'an index'],
    ['web[1:3]', 'a slice'],
    ['web,db', 'two names'],
    ['@hosts', 'a file'],
    ['{{ x }}', 'a template'],
    ['web\n', 'a line break'],
    ['wéb', 'a letter beyond ASCII'],
    ['all', 'everything'],
    ['ALL', 'everything, shouted'],
    ['ungrouped', 'a group of Ansible'],
    ['localhost', 'the controller itself'],
    ['127.0.0.1', 'the controller itself'],
  ])('host %j is %s', host => {
    expect(hostFault(host)).toContain(JSON.stringify(host))
    expect(limitFault(['web-1.shop.prod-1', host])).not.toBeNull()
  })

  test('no host at all, which is every host', () => expect(limitFault([])).toContain('every host'))
  test('a host named twice', () => expect(limitFault(['a', 'b', 'a'])).toContain('twice'))
  test('501 hosts', () => expect(limitFault(many(MAX_HOSTS + 1))).toContain('501 hosts'))
  test('500 hosts are not too many', () => expect(limitFault(many(MAX_HOSTS))).toBeNull())
  test('one byte too many', () => {
    const fits = [...many(59, 1023), 'x'.repeat(MAX_LIMIT_BYTES - 59 * 1024)]
    expect(limitOf(fits).length).toBe(MAX_LIMIT_BYTES)
    expect(limitFault(fits)).toBeNull()
    expect(limitFault([...fits.slice(1), `${fits[0] ?? ''}x`])).toContain('too long')
  })
})

/** Any text, with the characters of the limit language more often than chance would have it. */
const anyName = fc.string({
  unit: fc.oneof(fc.constantFrom(...'ab01._-!&*:~[],@ ?{}\n'.split('')), fc.string({ maxLength: 1 })),
  maxLength: 12,
})

test('whatever the names are, an accepted limit reads back as exactly its hosts and nothing of the limit language', () => {
  fc.assert(
    fc.property(fc.array(anyName, { maxLength: 6 }), hosts => {
      if (limitFault(hosts) !== null) return
      const limit = limitOf(hosts)
      expect(limit.split(',')).toEqual(hosts)
      expect(limit).toMatch(/^[A-Za-z0-9_.,-]+$/)
      expect(hosts.some(host => host.startsWith('-') || host === 'all')).toBe(false)
    }),
    { numRuns: 2000 },
  )
})

test('split hosts are all there, in order, each job acceptable, and no job could have taken the first host of the next', () => {
  const name = fc
    .tuple(fc.integer({ min: 1, max: 250 }), fc.nat())
    .map(([length, index]) => `h${String(index).padStart(length, '0')}`)
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 1500 }), hosts => {
      const jobs = splitHosts(hosts)
      expect(jobs.flat()).toEqual(hosts)
      for (const [index, job] of jobs.entries()) {
        expect(limitFault(job)).toBeNull()
        const next = jobs[index + 1]?.[0]
        const full = job.length === MAX_HOSTS || limitOf([...job, next ?? '']).length > MAX_LIMIT_BYTES
        expect(next === undefined || full).toBe(true)
      }
    }),
    { numRuns: 60 },
  )
})
