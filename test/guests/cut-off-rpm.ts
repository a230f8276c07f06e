import { existsSync } from 'node:fs'
import { chmod, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { publishRpms, rpmVersionOf } from './rpm-package.ts'
import { faultOf, type Stage } from './stage.ts'

const needed = 'virtbridge-needed'
const wanted = 'virtbridge-wanted'
/** Where a guest notes which packages it has before others are installed. */
export const note = 'var/lib/virtbridge/unfinished/packages'
/** The first time it is installed the guest ends in the middle of it. */
const FATAL = '[ -e /root/begun ] || { touch /root/begun; kill -TERM 1; sleep 60; }; echo >> /root/configured'

/** rpm counts a package as installed before its scripts have run. */
export function testsOfNewPackage(stageOf: () => Stage, host: string): void {
  test('a new package that was cut off within its scripts is told of, in check mode too, finished by the next run, and then left alone', async () => {
    const stage = stageOf()
    const guest = stage.guest(host)
    await publishRpms(guest, [
      { name: needed, version: '1.0', postinst: FATAL },
      { name: wanted, version: '1.0', requires: needed },
    ])
    const asked = { limit: [host], vars: { packages_present: [wanted] } }
    const cut = await stage.play('packages', asked)
    expect(cut.recap[host], cut.stdout).toMatchObject({ unreachable: 1 })
    await expect.poll(async () => (await stage.inside(host, 'true')).status, { timeout: 60_000 }).toBe(0)
    expect(await rpmVersionOf(guest, needed)).toBe('1.0')
    expect(await rpmVersionOf(guest, wanted)).toBe('')

    const looked = await stage.play('precheck', { limit: [host] })
    expect(looked.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/cut off: the scripts of virtbridge-needed\.noarch may not have run/) as string,
    })
    const tried = await stage.play('packages', { ...asked, check: true })
    expect(faultOf(tried)).toBe('')
    expect(tried.result[host]).toMatchObject({ finished: [`${needed}.noarch`] })
    expect(existsSync(join(guest.root, 'root/configured'))).toBe(false)

    const mended = await stage.play('packages', asked)
    expect(faultOf(mended)).toBe('')
    expect(mended.result[host]).toMatchObject({ outcome: 'ok', finished: [`${needed}.noarch`] })
    expect(existsSync(join(guest.root, 'root/configured'))).toBe(true)
    expect(await rpmVersionOf(guest, wanted)).toBe('1.0')

    const again = await stage.play('packages', asked)
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[host]).not.toHaveProperty('finished')
    expect(existsSync(join(guest.root, note))).toBe(false)
  })
}

/** What is left by a run that was cut off, and can not be finished; `install` is the command of the family. */
export function testsOfWhatIsGone(stageOf: () => Stage, host: string, install: string): void {
  test('what no repository has any more can not be finished: it is told by its name, until one has a newer version; and a note of others is refused', async () => {
    const stage = stageOf()
    const guest = stage.guest(host)
    const late = 'virtbridge-late'
    await publishRpms(guest, [{ name: late, version: '1.0' }])
    const line = '%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{ARCH} %{INSTALLTIME}\\n'
    const left = `umask 077 && mkdir -p /var/lib/virtbridge/unfinished && rpm --query --all --queryformat '${line}' > /${note} && ${install} ${late}`
    expect(await stage.inside(host, left)).toMatchObject({ status: 0 })
    await rm(join(guest.root, `srv/rpms/${late}-1.0.rpm`))
    await publishRpms(guest, [])

    const asked = { limit: [host], vars: { packages_present: [late] } }
    await chmod(join(guest.root, note), 0o666)
    const foreign = await stage.play('packages', asked)
    expect(foreign.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(
        /unfinished\/packages is not as virtbridge writes it.*Nothing was changed/,
      ) as string,
    })
    await chmod(join(guest.root, note), 0o600)
    const failed = await stage.play('packages', asked)
    expect(failed.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/virtbridge-late\.noarch\. They could not be installed anew/) as string,
    })
    await publishRpms(guest, [{ name: late, version: '1.1' }])
    const mended = await stage.play('packages', asked)
    expect(faultOf(mended)).toBe('')
    expect(mended.result[host]).toMatchObject({ finished: [`${late}.noarch`] })
    expect(await rpmVersionOf(guest, late)).toBe('1.1')
    expect(existsSync(join(guest.root, note))).toBe(false)
  })
}
