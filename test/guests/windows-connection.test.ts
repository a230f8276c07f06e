import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  connectionVariables,
  endpointOf,
  USUAL_CONNECTION,
  type WindowsConnection,
} from '../../src/inventory/connection.ts'
import { ansibleVars } from '../../src/inventory/connection-variable.ts'
import { windowsAnsible } from '../servers/python-environment.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { guest as record } from '../day2/guest.ts'
import { type Asked, faultOf, type Played, Stage } from './stage.ts'
import { ADMINISTRATOR, answersByWinrm, authorityOf, openedOn, winrm } from './windows-service.ts'

const [windows, named, linux] = ['win-1.shop.prod-1', 'win-2.shop.prod-1', 'web-1.shop.prod-1']
const uuids = {
  [windows]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b',
  [named]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1c',
  [linux]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1d',
}
const DNS_NAME = 'win-2.shop.vm.example.com'
/** What the credential of Windows guests puts into the environment of a job. */
const LOGIN = {
  VIRTBRIDGE_WINDOWS_USER: ADMINISTRATOR.user,
  VIRTBRIDGE_WINDOWS_PASSWORD: ADMINISTRATOR.password,
}
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let stage: Stage

/**
 * Ansible's own connection plugins, pywinrm and pypsrp against a service that speaks WS-Management over TLS, NTLM and, for psrp, the messages of PowerShell remoting. What the
 * inventory says of the connection is what virtbridge itself makes of a configuration.
 */
beforeAll(async () => {
  folder = await temporaryFolder()
  const ansible = await windowsAnsible()
  const beside = {
    [windows]: winrm(ansible, folder.path),
    [named]: winrm(ansible, folder.path, [DNS_NAME]),
  }
  stage = await Stage.set(uuids, undefined, { ansible, beside })
})
afterAll(async () => {
  await stage[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})
beforeEach(async () => {
  for (const host of [windows, named]) {
    await answersByWinrm(stage, stage.guest(host))
    await is(host, {})
    await rm(join(stage.guest(host).root, 'var/log/winrm-calls.jsonl'), { force: true })
  }
})

describe('what the inventory says of a connection is what Ansible does', () => {
  test.each<[what: string, connection: Partial<WindowsConnection>, opened: object]>([
    ['psrp, as it is when nothing is said', {}, { shell: 'psrp', by: 'ntlm', encrypted: false, port: 5986 }],
    ['psrp by basic', { transport: 'basic' }, { shell: 'psrp', by: 'basic', encrypted: false, port: 5986 }],
    [
      'psrp by HTTP, which NTLM encrypts',
      { scheme: 'http', transport: 'ntlm' },
      { shell: 'psrp', by: 'ntlm', encrypted: true, port: 5985 },
    ],
    ['winrm', { type: 'winrm' }, { shell: 'winrm', by: 'basic', encrypted: false, port: 5986 }],
    [
      'winrm by NTLM',
      { type: 'winrm', transport: 'ntlm' },
      { shell: 'winrm', by: 'ntlm', encrypted: false, port: 5986 },
    ],
    [
      'winrm by HTTP, which NTLM encrypts',
      { type: 'winrm', scheme: 'http', transport: 'ntlm' },
      { shell: 'winrm', by: 'ntlm', encrypted: true, port: 5985 },
    ],
  ])('%s', async (_what, connection, { port, ...opened }: { port?: number }) => {
    const ended = await play(windows, connection)
    expect(faultOf(ended)).toBe('')
    expect(ended.result[windows]).toMatchObject({ outcome: 'ok' })
    const to = `${stage.guest(windows).address}:${port}`
    expect(new Set((await openedOn(stage.guest(windows))).map(each => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify({ ...opened, to })]),
    )
  })
})

describe.each(['psrp', 'winrm'] as const)('a certificate, by %s', type => {
  test('of an authority that nobody here knows is refused, and taken when it is to be ignored', async () => {
    const refused = await play(windows, { type }, { env: { ...LOGIN } })
    expect(refused.recap[windows]).toMatchObject({ unreachable: 1 })
    expect(refused.stdout).toContain('CERTIFICATE_VERIFY_FAILED')
    expect(await openedOn(stage.guest(windows))).toEqual([])
    const taken = await play(windows, { type, certificate: 'ignore' }, { env: { ...LOGIN } })
    expect(faultOf(taken)).toBe('')
  })

  test('for its name alone is refused at its address, and good for its name', async () => {
    const refused = await play(named, { type })
    expect(refused.recap[named]).toMatchObject({ unreachable: 1 })
    expect(refused.stdout).toMatch(/certificate is not valid for|doesn't match|IP address mismatch/)
    const dnsName = [{ field: 'name' as const }, '.', { field: 'namespace' as const }, '.vm.example.com']
    const names = { [DNS_NAME]: stage.guest(named).address }
    const taken = await play(named, { type, dnsName }, { names })
    expect(faultOf(taken)).toBe('')
    expect(new Set((await openedOn(stage.guest(named))).map(({ to }) => to))).toEqual(new Set([`${DNS_NAME}:5986`]))
  })
})

describe('who logs in', () => {
  test('is the credential of Windows guests on them, and the one of the job on the others of the same job', async () => {
    const ended = await play(windows, {}, { limit: [windows, linux], count: 2 })
    expect(faultOf(ended)).toBe('')
    expect(ended.result).toMatchObject({ [windows]: { outcome: 'ok' }, [linux]: { outcome: 'ok' } })
    expect(ended.stdout).not.toContain(ADMINISTRATOR.password)
  })

  test.each(['psrp', 'winrm'] as const)('is refused with a wrong password, by %s', async type => {
    const env = { ...LOGIN, VIRTBRIDGE_WINDOWS_PASSWORD: 'a wrong pass phrase', REQUESTS_CA_BUNDLE: authority(windows) }
    const ended = await play(windows, { type }, { env, limit: [windows, linux], count: 2 })
    expect(ended.recap).toMatchObject({ [windows]: { unreachable: 1 }, [linux]: { failed: 0, unreachable: 0 } })
    expect(ended.stdout).toMatch(/failed to authenticate|credentials were rejected/)
    expect(ended.stdout).not.toContain('a wrong pass phrase')
  })

  test('finds nobody on a Linux whose agent tells that it is a Windows, and the others go on', async () => {
    const ended = await play(linux, {}, { env: LOGIN, limit: [linux, named], count: 2 })
    expect(ended.recap[linux]).toMatchObject({ unreachable: 1, changed: 0 })
    // To these plays it is a Linux, as its hostvars say nothing else.
    expect(ended.result).toMatchObject({ [named]: { outcome: 'ok' } })
    expect(ended.result).not.toHaveProperty([linux])
  })
})

describe.each(['psrp', 'winrm'] as const)('by %s', type => {
  test('patch installs, reboots, and goes on until nothing is left', async () => {
    const updates = [
      { id: 'a1', title: 'Cumulative (KB1)', kb: ['KB1'], categories: ['Security Updates'], reboot: true },
      { id: 'a2', title: '.NET (KB2)', kb: ['KB2'], categories: ['Security Updates'], after: ['a1'] },
    ]
    await is(windows, { updates })
    const vars = { patch_reboot: 'if_required', patch_reboot_timeout: 120 }
    const ended = await play(windows, { type }, { vars }, 'patch')
    expect(faultOf(ended)).toBe('')
    expect(ended.result[windows]).toMatchObject({ outcome: 'ok', packages_count: 2, reboot: 'done' })
  })
})

describe('a guest that goes', () => {
  const update = { id: 'a1', title: 'Cumulative (KB1)', kb: ['KB1'], categories: ['Security Updates'], reboot: true }

  test.each<[type: 'psrp' | 'winrm', others: readonly string[]]>([
    ['psrp', [linux]],
    ['winrm', []],
  ])('while it is patched fails alone, and the next run patches it, by %s', async (type, others) => {
    await is(windows, { updates: [update], dies: true })
    const limit = [windows, ...others]
    const gone = await play(windows, { type }, { limit, count: limit.length }, 'patch')
    expect(gone.result).toMatchObject({
      [windows]: {
        outcome: 'failed',
        message: expect.stringContaining('did not tell what became of its updates') as string,
        reboot: 'unknown',
      },
      ...Object.fromEntries(others.map(other => [other, { outcome: 'ok' }])),
    })
    expect(gone.result[windows]).not.toHaveProperty('packages')
    await answersByWinrm(stage, stage.guest(windows))
    await is(windows, { updates: [update] })
    const again = await play(windows, { type }, {}, 'patch')
    expect(again.result[windows]).toMatchObject({ outcome: 'ok', packages_count: 1, reboot: 'needed' })
  })

  test('to reboot and does not come back fails, and says so', async () => {
    await is(windows, { lost: true })
    const vars = { reboot_policy: 'always', reboot_timeout: 3 }
    const gone = await away({ vars }, 'reboot')
    const message = expect.stringMatching(/not back from its reboot in time \(reboot_timeout, 3 s\)/) as string
    expect(gone.result[windows]).toMatchObject({ outcome: 'failed', message, reboot: 'unknown' })
  })

  test('to reboot after its updates and does not come back fails, and tells them', async () => {
    await is(windows, { updates: [update], lost: true })
    const vars = { patch_reboot: 'if_required', patch_reboot_timeout: 3 }
    const gone = await away({ vars }, 'patch')
    const message = expect.stringMatching(/did not come back in time \(patch_reboot_timeout, 3 s\)/) as string
    expect(gone.result[windows]).toMatchObject({ outcome: 'failed', message, packages_count: 1, reboot: 'unknown' })
  })

  /** A play on a guest whose service does not start after its next boot until the play has ended. */
  async function away(asked: Asked, verb: string): Promise<Played> {
    try {
      return await play(windows, {}, asked, verb)
    } finally {
      await rm(join(stage.guest(windows).root, 'var/lib/winrm-off'), { force: true })
      await answersByWinrm(stage, stage.guest(windows))
    }
  }
})

function authority(host: string): string {
  return authorityOf(folder.path, stage.guest(host))
}

/** A play on a Windows guest that is connected to as the inventory of such a configuration says; with the credential, and knowing its authority. */
function play(
  host: string,
  connection: Partial<WindowsConnection>,
  asked: Asked = {},
  verb = 'verify',
): Promise<Played> {
  const { address } = stage.guest(host)
  const vm = record(host.split('.')[0] ?? '', { family: 'windows', address })
  const wish = { ...USUAL_CONNECTION.windows, ...connection }
  const hostvars = {
    ...ansibleVars(connectionVariables(vm, wish, endpointOf(vm, wish, address))),
    ansible_python_interpreter: 'none',
  }
  const env = { ...LOGIN, REQUESTS_CA_BUNDLE: authority(host) }
  return stage.play(verb, { limit: [host], env, ...asked, hostvars: { [host]: hostvars } })
}

/** What Windows is like from here on. */
function is(host: string, like: object): Promise<void> {
  const text = JSON.stringify({ uuid: uuids[host]?.toUpperCase(), ...like })
  return writeFile(join(stage.guest(host).root, 'var/lib/windows.json'), text)
}
