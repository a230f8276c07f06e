import { assert, constant, constantFrom, oneof, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAuthenticator, hashOf, type TokenSource } from '../../src/http/index.ts'
import { openDesk } from './desk.ts'

const VALUE = 'a-value-of-thirty-two-characters'
const OTHER = 'another-value-of-so-many-letters'

/** An authenticator over one token, with what the test changes. */
function one(source: Partial<TokenSource> & Pick<TokenSource, 'read'>): {
  who: (value: string) => string | undefined
  later: (ms: number) => void
  warned: string[]
} {
  let now = 0
  const warned: string[] = []
  const warn = (token: string, reason: string): void => void warned.push(`${token}: ${reason}`)
  const authenticate = createAuthenticator([{ name: 'a', can: ['read'], ...source }], { now: () => now, warn })
  return { who: value => authenticate(`Bearer ${value}`)?.name, later: ms => (now += ms), warned }
}

test('a rotated token counts without a restart, the old one no longer, and one that can not be read matches nobody', () => {
  let value: string | null = VALUE
  const { who, later, warned } = one({
    read: () => {
      if (value === null) throw new Error('the file is gone')
      return value
    },
  })
  expect(who(VALUE)).toBe('a')
  value = OTHER
  later(10_000)
  expect([who(VALUE), who(OTHER)]).toEqual([undefined, 'a'])
  value = null
  later(10_000)
  expect([who(OTHER), who(''), who(' ')]).toEqual([undefined, undefined, undefined])
  later(10_000)
  who(OTHER)
  expect(warned).toEqual(['a: the file is gone'])
  value = ''
  later(10_000)
  expect(who(OTHER)).toBeUndefined()
  expect(warned.at(-1)).toBe('a: it is empty')
})

describe('a value that two tokens come to have', () => {
  const two = (values: Record<'a' | 'b', string>) => {
    const [clock, warned] = [{ now: 0 }, [] as string[]]
    const sources = (['a', 'b'] as const).map(name => ({ name, can: ['read'] as const, read: () => values[name] }))
    const warn = (token: string, reason: string): void => void warned.push(`${token}: ${reason}`)
    const authenticate = createAuthenticator(sources, { now: () => clock.now, warn })
    const who = (value: string): string | undefined => {
      clock.now += 10_000
      return authenticate(`Bearer ${value}`)?.name
    }
    return { who, warned }
  }

  test.each(['a', 'b'] as const)('is that of the one that had it, whichever comes first: %s', keeper => {
    const other = keeper === 'a' ? 'b' : 'a'
    const values = { a: OTHER, b: OTHER, [keeper]: VALUE }
    const { who, warned } = two(values)
    expect([who(VALUE), who(OTHER), warned]).toEqual([keeper, other, []])
    values[other] = hashOf(VALUE)
    expect([who(VALUE), who(VALUE), who(OTHER)]).toEqual([keeper, keeper, undefined])
    expect(warned).toEqual([`${other}: the token "${keeper}" has the same value`])
    values[other] = OTHER
    expect([who(VALUE), who(OTHER)]).toEqual([keeper, other])
    expect(warned).toHaveLength(1)
  })

  test('is that of none, where it was of none before', () => {
    const values = { a: `${VALUE} ${OTHER}`, b: VALUE }
    const { who, warned } = two(values)
    expect([who(VALUE), who(VALUE), who(OTHER)]).toEqual([undefined, undefined, 'a'])
    expect(warned).toEqual(['a: the token "b" has the same value', 'b: the token "a" has the same value'])
    values.b = 'yet-another-of-sixteen'
    expect([who(VALUE), who('yet-another-of-sixteen')]).toEqual(['a', 'b'])
  })
})

describe('what is read of a token', () => {
  test('may be its hash: who knows the hash is not let in by it', () => {
    const hash = hashOf(VALUE)
    expect(hash).toMatch(/^sha256:[0-9a-f]{64}$/)
    const { who } = one({ read: () => hash })
    expect([who(VALUE), who(hash), who(hash.slice(7)), who(OTHER)]).toEqual(['a', undefined, undefined, undefined])
  })

  test('may be two values, while it is changed; four at most', () => {
    const { who, warned } = one({ read: () => `${VALUE}\n${hashOf(OTHER)}\n` })
    expect([who(VALUE), who(OTHER), warned]).toEqual(['a', 'a', []])
    const many = one({ read: () => Array.from({ length: 5 }, (_, n) => `${VALUE}${n}`).join(' ') })
    expect([many.who(`${VALUE}3`), many.who(`${VALUE}4`)]).toEqual(['a', undefined])
    expect(many.warned).toEqual(['a: it has more than 4 values'])
  })

  test.each([
    ['short', 'fifteen-letters', 'it is shorter than 16 characters'],
    ['a hash that is none', 'sha256:abc', 'its hash is not sha256: and 64 hexadecimal digits'],
  ])('that is %s lets nobody in, and is warned of once without its value', (_what, value, reason) => {
    const { who, later, warned } = one({ read: () => value })
    expect(who(value)).toBeUndefined()
    later(10_000)
    who(OTHER)
    expect(warned).toEqual([`a: ${reason}`])
  })

  test('is of at most 4,096 characters', () => {
    const [longest, longer] = ['x'.repeat(4_096), 'x'.repeat(4_097)]
    expect([one({ read: () => longest }).who(longest), one({ read: () => longer }).who(longer)]).toEqual([
      'a',
      undefined,
    ])
  })
})

test('which tokens there are is asked again, so that a configuration that was read again counts', () => {
  let sources: TokenSource[] = [{ name: 'a', can: ['read'], read: () => VALUE }]
  let now = 0
  const authenticate = createAuthenticator(() => sources, { now: () => now })
  expect(authenticate(`Bearer ${VALUE}`)?.name).toBe('a')
  sources = [{ name: 'b', can: ['run'], read: () => VALUE }]
  now += 10_000
  expect(authenticate(`Bearer ${VALUE}`)).toMatchObject({ name: 'b', can: ['run'] })
})

test('a token that has expired is told so, to who has it alone', async () => {
  let now = 1_000
  const source: TokenSource = { name: 'old', can: ['read'], expiresAt: 2_000, read: () => VALUE }
  const authenticate = createAuthenticator([source], { now: () => now })
  await using desk = await openDesk({ authenticate })
  const asked = async (value: string): Promise<[number, string]> => {
    const answer = await desk.get('/api/v1/vms', { authorization: `Bearer ${value}` })
    return [answer.statusCode, answer.json<{ code?: string }>().code ?? '']
  }
  expect(await asked(VALUE)).toEqual([200, ''])
  now = 2_000
  expect([await asked(VALUE), await asked(OTHER)]).toEqual([
    [401, 'token_expired'],
    [401, 'unauthorized'],
  ])
})

test('whatever is sent as a header, nobody is let in but by the value itself', () => {
  const authenticate = createAuthenticator([{ name: 'a', can: ['read'], read: () => VALUE }], { now: () => 0 })
  const near = string().map(text => VALUE.slice(0, -1) + text)
  assert(
    property(
      oneof(string(), near, constant(VALUE)),
      constantFrom('Bearer ', 'bearer ', 'Basic ', ''),
      (value, scheme) => {
        const isRight = value.trim() === VALUE && /^bearer /i.test(scheme) && value.endsWith(VALUE.at(-1) ?? '')
        const found = authenticate(scheme + value)
        expect(isRight || found === null).toBe(true)
      },
    ),
  )
})
