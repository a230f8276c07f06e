import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hiddenAnswer } from '../../src/cli/hidden-answer.ts'
import { sourcesOf } from '../../src/cli/secrets.ts'
import { KEY_SIZE, type RunCommand, sealingKey, Vault } from '../../src/day2/index.ts'
import { guest, hostOf } from '../day2/guest.ts'
import { type Desk, openDesk, TOKENS } from '../http/desk.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'
import { type Outcome, type Typed, virtbridge } from './console.ts'

const VALUE = 'Sesame-Opens-42'
const FOUND = /sesame-opens/i
const vault = new Vault(() => [sealingKey(Buffer.alloc(KEY_SIZE, 1))])

let desk: Desk
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let env: Record<string, string>

beforeAll(async () => {
  folder = await temporaryFolder()
  desk = await openDesk({ vault })
  desk.cluster('prod-1')
  desk.put(guest('web-1'))
  env = { VIRTBRIDGE_URL: await desk.listen(), VIRTBRIDGE_TOKEN: TOKENS.admin }
})
afterAll(async () => {
  await desk[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

async function commands(): Promise<readonly RunCommand[]> {
  return (await desk.log.page('commands', '0', 100)).map(entry => entry.value as never)
}

function run(said: readonly string[], typed: Typed = {}, yes = false): Promise<Outcome> {
  return virtbridge(['run', 'patch', '--limit', hostOf('web-1'), ...said, '--no-wait'], env, yes, typed)
}

/** The secrets of the latest command, opened. */
async function given(): Promise<object> {
  const { id = '', secrets = {} } = (await commands()).at(-1) ?? {}
  return vault.open(id, secrets)
}

describe('a secret of a run', () => {
  test.each<[string, string[], Typed, object]>([
    ['is asked for', ['--secret', 'db_password'], { hidden: [VALUE] }, { db_password: VALUE }],
    ['is one of several', ['--secret', 'a', '--secret', 'b'], { hidden: [VALUE, 'x'] }, { a: VALUE, b: 'x' }],
    ['comes from the standard input', ['--secret-file', 'a=-'], { input: `${VALUE}\n` }, { a: VALUE }],
    ['may have spaces at its ends', ['--secret', 'a'], { hidden: [` ${VALUE} `] }, { a: ` ${VALUE} ` }],
  ])('%s: it is sealed on the log, and on no line', async (_, said, typed, secrets) => {
    const { code, out, err } = await run([...said, '--yes'], typed)
    expect(code).toBe(0)
    expect(await given()).toEqual(secrets)
    expect(`${out}${err}${desk.logged.join('')}${JSON.stringify(await commands())}`).not.toMatch(FOUND)
  })

  test.each(['http://bridge.example.com:8080', 'http://127.0.0.1.example.com', 'HTTP://10.0.0.7'])(
    'is not asked for where it would go to another machine in the clear, as to %s',
    async url => {
      const { code, err } = await run(['--secret', 'a', '--url', url, '--yes'], { hidden: [VALUE] })
      expect([code, err]).toEqual([1, expect.stringMatching(/in the clear to .*\n.*https:/)])
    },
  )

  test.each([
    'https://bridge.example.com',
    'http://localhost:8080',
    'http://[::1]:8080',
    'http://127.0.0.1',
    'bridge:8080',
  ])('may be sent to %s', url => {
    expect(sourcesOf({ secret: ['a'], secretFile: [] }, url)).toEqual([['a', null]])
  })

  test('that is none is sent anywhere', () => {
    expect(sourcesOf({ secret: [], secretFile: [] }, 'http://bridge.example.com')).toEqual([])
  })

  test('comes from a file, as it is but for the line break at its end', async () => {
    const file = await fileIn(folder.path, 'secret', `-----\n${VALUE}\n-----\n`)
    expect((await run(['--secret-file', `tls_key=${file}`, '--yes'])).code).toBe(0)
    expect(await given()).toEqual({ tls_key: `-----\n${VALUE}\n-----` })
  })

  test('is asked for when it is sure that the run starts, and not before', async () => {
    const before = (await commands()).length
    const said = ['--secret', 'db_password']
    expect((await run(said, { hidden: [] })).err).toContain('nothing was started')
    const preview = await run([...said, '--preview'], { hidden: [] })
    expect([preview.code, (await commands()).length]).toEqual([0, before])
    expect((await run(said, { hidden: [VALUE] }, true)).code).toBe(0)
    expect(await given()).toEqual({ db_password: VALUE })
  })

  test.each<[string, string[], Typed, RegExp]>([
    [
      'a value on the command line',
      ['--secret', `db_password=${VALUE}`],
      {},
      /never its value[^]*if a secret stood there, change it/,
    ],
    ['a value in place of a file', ['--secret-file', VALUE], {}, /--secret-file is NAME=FILE/],
    ['a name that is not for a run', ['--secret', 'ansible_password'], {}, /--secret is the name of a variable/],
    ['one given twice', ['--secret', 'a', '--secret-file', 'a=-'], { hidden: [VALUE], input: VALUE }, /given twice/],
    ['one input for two', ['--secret-file', 'a=-', '--secret-file', 'b=-'], { input: VALUE }, /is one secret/],
    ['nobody to ask', ['--secret', 'a'], {}, /nobody is there to be asked for the secret a\n.*--secret-file a=FILE/],
    ['an empty answer', ['--secret', 'a'], { hidden: [''] }, /the secret a is empty/],
    ['an empty input', ['--secret-file', 'a=-'], { input: '\n' }, /the secret a is empty/],
    ['a long input', ['--secret-file', 'a=-'], { input: VALUE.repeat(300) }, /the standard input is too long/],
    [
      'a file that is not there',
      ['--secret-file', 'a=/nowhere'],
      {},
      /the secret a can not be read from \/nowhere: ENOENT/,
    ],
    ['what may be no secret', ['--secret', 'a'], { hidden: [`{{ ${VALUE} }}`] }, /the secret a holds a template/],
  ])('is refused with %s: nothing starts, and it is not repeated', async (_, said, typed, message) => {
    const before = (await commands()).length
    const { code, out, err } = await run([...said, '--yes'], typed)
    expect([code, err]).toEqual([1, expect.stringMatching(message) as string])
    expect(`${out}${err}${desk.logged.join('')}`).not.toMatch(FOUND)
    expect((await commands()).length).toBe(before)
  })

  test('shows by its name when the run is shown', async () => {
    desk.run({ id: 'r9', schema: 4, secrets: vault.seal('r9', { db_password: VALUE }) })
    const { out } = await virtbridge(['runs', 'show', 'r9'], env)
    expect(out).toContain('\nsecrets db_password')
    expect(out).not.toContain('v1.')
  })
})

describe('what is typed where nobody may see it', () => {
  function typing(): { input: PassThrough; shown: string[]; answer: Promise<string>; stop: AbortController } {
    const [input, shown, stop] = [new PassThrough(), [] as string[], new AbortController()]
    const output = { write: (text: unknown) => shown.push(String(text)) > 0 }
    const answer = hiddenAnswer('db_password', { input, output, signal: stop.signal })
    answer.catch(() => undefined)
    return { input, shown, answer, stop }
  }

  test.each([
    ['is the answer', `${VALUE}\r`, VALUE],
    ['may be mended', `${VALUE}xy\x7f\x7f\r`, VALUE],
    ['may be begun anew', `xy\x15${VALUE}\r`, VALUE],
    ['may come at once with more', `${VALUE}\nmore\n`, VALUE],
  ])('%s, and none of it is shown', async (_, typed, answer) => {
    const place = typing()
    place.input.write(typed)
    expect(await place.answer).toBe(answer)
    expect(place.shown).toEqual(['db_password: ', '\n'])
  })

  test('ends with Ctrl-C, or with the program', async () => {
    const [one, other] = [typing(), typing()]
    one.input.write(`${VALUE}\x03`)
    other.stop.abort()
    for (const { answer, shown } of [one, other]) {
      await expect(answer).rejects.toMatchObject({ code: 'interrupted', message: 'nothing was started' })
      expect(shown).toEqual(['db_password: ', '\n'])
    }
  })
})
