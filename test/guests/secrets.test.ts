import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../servers/run.ts'
import { playTruly } from './play-truly.ts'
import { type Asked, faultOf, type Played, Stage } from './stage.ts'

const web = 'web-1.shop.prod-1'
const site = 'http://127.0.0.1:8200'
const TOKEN = 'hvs.a-token-that-nobody-may-see'
const PATH = `virtbridge/${web}`
let stage: Stage
let root: string
let folder: string
const over = new AbortController()
let ended: Promise<unknown>
/** The network that is ours alone. */
let inside: string
/** Every command line and environment that a process in it had while plays ran. */
const seen = new Set<string>()

beforeAll(async () => {
  stage = await Stage.set({ [web]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b' })
  root = stage.guest(web).root
  folder = await mkdtemp(join(tmpdir(), 'virtbridge-site-'))
  await writeFile(join(folder, 'token'), TOKEN)
  const standIn = join(import.meta.dirname, 'stand-ins', 'site.ts')
  const served = stage.network.run(process.execPath, [standIn, '8200', folder], { signal: over.signal })
  ended = served.catch(() => undefined)
  inside = (await stage.network.run('readlink', ['/proc/self/ns/net'])).stdout.trim()
  // What sets accounts' passwords writes down how it was called: a look at all processes now and then could miss it.
  for (const program of ['chpasswd', 'usermod']) await record(program)
})
afterAll(async () => {
  over.abort()
  await ended
  await rm(folder, { recursive: true })
  await stage[Symbol.asyncDispose]()
})

async function record(program: string): Promise<void> {
  const path = `/usr/sbin/${program}`
  await stage.inside(web, `mv ${path} ${path}.real`)
  const script = `#!/bin/sh\ntr '\\0' ' ' < /proc/$$/cmdline >> /root/called\nexec ${path}.real "$@"\n`
  await writeFile(join(root, path), script, { mode: 0o755 })
}

async function play(verb: string, vars: Record<string, unknown>, asked: Asked = {}): Promise<Played> {
  const watch = setInterval(() => void look(), 20)
  try {
    return await stage.play(verb, { limit: [web], ...asked, vars })
  } finally {
    clearInterval(watch)
  }
}

async function look(): Promise<void> {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || (await readlink(`/proc/${pid}/ns/net`).catch(() => '')) !== inside) continue
    for (const file of ['cmdline', 'environ']) seen.add(await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => ''))
  }
}

interface Kept {
  readonly secrets: Record<string, { root: string }[]>
  readonly hosts: Record<string, unknown>
}

async function kept(): Promise<Kept> {
  return JSON.parse(await readFile(join(folder, 'kept.json'), 'utf8')) as Kept
}

async function hashOfRoot(): Promise<string> {
  const [entry = ''] = (await readFile(join(root, 'etc/shadow'), 'utf8')).split('\n')
  return entry.split(':')[1] ?? ''
}

/** What crypt makes of a password with the salt of a hash. */
async function crypt(password: string, hash: string): Promise<string> {
  const args = [root, 'openssl', 'passwd', '-6', '-salt', hash.split('$').at(-2) ?? '', '-stdin']
  return (await run('chroot', args, { input: password })).trim()
}

function rootPassword(vars: Record<string, unknown> = {}, asked: Asked = {}, token = TOKEN): Promise<Played> {
  const hostvars = { [web]: { root_password_vault_token: token } }
  return play('root_password', { root_password_vault_url: site, ...vars }, { ...asked, hostvars })
}

describe('root_password, by a vault', () => {
  test('fails with a token that may not, and changes nothing', async () => {
    const before = await hashOfRoot()
    const refused = await rootPassword({}, {}, 'another')
    expect(refused.result[web]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/does not let secret\/virtbridge\/web-1.* be read \(403\)/) as string,
    })
    expect(await hashOfRoot()).toBe(before)
  })

  test('tells in check mode what it would do; then makes one, keeps it and sets it, and the second time changes nothing', async () => {
    const asking = (_verb: string, check: boolean): Promise<Played> => rootPassword({}, { check })
    const none = { secrets: {} }
    const state = async (): Promise<unknown> => [(await kept().catch(() => none)).secrets, await hashOfRoot()]
    const { done: first } = await playTruly('root_password', asking, state)
    expect(first.result[web]).toMatchObject({ outcome: 'ok', reference: `vault:secret/${PATH}#root` })
    const [made] = (await kept()).secrets[PATH] ?? []
    expect(made?.root).toMatch(/^[A-Za-z0-9]{24}$/)
    expect(await hashOfRoot()).toBe(await crypt(made?.root ?? '', await hashOfRoot()))

    const again = await rootPassword()
    expect(faultOf(again)).toBe('')
    expect(again.recap[web]).toMatchObject({ changed: 0 })
    expect((await kept()).secrets[PATH]).toHaveLength(1)
  })

  test('makes another when asked to', async () => {
    const ended = await rootPassword({ root_password_rotate: true })
    expect(faultOf(ended)).toBe('')
    const made = (await kept()).secrets[PATH] ?? []
    expect(made).toHaveLength(2)
    expect(await hashOfRoot()).toBe(await crypt(made.at(-1)?.root ?? '', await hashOfRoot()))
  })

  test('no password, no hash and no token is in an argument or an environment of what ran, here and on the guest', async () => {
    const made = (await kept()).secrets[PATH] ?? []
    const secrets = [TOKEN, await hashOfRoot(), ...made.map(({ root: password }) => password)]
    const called = await readFile(join(root, 'root/called'), 'utf8')
    expect(called).toContain('chpasswd --encrypted')
    const all = [called, ...seen].join('\n')
    expect(all).toContain('root_password.yml')
    for (const secret of secrets) expect(all.includes(secret), secret.slice(0, 4)).toBe(false)
  })
})

describe('monitoring and retire', () => {
  const asked = {
    packages_present: ['cron'],
    monitoring_url: `${site}/api/hosts/${web}`,
    monitoring_body: { address: '192.0.2.1', groups: ['shop'] },
  }
  const hostvars = { [web]: { monitoring_headers: { Authorization: `Bearer ${TOKEN}` } } }
  const configure = (vars: Record<string, unknown>, check = false): Promise<Played> =>
    play('configure', { ...asked, ...vars }, { hostvars, check, tags: ['packages', 'monitoring', 'retire'] })

  test('registers the guest when it is not known as it is, and tells so in check mode', async () => {
    const tried = await configure({}, true)
    expect(faultOf(tried)).toBe('')
    expect((await kept()).hosts).toEqual({})
    const first = await configure({})
    expect(faultOf(first)).toBe('')
    expect((await kept()).hosts[web]).toMatchObject(asked.monitoring_body)
    const again = await configure({})
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
  })

  test('fails when the monitoring does not take it, and says so without the token', async () => {
    const ended = await configure({ monitoring_url: `${site}/nowhere/${web}` })
    expect(ended.result[web]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('did not take what it was told of the guest (404)') as string,
    })
    expect(ended.stdout + ended.stderr).not.toContain(TOKEN)
  })

  test('a guest that retires is told so in check mode, is unregistered, its services stop and it says so, once', async () => {
    expect(await stage.inside(web, 'service cron start')).toMatchObject({ status: 0 })
    const vars = { configure_roles: ['retire'], retire_services: ['cron', 'no-such-service'] }
    const cron = async (): Promise<unknown> => (await stage.inside(web, 'service cron status')).status
    const state = async (): Promise<unknown> => [await kept(), await cron(), await stage.stateOf(web)]
    await playTruly('configure', (_verb, check) => configure(vars, check), state)
    expect((await kept()).hosts).toEqual({})
    expect(await cron()).toBe(3)
    expect(JSON.parse(await readFile(join(root, 'etc/virtbridge/guest.json'), 'utf8'))).toMatchObject({
      state: 'retired',
    })
    const again = await configure(vars)
    expect(faultOf(again)).toBe('')
    expect(again.recap[web]).toMatchObject({ changed: 0 })
  })
})
