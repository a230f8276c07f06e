import { existsSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { familyRecipe, suse } from '../servers/family-root.ts'
import { run } from '../servers/run.ts'
import { note, testsOfNewPackage, testsOfWhatIsGone } from './cut-off-rpm.ts'
import { testsOfHeldDatabase } from './held-rpm.ts'
import { playTruly } from './play-truly.ts'
import { publishRpms, rpmVersionOf } from './rpm-package.ts'
import { faultOf, Stage } from './stage.ts'

const host = 'db-1.shop.prod-1'
/** The first time it is installed the guest ends in the middle of it. */
const FATAL = '[ -e /root/once ] || { touch /root/once; kill -TERM 1; sleep 60; }; touch /root/ended'
/** With this zypper is asked what is new, the last that is looked at before it updates. */
const LOOK = 'list-updates'
let stage: Stage
let root: string

/** Real are zypper, rpm and what community.general does with them; not real is the rest of SLES: it is a Debian that says so. */
beforeAll(async () => {
  stage = await Stage.set({ [host]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b' }, familyRecipe(suse))
  root = stage.guest(host).root
  await publishRpms(stage.guest(host), [{ name: 'virtbridge-tool', version: '1.0' }])
  await run('chroot', [root, 'zypper', '--non-interactive', '--quiet', 'install', 'virtbridge-tool'])
  await publishRpms(stage.guest(host), [{ name: 'virtbridge-tool', version: '1.1' }])
})
afterAll(() => stage[Symbol.asyncDispose]())

test('precheck tells what could be updated', async () => {
  const ended = await stage.play('precheck', { limit: [host] })
  expect(faultOf(ended)).toBe('')
  expect(ended.result[host]).toMatchObject({ outcome: 'ok', updates: ['virtbridge-tool'], updates_count: 1 })
  expect(ended.recap[host]).toMatchObject({ changed: 0 })
})

test('facts_report knows the updates of zypper', async () => {
  const ended = await stage.play('facts_report', { limit: [host] })
  expect(faultOf(ended)).toBe('')
  expect(ended.result[host]).toMatchObject({ os: 'SLES 15.6', updates_known: true, updates_count: 1 })
})

test('precheck fails a guest whose repository is down, and says which', async () => {
  const file = join(root, 'etc/zypp/repos.d/gone.repo')
  await writeFile(file, '[gone]\nname=gone\nenabled=1\nautorefresh=1\nbaseurl=http://127.0.0.1:9/\ngpgcheck=0\n')
  const ended = await stage.play('precheck', { limit: [host] })
  await rm(file)
  expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: expect.stringContaining('gone') as string })
})

test('precheck fails a guest whose package database somebody keeps, once it was waited for', async () => {
  const holder = stage.inside(host, 'echo $$ > /run/zypp.pid && exec sleep 600')
  await expect.poll(() => existsSync(join(root, 'run/zypp.pid')), { timeout: 30_000 }).toBe(true)
  const ended = await stage.play('precheck', { limit: [host], vars: { precheck_lock_timeout: 1 } })
  const vars = { packages_present: ['virtbridge-other'], packages_lock_timeout: 1 }
  const refused = await stage.play('packages', { limit: [host], vars })
  await stage.inside(host, 'pkill sleep; rm /run/zypp.pid')
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

test('patch fails a guest whose package database is taken once it was looked at, and leaves nothing that the next run would take for cut off', async () => {
  const held = await takenAfter(LOOK)
  const ended = await stage.play('patch', { limit: [host], vars: { patch_lock_timeout: 1 } })
  await held.release()
  expect(ended.result[host]).toMatchObject({
    outcome: 'failed',
    changed: false,
    message: expect.stringMatching(
      /keeps the package database, for longer than patch_lock_timeout.*nothing was changed/,
    ) as string,
  })
  expect(existsSync(join(root, note))).toBe(false)
  expect(await rpmVersionOf(stage.guest(host), 'virtbridge-tool')).toBe('1.0')
})

test('patch fails a guest without room, and changes nothing', async () => {
  const ended = await stage.play('patch', { limit: [host], vars: { patch_min_free_mb: 100_000_000 } })
  expect(ended.result[host]).toMatchObject({
    outcome: 'failed',
    message: expect.stringMatching(/MB free where packages are kept.*nothing was changed/) as string,
  })
  expect(await rpmVersionOf(stage.guest(host), 'virtbridge-tool')).toBe('1.0')
})

test('patch tells in check mode what it would do, then updates, then has nothing left to do', async () => {
  // The agent of the guest may tell another system than it is.
  const lies = { kubevirt_os: { family: 'linux', id: 'rhel', version: '9.4' }, kubevirt_os_id: 'rhel' }
  const asked = { limit: [host], hostvars: { [host]: lies } }
  const { tried, done } = await playTruly('patch', stage.asking(asked), () => stage.stateOf(host))
  expect(tried.result[host]).toEqual({ ...(done.result[host] as object), check: true, reboot: 'unknown' })
  expect(done.result[host]).toMatchObject({
    changed: true,
    packages: [{ name: 'virtbridge-tool.noarch', from: '1.0-1', to: '1.1-1' }],
    reboot: 'not_needed',
  })
  const again = await stage.play('patch', { limit: [host] })
  expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
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
    message: expect.stringMatching(/virtbridge-tool\.noarch is there twice.*zypper install --force/) as string,
  })
  const mended = await stage.play('patch', { limit: [host] })
  expect(faultOf(mended)).toBe('')
  expect(mended.result[host]).toMatchObject({ outcome: 'ok' })
  expect(await rpmVersionOf(guest, 'virtbridge-tool')).toBe('1.2')
  expect(existsSync(join(root, 'root/ended'))).toBe(true)
})

testsOfNewPackage(() => stage, host)
testsOfWhatIsGone(() => stage, host, 'zypper --non-interactive --quiet install')
testsOfHeldDatabase(() => stage, host)

test('verify knows its packages, and reboot whether it needs one', async () => {
  const well = await stage.play('verify', { limit: [host], vars: { verify_packages: { 'virtbridge-tool': '1.0' } } })
  expect(faultOf(well)).toBe('')
  const left = await stage.play('reboot', { limit: [host], vars: { reboot_policy: 'if_required' } })
  expect(left.result[host]).toMatchObject({ outcome: 'ok', reboot: 'not_needed' })
})

test('configure installs and removes packages, and the second time changes nothing', async () => {
  await publishRpms(stage.guest(host), [{ name: 'virtbridge-agent', version: '1.0' }])
  const vars = { packages_present: ['virtbridge-agent'], packages_absent: ['virtbridge-tool'] }
  const first = await stage.play('configure', { limit: [host], vars })
  expect(faultOf(first)).toBe('')
  expect(await rpmVersionOf(stage.guest(host), 'virtbridge-agent')).toBe('1.0')
  expect(await rpmVersionOf(stage.guest(host), 'virtbridge-tool')).toBe('')
  const again = await stage.play('configure', { limit: [host], vars })
  expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
})

/** From the first time on that zypper has ended with that word, somebody keeps its database, until it is released. */
async function takenAfter(word: string): Promise<{ release(): Promise<void> }> {
  const script = `#!/bin/sh
/usr/bin/zypper.real "$@"
ended=$?
case " $* " in *" ${word} "*) [ -e /run/taken ] || { sleep 600 < /dev/null > /dev/null 2>&1 & echo $! | tee /run/taken > /run/zypp.pid; } ;; esac
exit $ended
`
  await rename(join(root, 'usr/bin/zypper'), join(root, 'usr/bin/zypper.real'))
  await writeFile(join(root, 'usr/bin/zypper'), script, { mode: 0o755 })
  return {
    async release() {
      await rename(join(root, 'usr/bin/zypper.real'), join(root, 'usr/bin/zypper'))
      await stage.inside(host, 'kill "$(cat /run/taken)"; rm /run/taken /run/zypp.pid')
    },
  }
}
