import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fedoraRecipe } from '../servers/fedora-root.ts'
import { run } from '../servers/run.ts'
import { note, testsOfNewPackage } from './cut-off-rpm.ts'
import { testsOfHeldDatabase } from './held-rpm.ts'
import { playTruly } from './play-truly.ts'
import { publishRpms, rpmVersionOf } from './rpm-package.ts'
import { faultOf, Stage } from './stage.ts'

const host = 'cache-1.shop.prod-1'
/** The first time it is installed the guest ends in the middle of it. */
const FATAL = '[ -e /root/once ] || { touch /root/once; kill -TERM 1; sleep 60; }; touch /root/ended'
let stage: Stage

/** Real are dnf5, rpm and what Ansible does with them; not real is the rest of Fedora: it is a Debian that says so. */
beforeAll(async () => {
  stage = await Stage.set({ [host]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b' }, fedoraRecipe)
  await publishRpms(stage.guest(host), [{ name: 'virtbridge-tool', version: '1.0' }])
  await run('chroot', [stage.guest(host).root, 'dnf', '--quiet', '--assumeyes', 'install', 'virtbridge-tool'])
})
afterAll(() => stage[Symbol.asyncDispose]())

test('a guest with dnf5 is looked at, told in check mode what would be updated, updated, and then left alone', async () => {
  await publishRpms(stage.guest(host), [{ name: 'virtbridge-tool', version: '1.1' }])
  const looked = await stage.play('precheck', { limit: [host] })
  expect(faultOf(looked)).toBe('')
  expect(looked.result[host]).toMatchObject({ updates: ['virtbridge-tool.noarch'], updates_count: 1 })
  const { done } = await playTruly('patch', stage.asking({ limit: [host] }), () => stage.stateOf(host))
  expect(done.result[host]).toMatchObject({
    outcome: 'ok',
    changed: true,
    packages: [{ name: 'virtbridge-tool.noarch', from: '1.0-1', to: '1.1-1' }],
  })
  expect(await rpmVersionOf(stage.guest(host), 'virtbridge-tool')).toBe('1.1')
})

test('a guest whose package database somebody keeps is waited for, and then failed', async () => {
  const script = `import fcntl, time; f = open('/var/lib/dnf/system-repo.lock', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); open('/run/held', 'w'); time.sleep(600)`
  const holder = stage.inside(host, `exec python3 -c "${script}"`)
  await expect.poll(() => existsSync(join(stage.guest(host).root, 'run/held')), { timeout: 60_000 }).toBe(true)
  const looked = await stage.play('precheck', { limit: [host], vars: { precheck_lock_timeout: 1 } })
  const vars = { packages_present: ['virtbridge-other'], packages_lock_timeout: 1 }
  const refused = await stage.play('packages', { limit: [host], vars })
  await stage.inside(host, 'pkill -f fcntl')
  await holder
  expect(existsSync(join(stage.guest(host).root, note))).toBe(false)
  for (const { result } of [looked, refused])
    expect(result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('keeps the package database') as string,
    })
})

test('a guest with dnf5 that goes while it is patched is told of, precheck says what to do, and the next run mends it', async () => {
  const guest = stage.guest(host)
  await publishRpms(guest, [{ name: 'virtbridge-tool', version: '1.2', postinst: FATAL }])
  const cut = await stage.play('patch', { limit: [host] })
  expect(cut.recap[host]).toMatchObject({ unreachable: 1 })
  await expect.poll(async () => (await stage.inside(host, 'true')).status, { timeout: 60_000 }).toBe(0)
  expect(await rpmVersionOf(guest, 'virtbridge-tool')).toMatch(/^1\.[12]1\.[12]$/)
  const looked = await stage.play('precheck', { limit: [host] })
  expect(looked.result[host]).toMatchObject({
    outcome: 'failed',
    message: expect.stringMatching(
      /virtbridge-tool\.noarch is there twice\. Run the play patch, which mends it, or in the guest `dnf reinstall`/,
    ) as string,
  })
  const tried = await stage.play('patch', { limit: [host], check: true })
  expect(faultOf(tried)).toBe('')
  expect(tried.stdout).toContain('An installation that was cut off would be finished: virtbridge-tool.noarch')
  const mended = await stage.play('patch', { limit: [host] })
  expect(faultOf(mended)).toBe('')
  expect(mended.result[host]).toMatchObject({ outcome: 'ok', changed: true })
  expect(await rpmVersionOf(guest, 'virtbridge-tool')).toBe('1.2')
  expect(existsSync(join(guest.root, 'root/ended'))).toBe(true)
  const again = await stage.play('patch', { limit: [host] })
  expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
})

testsOfNewPackage(() => stage, host)
testsOfHeldDatabase(() => stage, host)
