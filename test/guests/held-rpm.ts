import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { note } from './cut-off-rpm.ts'
import { publishRpms, rpmVersionOf } from './rpm-package.ts'
import { faultOf, type Stage } from './stage.ts'

const slow = 'virtbridge-slow'
/** Its script runs until somebody lets it end. */
const ENDLESS = 'touch /run/held; while [ -e /run/held ]; do sleep 0.2; done'

/** Neither dnf nor zypper tells of a transaction of somebody else's rpm: each would wait for it, for ever. */
export function testsOfHeldDatabase(stageOf: () => Stage, host: string): void {
  test('a transaction of another program is seen and waited for, and then refused, before anything is noted or changed; once it has ended all goes well', async () => {
    const stage = stageOf()
    const guest = stage.guest(host)
    await publishRpms(guest, [
      { name: slow, version: '1.0', postinst: ENDLESS },
      { name: 'virtbridge-late-comer', version: '1.0' },
    ])
    const holder = stage.inside(host, `rpm --install /srv/rpms/${slow}-1.0.rpm`)
    await expect.poll(() => existsSync(join(guest.root, 'run/held')), { timeout: 60_000 }).toBe(true)
    const looked = await stage.play('precheck', { limit: [host], vars: { precheck_lock_timeout: 1 } })
    const patched = await stage.play('patch', { limit: [host], vars: { patch_lock_timeout: 1 } })
    const wish = { packages_present: ['virtbridge-late-comer'] }
    const refused = await stage.play('packages', { limit: [host], vars: { ...wish, packages_lock_timeout: 1 } })
    expect(existsSync(join(guest.root, note))).toBe(false)
    const free = stage.play('packages', { limit: [host], vars: { ...wish, packages_lock_timeout: 600 } })
    await stage.inside(host, 'rm /run/held')
    expect(await holder).toMatchObject({ status: 0 })
    for (const { result } of [looked, patched, refused])
      expect(result[host]).toMatchObject({
        outcome: 'failed',
        message: expect.stringMatching(
          /keeps the package database.*process \d+ is at it.*nothing was changed/,
        ) as string,
      })
    expect(patched.result[host]).toMatchObject({ changed: false })
    expect(faultOf(await free)).toBe('')
    expect(await rpmVersionOf(guest, 'virtbridge-late-comer')).toBe('1.0')
  })
}
