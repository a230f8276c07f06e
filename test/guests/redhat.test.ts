import { existsSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { familyRecipe, redhat } from '../servers/family-root.ts'
import { run } from '../servers/run.ts'
import { note, testsOfNewPackage, testsOfWhatIsGone } from './cut-off-rpm.ts'
import { testsOfHeldDatabase } from './held-rpm.ts'
import { playTruly } from './play-truly.ts'
import { publishRpms, rpmVersionOf } from './rpm-package.ts'
import { faultOf, Stage } from './stage.ts'

const host = 'db-1.shop.prod-1'
const CACHE = '/var/cache/dnf'
/** The first time it is installed the guest ends in the middle of it. */
const FATAL = '[ -e /root/once ] || { touch /root/once; kill -TERM 1; sleep 60; }; touch /root/ended'
let stage: Stage
let root: string

/** Real are dnf, rpm and what Ansible does with them; not real is the rest of RHEL: it is a Debian that says so. */
beforeAll(async () => {
  stage = await Stage.set({ [host]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b' }, familyRecipe(redhat))
  root = stage.guest(host).root
  await publishRpms(stage.guest(host), [
    { name: 'virtbridge-tool', version: '1.0' },
    { name: 'virtbridge-lib', version: '1.0' },
  ])
  await run('chroot', [root, 'dnf', '--quiet', '--assumeyes', 'install', 'virtbridge-tool', 'virtbridge-lib'])
})
afterAll(() => stage[Symbol.asyncDispose]())

describe('precheck', () => {
  test('tells what could be updated, and changes nothing', async () => {
    await publishRpms(stage.guest(host), [
      { name: 'virtbridge-tool', version: '1.1' },
      { name: 'virtbridge-lib', version: '1.1', advisory: 'RHSA-2026:0001' },
    ])
    const before = await stage.stateOf(host)
    const ended = await stage.play('precheck', { limit: [host] })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({
      outcome: 'ok',
      updates: ['virtbridge-lib.noarch', 'virtbridge-tool.noarch'],
      updates_count: 2,
    })
    expect(ended.recap[host]).toMatchObject({ changed: 0 })
    expect(await stage.stateOf(host)).toBe(before)
  })

  test('fails a guest whose repository is down, and says which', async () => {
    const file = join(root, 'etc/yum.repos.d/gone.repo')
    await writeFile(file, '[gone]\nname=gone\nbaseurl=http://127.0.0.1:9/\ngpgcheck=0\n')
    const ended = await stage.play('precheck', { limit: [host] })
    await rm(file)
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: expect.stringContaining('gone') as string })
  })

  test('fails a guest whose package database somebody keeps, once it was waited for', async () => {
    const holder = stage.inside(host, `mkdir -p ${CACHE} && echo $$ > ${CACHE}/metadata_lock.pid && exec sleep 600`)
    const ended = await stage.play('precheck', { limit: [host], vars: { precheck_lock_timeout: 1 } })
    const vars = { packages_present: ['virtbridge-other'], packages_lock_timeout: 1 }
    const refused = await stage.play('packages', { limit: [host], vars })
    await stage.inside(host, 'pkill sleep')
    await holder
    expect(existsSync(join(root, note))).toBe(false)
    expect(refused.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('keeps the package database') as string,
    })
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('keeps the package database') as string,
    })
  })
})

describe('patch', () => {
  test('fails a guest without room, and changes nothing', async () => {
    const ended = await stage.play('patch', { limit: [host], vars: { patch_min_free_mb: 100_000_000 } })
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/MB free where packages are kept.*nothing was changed/) as string,
    })
    expect(await rpmVersionOf(stage.guest(host), 'virtbridge-lib')).toBe('1.0')
  })

  test('closes holes only, and leaves out what is to stay, when asked to', async () => {
    const vars = { patch_security_only: true, patch_exclude: ['virtbridge-tool'] }
    const ended = await stage.play('patch', { limit: [host], vars })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({
      outcome: 'ok',
      packages: [{ name: 'virtbridge-lib.noarch', from: '1.0-1', to: '1.1-1' }],
    })
  })

  test('tells in check mode what it would do, then updates, then has nothing left to do', async () => {
    // The agent of the guest may tell another system than it is.
    const lies = { kubevirt_os: { family: 'linux', id: 'debian', version: '12' }, kubevirt_os_id: 'debian' }
    const asked = { limit: [host], hostvars: { [host]: lies } }
    const { tried, done } = await playTruly('patch', stage.asking(asked), () => stage.stateOf(host))
    expect(tried.result[host]).toEqual({ ...(done.result[host] as object), check: true, reboot: 'unknown' })
    expect(done.result[host]).toMatchObject({
      changed: true,
      packages: [{ name: 'virtbridge-tool.noarch', from: '1.0-1', to: '1.1-1' }],
      packages_count: 1,
      reboot: 'not_needed',
    })
    expect(await rpmVersionOf(stage.guest(host), 'virtbridge-tool')).toBe('1.1')

    const again = await stage.play('patch', { limit: [host] })
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[host]).toMatchObject({ outcome: 'ok', changed: false, packages: [] })
  })

  test('tells of a guest that goes while it is patched, precheck what to do, and mends it the next time', async () => {
    const guest = stage.guest(host)
    await publishRpms(guest, [{ name: 'virtbridge-tool', version: '1.2', postinst: FATAL }])
    const cut = await stage.play('patch', { limit: [host] })
    expect(cut.recap[host]).toMatchObject({ unreachable: 1 })
    await expect.poll(async () => (await stage.inside(host, 'true')).status).toBe(0)
    expect(await rpmVersionOf(guest, 'virtbridge-tool')).toMatch(/^1\.[01]1\.2$/)
    const looked = await stage.play('precheck', { limit: [host] })
    expect(looked.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/virtbridge-tool\.noarch is there twice.*dnf remove --duplicates/) as string,
    })
    const mended = await stage.play('patch', { limit: [host] })
    expect(faultOf(mended)).toBe('')
    expect(mended.result[host]).toMatchObject({ outcome: 'ok' })
    expect(await rpmVersionOf(guest, 'virtbridge-tool')).toBe('1.2')
    expect(existsSync(join(root, 'root/ended'))).toBe(true)
  })
})

testsOfNewPackage(() => stage, host)
testsOfWhatIsGone(() => stage, host, 'dnf --quiet --assumeyes install')
testsOfHeldDatabase(() => stage, host)

describe('reboot', () => {
  test('is told to be needed when a library of the core was updated, and follows when asked for', async () => {
    await publishRpms(stage.guest(host), [{ name: 'glibc', version: '1.0' }])
    await run('chroot', [root, 'dnf', '--quiet', '--assumeyes', 'install', 'glibc'])
    const told = await stage.play('reboot', { limit: [host], vars: { reboot_policy: 'if_required' }, check: true })
    expect(told.result[host]).toMatchObject({ outcome: 'ok', reboot: 'needed' })
    const before = await bootOf()
    const ended = await stage.play('reboot', {
      limit: [host],
      vars: { reboot_policy: 'if_required', reboot_timeout: 60 },
    })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ outcome: 'ok', reboot: 'done' })
    expect(await bootOf()).not.toBe(before)
  })

  test('does not follow when dnf has no command that tells', async () => {
    const plugin = join(root, 'usr/lib/python3/dist-packages/dnf-plugins/needs_restarting.py')
    await rename(plugin, `${plugin}.off`)
    const before = await bootOf()
    const ended = await stage.play('reboot', { limit: [host], vars: { reboot_policy: 'if_required' } })
    await rename(`${plugin}.off`, plugin)
    expect(ended.result[host]).toMatchObject({ outcome: 'ok', reboot: 'unknown' })
    expect(await bootOf()).toBe(before)
  })
})

test('facts_report knows the updates of dnf', async () => {
  await publishRpms(stage.guest(host), [{ name: 'virtbridge-tool', version: '1.3' }])
  const ended = await stage.play('facts_report', { limit: [host] })
  expect(faultOf(ended)).toBe('')
  expect(ended.result[host]).toMatchObject({ os: 'RedHat 9.6', updates_known: true, updates_count: 1 })
})

describe('verify', () => {
  test('knows the packages of rpm', async () => {
    const ill = await stage.play('verify', {
      limit: [host],
      vars: { verify_packages: { 'virtbridge-tool': '9', 'virtbridge-lib': '1.0' } },
    })
    expect(ill.result[host]).toMatchObject({
      outcome: 'failed',
      problems: [expect.stringMatching(/^the package virtbridge-tool is 1\.\d, older than 9$/) as string],
    })
  })
})

async function bootOf(): Promise<string> {
  return (await stage.inside(host, 'cat /proc/sys/kernel/random/boot_id')).stdout
}
