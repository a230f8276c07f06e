import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../servers/run.ts'
import { publishPackage } from './debian-package.ts'
import { playTruly } from './play-truly.ts'
import { faultOf, type Played, Stage } from './stage.ts'

const host = 'web-1.shop.prod-1'
/** What whoever waits for a guest in vain is told to do next. */
const STAYED_AWAY = expect.stringMatching(/not back from its reboot in time .*look at its console/) as string
let stage: Stage
let root: string

beforeAll(async () => {
  stage = await Stage.set({ [host]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b' })
  root = stage.guest(host).root
  await writeFile(join(root, 'etc/hosts'), '127.0.0.1 localhost\n')
  await publishPackage(stage.guest(host), 'virtbridge-tool', '1.0')
  await run('chroot', [root, 'dpkg', '--install', '/srv/packages/virtbridge-tool_1.0_all.deb'])
})
afterAll(() => stage[Symbol.asyncDispose]())

describe('precheck', () => {
  test.each([true, false])('tells what could be updated, and changes nothing; in check mode: %s', async check => {
    await publishPackage(stage.guest(host), 'virtbridge-tool', '1.1')
    const before = await stage.stateOf(host)
    const ended = await stage.play('precheck', { limit: [host], check })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({
      verb: 'precheck',
      outcome: 'ok',
      check,
      updates: ['virtbridge-tool'],
      updates_count: 1,
    })
    expect(ended.recap[host]).toMatchObject({ changed: 0 })
    expect(await stage.stateOf(host)).toBe(before)
  })

  test('fails a guest whose repository is down, with which patch begins, says which, and is well once it is mended', async () => {
    const source = join(root, 'etc/apt/sources.list.d/gone.list')
    await writeFile(source, 'deb [trusted=yes] http://127.0.0.1:9/debian ./\n')
    const ended = await stage.play('patch', { limit: [host] })
    await rm(source)
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(
        /a repository does not answer.* Nothing was changed[.].*127[.]0[.]0[.]1:9/,
      ) as string,
    })
    expect(ended.recap[host]).toMatchObject({ changed: 0 })
    expect(faultOf(await stage.play('precheck', { limit: [host] }))).toBe('')
  })

  test('fails a guest whose package database somebody keeps, once it was waited for', async () => {
    const holder = stage.inside(
      host,
      `python3 -c "import fcntl,time; f=open('/var/lib/apt/lists/lock','w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(600)"`,
    )
    const ended = await stage.play('precheck', { limit: [host], vars: { precheck_lock_timeout: 1 } })
    const vars = { packages_present: ['virtbridge-tool'], packages_lock_timeout: 1 }
    const installing = await stage.play('packages', { limit: [host], vars })
    await stage.inside(host, "pkill -f 'fcntl' || true")
    await holder
    const kept = expect.stringMatching(/keeps the package database.*run this again.*nothing was changed/i) as string
    expect(installing.result[host]).toMatchObject({ outcome: 'failed', message: kept })
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: kept })
  })

  test('fails a guest whose last installation was cut off, and says what to do', async () => {
    const status = join(root, 'var/lib/dpkg/status')
    const whole = await readFile(status, 'utf8')
    await writeFile(
      status,
      whole.replace(/(Package: virtbridge-tool\nStatus: install ok) installed/, '$1 half-configured'),
    )
    const ended = await stage.play('precheck', { limit: [host] })
    await writeFile(status, whole)
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('dpkg --configure -a') as string,
    })
  })
})

test('a guest that is reached as a Linux and does not answer as one is told as that, and nothing is done', async () => {
  // As a Windows is whose agent tells that it is a Linux: whoever logs in finds no Python.
  const lies = { kubevirt_os: { family: 'linux' }, ansible_python_interpreter: '/nowhere/python' }
  const ended = await stage.play('reboot', { limit: [host], hostvars: { [host]: lies } })
  expect(ended.result[host]).toMatchObject({
    outcome: 'failed',
    message: expect.stringMatching(/no Linux, whatever its agent tells.*its connection in the inventory/) as string,
  })
  expect(ended.recap[host]).toMatchObject({ changed: 0 })
})

describe('reboot', () => {
  test('tells in check mode that it would reboot the guest, reboots it, and tells when it answers again', async () => {
    const before = await bootOf()
    const asking = stage.asking({ limit: [host], vars: { reboot_timeout: 60 } })
    const { tried, done } = await playTruly('reboot', asking, bootOf, 'as before')
    expect(tried.result[host]).toMatchObject({ outcome: 'ok', reboot: 'needed' })
    expect(done.result[host]).toMatchObject({ verb: 'reboot', outcome: 'ok', reboot: 'done', changed: true })
    expect(await bootOf()).not.toBe(before)
  })

  test('leaves a guest alone that does not need it, when asked so', async () => {
    const before = await bootOf()
    const ended = await stage.play('reboot', { limit: [host], vars: { reboot_policy: 'if_required' } })
    expect(ended.result[host]).toMatchObject({ outcome: 'ok', reboot: 'not_needed', changed: false })
    expect(await bootOf()).toBe(before)
  })

  test('only tells that one is needed, when asked never to', async () => {
    await using back = new AsyncDisposableStack()
    const mark = join(root, 'run/reboot-required')
    await writeFile(mark, '')
    back.defer(() => rm(mark))
    const before = await bootOf()
    const ended = await stage.play('reboot', { limit: [host], vars: { reboot_policy: 'never' } })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ outcome: 'ok', reboot: 'needed', changed: false })
    expect(await bootOf()).toBe(before)
  })

  test('fails a guest that does not go down', async () => {
    // It says that it goes down, and stays as it is.
    await using _ = await shutsDownBy('exit 0')
    const ended = await stage.play('reboot', { limit: [host], vars: { reboot_timeout: 3 } })
    const away = { outcome: 'failed', reboot: 'unknown', changed: true, message: STAYED_AWAY }
    expect(ended.result[host]).toMatchObject(away)
  })

  test('fails a guest that goes down and stays away, after an update too, and knows it again once it is back', async () => {
    await updateIsDue()
    {
      await using away = new AsyncDisposableStack()
      const sshd = join(root, 'usr/sbin/sshd')
      away.defer(() => rename(`${sshd}.away`, sshd))
      away.use(await shutsDownBy('mv /usr/sbin/sshd /usr/sbin/sshd.away; exec kill -TERM 1'))
      const vars = { patch_reboot: 'if_required', patch_reboot_timeout: 3 }
      const ended = await stage.play('patch', { limit: [host], vars })
      expect(ended.result[host]).toMatchObject({ outcome: 'failed', reboot: 'unknown', message: STAYED_AWAY, packages })
      expect((await stage.inside(host, 'true')).status).not.toBe(0)
    }
    await expect.poll(async () => (await stage.inside(host, 'true')).status).toBe(0)
    const again = await stage.play('reboot', { limit: [host], vars: { reboot_policy: 'if_required' } })
    expect(faultOf(again)).toBe('')
    expect(again.result[host]).toMatchObject({ outcome: 'ok', reboot: 'not_needed' })
  })

  test('follows an update when it is needed and asked for', async () => {
    await updateIsDue()
    const before = await bootOf()
    const vars = { patch_reboot: 'if_required', patch_reboot_timeout: 60 }
    const ended = await stage.play('patch', { limit: [host], vars })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ outcome: 'ok', reboot: 'done', packages })
    expect(await bootOf()).not.toBe(before)
  })

  const packages = [{ name: 'virtbridge-tool', from: '1.0', to: '1.1' }]

  /** There is an update, which asks for a reboot. */
  async function updateIsDue(): Promise<void> {
    await run('chroot', [root, 'dpkg', '--install', '/srv/packages/virtbridge-tool_1.0_all.deb'])
    await publishPackage(stage.guest(host), 'virtbridge-tool', '1.1')
    await writeFile(join(root, 'run/reboot-required'), '')
  }

  /** Until this is given up a guest that is told to go down does that instead. */
  async function shutsDownBy(script: string): Promise<AsyncDisposable> {
    const shutdown = join(root, 'sbin/shutdown')
    const whole = await readFile(shutdown, 'utf8')
    await writeFile(shutdown, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    return { [Symbol.asyncDispose]: () => writeFile(shutdown, whole, { mode: 0o755 }) }
  }

  async function bootOf(): Promise<string> {
    return (await stage.inside(host, 'cat /proc/sys/kernel/random/boot_id')).stdout
  }
})

describe.each([false, true])('verify, in check mode: %s,', check => {
  const verify = (vars: Record<string, unknown>): Promise<Played> =>
    stage.play('verify', { limit: [host], vars, check })

  test('is content with a guest that is well', async () => {
    const listen =
      'setsid python3 -m http.server --bind 127.0.0.1 --directory /usr/share/doc 8099 </dev/null >/dev/null 2>&1 &'
    const knock = `python3 -c "import socket; socket.create_connection(('127.0.0.1', 8099))"`
    await stage.network.serve(stage.guest(host), listen, async () => (await stage.inside(host, knock)).status === 0)
    const ended = await verify({
      verify_ports: [8099],
      verify_urls: ['http://127.0.0.1:8099/'],
      verify_packages: { 'virtbridge-tool': '1.0', python3: '' },
      verify_commands: ['test -d /etc'],
    })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ verb: 'verify', outcome: 'ok', check, problems: [] })
    expect(ended.recap[host]).toMatchObject({ changed: 0 })
  })

  test('tells all that is not well at once', async () => {
    const ended = await verify({
      verify_services: ['no-such-service'],
      verify_ports: [9],
      verify_urls: ['http://127.0.0.1:9/health'],
      verify_packages: { 'virtbridge-tool': '9.0', 'no-such-package': '' },
      verify_commands: ['test -d /no-such-folder', `test -d /${'long'.repeat(200)}`],
      verify_timeout: 1,
    })
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      changed: false,
      problems: [
        'the service no-such-service does not run',
        expect.stringMatching(/^the package virtbridge-tool is 1[.][01], older than 9[.]0$/) as string,
        'the package no-such-package is not installed',
        'nobody answers on port 9',
        'http://127.0.0.1:9/health answers nothing',
        '`test -d /no-such-folder` ended with 1',
        expect.stringMatching(/^`test -d .*…$/) as string,
      ],
    })
  })
})
