import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../servers/run.ts'
import { publishPackage } from './debian-package.ts'
import { faultOf, Stage } from './stage.ts'

const web = 'web-1.shop.prod-1'
const db = 'db-1.shop.prod-1'
const gone = 'gone-1.shop.prod-1'
const tool = 'virtbridge-tool'
const PEM = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----'
/** The first time it is installed the guest ends in the middle of it. */
const FATAL = '#!/bin/sh\n[ -e /root/once ] || { touch /root/once; kill -TERM 1; sleep 60; }\n'
let stage: Stage

beforeAll(async () => {
  stage = await Stage.set({
    [web]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b',
    [db]: '11111111-2222-5333-8444-555555555555',
  })
  for (const host of [web, db]) {
    await publishPackage(stage.guest(host), tool, '1.0')
    await run('chroot', [stage.guest(host).root, 'dpkg', '--install', `/srv/packages/${tool}_1.0_all.deb`])
  }
})
afterAll(() => stage[Symbol.asyncDispose]())

describe('patch', () => {
  test('goes on with the guests that can be reached, and tells which could not', async () => {
    await publishPackage(stage.guest(web), tool, '1.1')
    const ended = await stage.play('patch', { limit: [web, gone], count: 2, hostvars: { [gone]: {} } })
    expect(ended.status).not.toBe(0)
    expect(ended.recap[gone]).toMatchObject({ unreachable: 1, changed: 0 })
    expect(ended.result).toMatchObject({ [web]: { outcome: 'ok', packages: [{ name: tool, to: '1.1' }] } })
    expect(ended.result).not.toHaveProperty([gone])
  })

  test('believes the guest, and not what its agent told of its system', async () => {
    await publishPackage(stage.guest(web), tool, '1.2')
    const lies = { kubevirt_os: { family: 'windows', id: 'rhel', version: '9.4' }, kubevirt_os_id: 'rhel' }
    const ended = await stage.play('patch', { limit: [web], hostvars: { [web]: lies } })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[web]).toMatchObject({ outcome: 'ok', packages: [{ name: tool, from: '1.1', to: '1.2' }] })
  })

  test('fails a guest whose package database somebody keeps, changes nothing, and does it the next time', async () => {
    await publishPackage(stage.guest(web), tool, '1.3')
    const hold = `python3 -c "import fcntl,time; f=open('/var/lib/dpkg/lock-frontend','w'); fcntl.lockf(f, fcntl.LOCK_EX); open('/run/held','w'); time.sleep(600)"`
    const holder = stage.inside(web, hold)
    const held = join(stage.guest(web).root, 'run/held')
    await expect.poll(() => existsSync(held), { timeout: 60_000 }).toBe(true)
    const refused = await stage.play('patch', { limit: [web], vars: { patch_lock_timeout: 1 } })
    await stage.inside(web, "pkill -f 'fcntl' || true")
    await holder
    expect(refused.result[web]).toMatchObject({ outcome: 'failed', message: expect.stringMatching(/lock/i) as string })
    expect(await stage.versionOf(web, tool)).toBe('1.2')
    const mended = await stage.play('patch', { limit: [web] })
    expect(faultOf(mended)).toBe('')
    expect(await stage.versionOf(web, tool)).toBe('1.3')
  })

  test('tells of a guest that goes while it is patched, goes on with the others, and mends it the next time', async () => {
    await publishPackage(stage.guest(web), tool, '1.4', { postinst: FATAL })
    await publishPackage(stage.guest(db), tool, '1.4')
    const cut = await stage.play('patch', { limit: [web, db], count: 2 })
    expect(cut.status).not.toBe(0)
    expect(cut.recap[web]).toMatchObject({ unreachable: 1 })
    expect(cut.result).toMatchObject({ [db]: { outcome: 'ok', packages: [{ name: tool, to: '1.4' }] } })
    expect(cut.result).not.toHaveProperty([web])

    await expect.poll(async () => (await stage.inside(web, 'true')).status, { timeout: 60_000 }).toBe(0)
    expect((await stage.inside(web, 'dpkg --audit')).stdout).toContain(tool)
    const mended = await stage.play('patch', { limit: [web] })
    expect(faultOf(mended)).toBe('')
    expect(mended.result[web]).toMatchObject({ outcome: 'ok' })
    expect((await stage.inside(web, 'dpkg --audit')).stdout).toBe('')
    expect(await stage.versionOf(web, tool)).toBe('1.4')
  })
})

describe('configure', () => {
  test('finishes the next time what it had begun when the guest went: an installation, and the roles before it', async () => {
    const name = 'virtbridge-agent'
    await rm(join(stage.guest(web).root, 'root/once'), { force: true })
    await stage.inside(web, `dpkg --purge ${name}`)
    await publishPackage(stage.guest(web), name, '1.0', { postinst: FATAL })
    const vars = { ca_certificates_trusted: [{ name: 'fleet', pem: PEM }], packages_present: [name] }
    const cut = await stage.play('configure', { limit: [web], vars })
    expect(cut.recap[web]).toMatchObject({ unreachable: 1 })

    await expect.poll(async () => (await stage.inside(web, 'true')).status, { timeout: 60_000 }).toBe(0)
    expect((await stage.inside(web, 'dpkg --audit')).stdout).toContain(name)
    const tried = await stage.play('configure', { limit: [web], vars, check: true })
    expect(tried.recap[web]?.['changed']).toBeGreaterThan(0)
    expect((await stage.inside(web, 'dpkg --audit')).stdout).toContain(name)
    const mended = await stage.play('configure', { limit: [web], vars })
    expect(faultOf(mended)).toBe('')
    expect((await stage.inside(web, 'dpkg --audit')).stdout).toBe('')
    expect(await stage.versionOf(web, name)).toBe('1.0')
    expect((await stage.inside(web, 'test -e /etc/ssl/certs/virtbridge-fleet.pem')).status).toBe(0)
    const again = await stage.play('configure', { limit: [web], vars })
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
  })
})
