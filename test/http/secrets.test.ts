import { describe, expect, test } from 'vitest'
import { Vault, type RunCommand, type SealedSecrets } from '../../src/day2/index.ts'
import { KEY_SIZE, sealingKey, spent } from '../../src/day2/sealed.ts'
import { Fault } from '../../src/errors.ts'
import { guest } from '../day2/guest.ts'
import { bearer, type Desk, openDesk, TOKENS } from './desk.ts'

const VALUE = 'Sesame-Opens-42'
const FOUND = /sesame-opens/i
const KEY = sealingKey(Buffer.alloc(KEY_SIZE, 1))
const OTHER = sealingKey(Buffer.alloc(KEY_SIZE, 2))
const WISH = { verb: 'patch', hosts: ['web-1.shop.prod-1'], secrets: { db_password: VALUE } }

/** Whose bridge has these keys, and one VM. */
async function site(keys = [KEY]): Promise<Desk> {
  const desk = await openDesk({ vault: new Vault(() => keys) })
  desk.level('debug')
  desk.put(guest('web-1'))
  return desk
}

async function commands(desk: Desk): Promise<readonly RunCommand[]> {
  return (await desk.log.page('commands', '0', 100)).map(entry => entry.value as never)
}

/** What a reader of the bridge can see of what was posted. */
async function seen(desk: Desk, ...answers: readonly { body: string }[]): Promise<string> {
  const told = answers.map(answer => answer.body).join('\n')
  return `${told}\n${desk.logged.join('')}\n${JSON.stringify(await commands(desk))}`
}

describe('a run that is asked for with a secret', () => {
  test('is a command that has it sealed, which a program of before refuses; nobody is told what it is', async () => {
    await using desk = await site()
    const answer = await desk.post('/api/v1/runs', { ...WISH, variables: { note: 'x' } })
    expect(answer.statusCode).toBe(202)
    const [command] = await commands(desk)
    expect(command).toMatchObject({ schema: 3, variables: { note: 'x' } })
    const { id = '', secrets = {} } = command ?? {}
    expect(secrets).toEqual({ db_password: { sealed: expect.stringMatching(/^v1\.[0-9a-f]{16}\./) as string } })
    expect(new Vault(() => [KEY]).open(id, secrets)).toEqual(WISH.secrets)
    expect(await seen(desk, answer)).not.toMatch(FOUND)
  })

  test('shows its name and nothing else, whoever looks', async () => {
    await using desk = await site()
    const secrets = new Vault(() => [KEY]).seal('r1', WISH.secrets)
    desk.run({ id: 'r1', schema: 4, secrets })
    const answers = [await desk.get('/api/v1/runs/r1'), await desk.get('/api/v1/runs')]
    expect(answers[0]?.json<{ secrets: unknown }>().secrets).toEqual(['db_password'])
    expect(answers.map(answer => answer.body).join()).not.toMatch(/v1\.[0-9a-f]/)
  })

  test.each<[string, () => Vault, RegExp]>([
    ['no key is configured', () => new Vault(), /^no sealing key is configured/],
    [
      'its key can not be read',
      () =>
        new Vault(() => {
          throw new Fault('sealing_key', 'the sealing key /k can not be read', { hint: 'make one' })
        }),
      /^the sealing key \/k can not be read$/,
    ],
  ])('is refused where %s: nothing of it is on the log', async (_, vault, detail) => {
    await using desk = await openDesk({ vault: vault() })
    desk.put(guest('web-1'))
    const answer = await desk.post('/api/v1/runs', WISH)
    expect([answer.statusCode, answer.json()]).toMatchObject([
      409,
      {
        code: 'no_sealing_key',
        detail: expect.stringMatching(detail) as string,
        hint: expect.stringMatching(/^nothing was started; make/) as string,
      },
    ])
    expect(await commands(desk)).toEqual([])
    expect(await seen(desk, answer)).not.toMatch(FOUND)
  })

  test.each<[string, object, number, RegExp]>([
    [
      'of a name that is not for a run',
      { secrets: { ansible_password: VALUE } },
      422,
      /ansible_password is not for a run/,
    ],
    ['that is a list', { secrets: { pin: [VALUE] } }, 422, /the secret pin is no text/],
    ['that is a number', { secrets: { pin: 4711 } }, 422, /the secret pin is no text/],
    ['that is an expression', { secrets: { pin: `{{ ${VALUE} }}` } }, 422, /the secret pin holds a template/],
    ['that is too long', { secrets: { pin: VALUE.repeat(300) } }, 422, /the secret pin has 4500 bytes/],
    ['twice', { variables: { pin: 1 }, secrets: { pin: VALUE } }, 422, /pin is given twice/],
    ['among the variables', { secrets: {}, variables: { db_password: VALUE } }, 422, /looks like a secret/],
    ['that is a text of its own', { secrets: VALUE }, 400, /^secrets is no object/],
    ['of which there are too many', { secrets: Object.fromEntries(many(17)) }, 400, /^secrets has more than 16 names/],
  ])('is refused with one %s: its name is told, and not what it is', async (_, more, status, detail) => {
    await using desk = await site()
    const answer = await desk.post('/api/v1/runs', { ...WISH, ...more })
    expect([answer.statusCode, answer.json<{ detail: string }>().detail]).toEqual([
      status,
      expect.stringMatching(detail),
    ])
    expect(await commands(desk)).toEqual([])
    expect(await seen(desk, answer)).not.toMatch(FOUND)
  })

  test.each<[string, string]>([
    ['is cut', `{"verb":"patch","secrets":{"db_password":"${VALUE}`],
    ['is another', `{"verb":"patch" "secrets":{"db_password":"${VALUE}"}}`],
    ['ends it early', `{"secrets":{"db_password":"${VALUE}"}}}`],
    ['is poisoned', `{"secrets":{"__proto__":"${VALUE}"}}`],
  ])('whose JSON %s is refused, and no word of it is quoted', async (_, body) => {
    await using desk = await site()
    const headers = { ...bearer(TOKENS.runner), 'content-type': 'application/json' }
    const answer = await desk.app.inject({ method: 'POST', url: '/api/v1/runs', headers, body })
    expect(answer.statusCode).toBe(400)
    expect(await seen(desk, answer)).not.toMatch(FOUND)
  })
})

describe('the same key with a secret', () => {
  const headers = { ...bearer(TOKENS.runner), 'idempotency-key': 'k1' }

  /** A desk whose run of the key is on record as it is then, and what is answered to the wish once more. */
  async function again(change: (sealed: SealedSecrets) => SealedSecrets, secrets: object, keys = [KEY]) {
    await using desk = await site(keys)
    const hosts = [{ host: 'web-1.shop.prod-1', key: '', uid: '', address: '' }]
    await using first = await site()
    const { id } = (await first.post('/api/v1/runs', WISH, headers)).json<{ id: string }>()
    desk.run({ id, verb: 'patch', hosts, secrets: change((await commands(first))[0]?.secrets ?? {}) })
    const answer = await desk.post('/api/v1/runs', { ...WISH, secrets }, headers)
    expect(await commands(desk)).toEqual([])
    expect(await seen(desk, answer)).not.toMatch(FOUND)
    return [
      answer.statusCode,
      answer.json<{ id?: string; code?: string }>().code ?? answer.json<{ id: string }>().id === id,
    ]
  }

  const kept = (sealed: SealedSecrets): SealedSecrets => sealed
  const dropped = (sealed: SealedSecrets): SealedSecrets =>
    Object.fromEntries(Object.entries(sealed).map(([name, one]) => [name, spent(one)]))

  test.each<[string, (sealed: SealedSecrets) => SealedSecrets]>([
    ['while its run has them', kept],
    ['after they were dropped', dropped],
  ])('is the same wish when the secret is the same, and another when it is not: %s', async (_, change) => {
    expect(await again(change, WISH.secrets)).toEqual([202, true])
    expect(await again(change, WISH.secrets, [OTHER, KEY])).toEqual([202, true])
    for (const other of [{ db_password: `${VALUE}!` }, { another: VALUE }, { ...WISH.secrets, more: VALUE }, {}])
      expect(await again(change, other)).toEqual([409, 'key_used'])
  })

  test('is another wish when the secret is another, also before the first is in the ledger', async () => {
    await using desk = await site()
    const ask = async (secrets: object) => (await desk.post('/api/v1/runs', { ...WISH, secrets }, headers)).statusCode
    expect([
      await ask(WISH.secrets),
      await ask({ db_password: `${VALUE}!` }),
      await ask(WISH.secrets),
      await ask({}),
    ]).toEqual([202, 409, 202, 409])
    expect(await seen(desk)).not.toMatch(FOUND)
  })

  test('is another wish when no key can tell any more: a run that does something else is answered to nobody', async () => {
    expect(await again(dropped, WISH.secrets, [OTHER])).toEqual([409, 'key_used'])
  })
})

function many(count: number): readonly (readonly [string, string])[] {
  return Array.from({ length: count }, (_, index) => [`s${index}`, VALUE] as const)
}
