import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { familyRecipe, suse } from '../servers/family-root.ts'
import { run } from '../servers/run.ts'
import { publishRpms, rpmVersionOf } from './rpm-package.ts'
import { faultOf, Stage } from './stage.ts'

const host = 'db-1.shop.prod-1'
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
  await stage.inside(host, 'pkill sleep; rm /run/zypp.pid')
  await holder
  expect(ended.result[host]).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('keeps the package database') as string,
  })
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
  const tried = await stage.play('patch', { limit: [host], check: true })
  expect(tried.result[host]).toMatchObject({ outcome: 'ok', check: true, changed: true, packages: [] })
  expect(await rpmVersionOf(stage.guest(host), 'virtbridge-tool')).toBe('1.0')
  const first = await stage.play('patch', { limit: [host] })
  expect(faultOf(first)).toBe('')
  expect(first.result[host]).toMatchObject({
    changed: true,
    packages: [{ name: 'virtbridge-tool.noarch', from: '1.0-1', to: '1.1-1' }],
    reboot: 'not_needed',
  })
  const again = await stage.play('patch', { limit: [host] })
  expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
})

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
