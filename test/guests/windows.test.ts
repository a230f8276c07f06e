import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Asked, faultOf, HOSTILE, type Played, Stage } from './stage.ts'
import { playPowerShell } from './windows-service.ts'

const host = 'win-1.shop.prod-1'
const uuid = '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b'
const [cumulative, framework, driver] = ['Cumulative Update (KB5040001)', '.NET (KB5040002)', 'A driver']
const updates = [
  { id: 'a1', title: cumulative, kb: ['KB5040001'], categories: ['Security Updates'], reboot: true },
  // Windows offers it when the one before is there, and booted.
  { id: 'a2', title: framework, kb: ['KB5040002'], categories: ['Security Updates'], after: ['a1'] },
  { id: 'a3', title: driver, kb: [], categories: ['Drivers'] },
]
let stage: Stage
let root: string

/**
 * Real are Ansible, its connection by SSH, and what of ansible.windows runs on the controller (the loop of updates and reboots among it); the guest
 * really goes down. Not real is what runs in Windows: a program called PowerShell answers for it.
 */
beforeAll(async () => {
  stage = await Stage.set({ [host]: uuid })
  root = stage.guest(host).root
  await playPowerShell(stage.guest(host))
  await windows({ updates })
})
afterAll(() => stage[Symbol.asyncDispose]())
beforeEach(() => rm(join(root, 'var/log/windows-calls.jsonl'), { force: true }))

test('another guest than the inventory means is refused before anything else is asked', async () => {
  const ended = await play('patch', {}, { kubevirt_firmware_uuid: '99999999-9999-5999-8999-999999999999' })
  expect(ended.result[host]).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('not the guest') as string,
  })
  expect(await modules()).toEqual(['win_powershell'])
})

describe('precheck', () => {
  test('tells what could be updated, and changes nothing', async () => {
    const ended = await play('precheck')
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({
      outcome: 'ok',
      free_mb: 20_000,
      updates: [cumulative],
      updates_count: 1,
    })
    expect(ended.recap[host]).toMatchObject({ changed: 0 })
    expect(await modules()).toEqual(['win_powershell', 'setup', 'win_powershell', 'win_updates'])
    expect((await calls()).at(-3)).toMatchObject({
      arguments: { state: 'searched', category_names: ['SecurityUpdates', 'CriticalUpdates', 'UpdateRollups'] },
    })
  })

  test('fails a guest without room', async () => {
    const ended = await play('precheck', { vars: { precheck_min_free_mb: 30_000 } })
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('20000 MB') as string,
    })
  })

  test('fails a guest whose search for updates fails, with which patch begins, and finds them the next time', async () => {
    await windows({ updates, unknown: true })
    const ended = await play('patch')
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/can not tell what is new: .*0x8024402C.*nothing was changed/) as string,
    })
    expect(
      (await calls()).filter(({ module }) => module === 'win_updates').map(call => call.arguments?.['state']),
    ).not.toContain('installed')
    await windows({ updates })
    const again = await play('precheck')
    expect(faultOf(again)).toBe('')
    expect(again.result[host]).toMatchObject({ outcome: 'ok', updates: [cumulative] })
  })
})

describe('patch', () => {
  test('tells in check mode what it would do, and does not', async () => {
    const ended = await play('patch', { check: true, vars: { patch_reboot: 'if_required' } })
    const packages = [{ name: cumulative, from: '', to: '5040001' }]
    expect(ended.result[host]).toMatchObject({ outcome: 'ok', changed: true, packages, reboot: 'unknown' })
    expect(await state()).toMatchObject({ installed: [] })
    expect(await calls()).not.toContainEqual({ reboot: true })
  })

  test('installs, and only tells that a reboot is needed', async () => {
    const ended = await play('patch')
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ packages: [{ name: cumulative, to: '5040001' }], reboot: 'needed' })
    expect(await calls()).not.toContainEqual({ reboot: true })
  })

  test('reboots where that is asked for, and goes on until nothing is left', async () => {
    await windows({ updates })
    const first = await play('patch', { vars: { patch_reboot: 'if_required', patch_reboot_timeout: 60 } })
    expect(faultOf(first)).toBe('')
    const installed = [expect.objectContaining({ name: cumulative }), expect.objectContaining({ name: framework })]
    expect(first.result[host]).toMatchObject({ packages_count: 2, reboot: 'done' })
    expect(first.result[host]).toHaveProperty('packages', expect.arrayContaining(installed))
    expect((await calls()).filter(call => 'reboot' in call)).toHaveLength(1)
    expect(await state()).toMatchObject({ installed: ['a1', 'a2'], pending: false })
    const again = await play('patch', { vars: { patch_reboot: 'if_required' } })
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[host]).toMatchObject({ changed: false, packages: [], reboot: 'not_needed' })
  })

  test('asks for what was chosen, and leaves out what is to stay', async () => {
    await windows({ updates })
    const vars = { patch_exclude: ['KB5040001'], patch_windows_categories: ['SecurityUpdates', 'Drivers'] }
    const ended = await play('patch', { vars })
    expect(ended.result[host]).toMatchObject({ packages: [{ name: driver }] })
  })

  test('fails a guest that did not install all, and tells what it did', async () => {
    await windows({
      updates: [
        { ...updates[0], broken: true },
        { ...updates[2], categories: ['Security Updates'] },
      ],
    })
    const ended = await play('patch')
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining(`Not installed: ${cumulative}`) as string,
      packages: [{ name: driver }],
    })
  })
})

describe('reboot', () => {
  test('reboots the guest, and tells when it answers again', async () => {
    const ended = await play('reboot', { vars: { reboot_timeout: 60, reboot_settle: 0 } })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ outcome: 'ok', reboot: 'done' })
  })

  test('fails a guest that does not go down in time', async () => {
    await windows({ stuck: true })
    const ended = await play('reboot', { vars: { reboot_timeout: 3, reboot_settle: 0 } })
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/or did not go down.*timed out/i) as string,
      reboot: 'unknown',
    })
  })
})

test('verify tells all that is not well at once', async () => {
  await windows({ services: { WinRM: 'started', W3SVC: 'stopped' } })
  const vars = {
    verify_services: ['WinRM', 'W3SVC'],
    verify_ports: [5986, 80],
    verify_urls: ['http://well/', 'http://ill/'],
    verify_timeout: 1,
  }
  const ended = await play('verify', { vars })
  expect(ended.result[host]).toMatchObject({
    outcome: 'failed',
    problems: ['the service W3SVC does not run', 'nobody answers on port 80', 'http://ill/ answers nothing'],
  })
})

test('configure sets the name and what runs, leaves out what is for Linux, and the second time changes nothing', async () => {
  await windows({ services: { W3SVC: 'stopped', Spooler: 'started' } })
  const vars = {
    hostname_name: 'web-7.example.com',
    services_enabled: ['W3SVC'],
    services_disabled: ['Spooler', 'no-such-service'],
    chrony_servers: ['ntp1.example.com'],
  }
  const tried = await play('configure', { vars, check: true })
  expect(tried.recap[host]).toMatchObject({ changed: 3, failed: 0 })
  expect(await state()).toMatchObject({ name: 'WIN', services: { W3SVC: 'stopped' } })
  const first = await play('configure', { vars })
  expect(faultOf(first)).toBe('')
  expect(await state()).toMatchObject({ name: 'web-7', services: { W3SVC: 'started', Spooler: 'stopped' } })
  const again = await play('configure', { vars })
  expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
})

describe('a play for one thing', () => {
  test('hostname sets the name, without a domain, and the second time changes nothing', async () => {
    const vars = { hostname_name: 'web-9.example.com' }
    const first = await play('hostname', { vars })
    expect(faultOf(first)).toBe('')
    expect(await state()).toMatchObject({ name: 'web-9' })
    expect((await play('hostname', { vars })).recap[host]).toMatchObject({ changed: 0, failed: 0 })
  })

  test('services starts and stops, and the second time changes nothing', async () => {
    await windows({ services: { W3SVC: 'stopped', Spooler: 'started' } })
    const vars = { services_enabled: ['W3SVC'], services_disabled: ['Spooler', 'no-such-service'] }
    const first = await play('services', { vars })
    expect(faultOf(first)).toBe('')
    expect(await state()).toMatchObject({ services: { W3SVC: 'started', Spooler: 'stopped' } })
    expect((await play('services', { vars })).recap[host]).toMatchObject({ changed: 0, failed: 0 })
  })

  test('services fails a service that is not there, and names it', async () => {
    const ended = await play('services', { vars: { services_enabled: ['no-such-service'] } })
    const message = expect.stringContaining('no-such-service') as string
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message })
  })

  test('of Linux alone is refused before anything is changed', async () => {
    const ended = await play('packages', { vars: { packages_present: ['tree'] } })
    const message = 'packages knows Linux, and this guest is Windows. Nothing was changed.'
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message })
    expect(await modules()).toEqual(['win_powershell', 'setup'])
  })
})

test('onboard configures, leaves word of who the guest is, and the second time changes nothing', async () => {
  await windows({ services: { W3SVC: 'stopped' } })
  const vars = { hostname_name: 'web-7.example.com', services_enabled: ['W3SVC'], motd_text: 'for Linux' }
  const tried = await play('onboard', { vars, check: true })
  expect(tried.recap[host]).toMatchObject({ changed: 3, failed: 0 })
  expect(await state()).toMatchObject({ name: 'WIN', guest: '' })
  const first = await play('onboard', { vars })
  expect(faultOf(first)).toBe('')
  const { guest } = (await state()) as { guest: string }
  expect(JSON.parse(guest)).toMatchObject({ host, name: HOSTILE, state: 'in_use' })
  const again = await play('onboard', { vars })
  expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
})

interface Call {
  readonly module?: string
  readonly arguments?: Readonly<Record<string, unknown>>
}

function play(verb: string, asked: Asked = {}, hostvars: Record<string, unknown> = {}): Promise<Played> {
  const connection = { ansible_connection: 'ssh', ansible_shell_type: 'powershell', ansible_python_interpreter: 'none' }
  return stage.play(verb, { limit: [host], ...asked, hostvars: { [host]: { ...connection, ...hostvars } } })
}

/** What Windows is like from here on. */
function windows(is: object): Promise<void> {
  return writeFile(join(root, 'var/lib/windows.json'), JSON.stringify({ uuid: uuid.toUpperCase(), ...is }))
}

async function state(): Promise<object> {
  return JSON.parse(await readFile(join(root, 'var/lib/windows.json'), 'utf8')) as object
}

async function calls(): Promise<readonly Call[]> {
  const text = await readFile(join(root, 'var/log/windows-calls.jsonl'), 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Call)
}

/** Which modules ran, in order; one that is asked again and again counts once. */
async function modules(): Promise<readonly string[]> {
  const all = (await calls()).flatMap(({ module }) => module ?? [])
  return all.filter((module, index) => module !== 'win_updates' || module !== all[index - 1])
}
