import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../servers/run.ts'
import { publishPackage } from './debian-package.ts'
import { playTruly, rolesThatChange } from './play-truly.ts'
import { type Asked, faultOf, HOSTILE, Stage } from './stage.ts'

const web = 'web-1.shop.prod-1'
const db = 'db-1.shop.prod-1'
const uuids = { [web]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b', [db]: '11111111-2222-5333-8444-555555555555' }

let stage: Stage
let attempts = 0

beforeAll(async () => {
  stage = await Stage.set(uuids)
})
afterAll(() => stage[Symbol.asyncDispose]())

describe('onboard', () => {
  const authority = { name: 'fleet', pem: '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----' }
  const vars = { ca_certificates_trusted: [authority], packages_present: ['virtbridge-agent'] }

  beforeAll(() => publishPackage(stage.guest(web), 'virtbridge-agent', '1.0'))

  test('tells in check mode what it would change, and brings a new guest to the baseline', async () => {
    const asking = stage.asking({ limit: [web], vars })
    const { tried, done: first } = await playTruly('onboard', asking, () => stage.stateOf(web))
    expect(tried.result[web]).toMatchObject({ verb: 'onboard', outcome: 'ok', check: true })
    expect(rolesThatChange(tried, web)).toEqual(rolesThatChange(first, web))
    const changed_roles = ['ca_certificates', 'packages', 'mark']
    expect(tried.result[web]).toMatchObject({ changed: true, changed_roles })
    expect(first.recap[web]?.['changed']).toBeGreaterThan(2)
    expect(first.result).toEqual({
      [web]: {
        verb: 'onboard',
        outcome: 'ok',
        run_id: 'run-1',
        check: false,
        message: '',
        changed: true,
        changed_roles,
      },
    })
    const marker = join(stage.guest(web).root, 'etc/virtbridge/guest.json')
    expect(JSON.parse(await readFile(marker, 'utf8'))).toMatchObject({
      host: web,
      cluster: 'prod-1',
      namespace: 'shop',
      name: HOSTILE,
    })
    expect(existsSync('/tmp/pwned')).toBe(false)
    expect(
      await readFile(join(stage.guest(web).root, 'usr/local/share/ca-certificates/virtbridge-fleet.crt'), 'utf8'),
    ).toBe(`${authority.pem}\n`)
    expect(await stage.versionOf(web, 'virtbridge-agent')).toBe('1.0')
  })

  test('changes nothing the second time', async () => {
    const again = await stage.play('onboard', { limit: [web], vars, run: 'run-2' })
    expect(faultOf(again)).toBe('')
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[web]).toMatchObject({ changed: false, changed_roles: [] })
  })

  test('that fails in one role tells which changed something before it, and does not say that it knows all', async () => {
    const more = { motd_text: 'Managed.', services_enabled: ['nobody-has-this'] }
    const ended = await stage.play('onboard', { limit: [web], vars: { ...vars, ...more } })
    expect(ended.result[web]).toMatchObject({ outcome: 'failed', changed_roles: ['motd'] })
    expect(ended.result[web]).not.toHaveProperty('changed')
  })
})

describe('patch', () => {
  beforeAll(async () => {
    await publishPackage(stage.guest(web), 'virtbridge-tool', '1.0')
    await run('chroot', [stage.guest(web).root, 'dpkg', '--install', '/srv/packages/virtbridge-tool_1.0_all.deb'])
  })

  test('tells in check mode what it would do, then updates, then has nothing left to do', async () => {
    await publishPackage(stage.guest(web), 'virtbridge-tool', '1.1')
    const { tried, done } = await playTruly('patch', stage.asking({ limit: [web] }), () => stage.stateOf(web))
    expect(tried.result[web]).toEqual({ ...(done.result[web] as object), check: true, reboot: 'unknown' })
    expect(done.result[web]).toEqual({
      verb: 'patch',
      outcome: 'ok',
      run_id: 'run-1',
      check: false,
      message: '',
      changed: true,
      packages: [{ name: 'virtbridge-tool', from: '1.0', to: '1.1' }],
      packages_count: 1,
      reboot: 'not_needed',
    })
    expect(await stage.versionOf(web, 'virtbridge-tool')).toBe('1.1')

    const again = await stage.play('patch', { limit: [web] })
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[web]).toMatchObject({ outcome: 'ok', changed: false, packages: [] })
  })

  test('does all of it when it is chosen by its tag, and only looks by that of precheck', async () => {
    await publishPackage(stage.guest(web), 'virtbridge-tool', '1.1.1')
    const looked = await stage.play('patch', { limit: [web], tags: ['precheck'] })
    expect(faultOf(looked)).toBe('')
    expect(await stage.versionOf(web, 'virtbridge-tool')).not.toBe('1.1.1')
    const ended = await stage.play('patch', { limit: [web], tags: ['patch'] })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[web]).toMatchObject({ changed: true, packages: [{ name: 'virtbridge-tool', to: '1.1.1' }] })
    expect(await stage.versionOf(web, 'virtbridge-tool')).toBe('1.1.1')
  })

  test('tells that a reboot is needed, and does not reboot unless it is asked to', async () => {
    const mark = join(stage.guest(web).root, 'run/reboot-required')
    await writeFile(mark, '')
    const ended = await stage.play('patch', { limit: [web] })
    await rm(mark)
    expect(ended.result[web]).toMatchObject({ outcome: 'ok', reboot: 'needed' })
  })

  test('fails before it changes anything when its disk is full, and is updated once there is room', async () => {
    const version = `1.2.${++attempts}`
    await publishPackage(stage.guest(web), 'virtbridge-tool', version)
    const before = await stage.stateOf(web)
    await stage.inside(web, 'mount -t tmpfs -o size=1m tmpfs /var/cache && cat /dev/zero > /var/cache/full')
    const ended = await stage.play('patch', { limit: [web] })
    await stage.inside(web, 'umount /var/cache')
    expect(ended.status).not.toBe(0)
    expect(ended.result[web]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/There are 0 MB free .*nothing was changed/) as string,
    })
    expect(await stage.stateOf(web)).toBe(before)
    const mended = await stage.play('patch', { limit: [web] })
    expect(faultOf(mended)).toBe('')
    expect(mended.result[web]).toMatchObject({ packages: [{ name: 'virtbridge-tool', to: version }] })
  })
})

describe.each(['onboard', 'patch'])('%s refuses', verb => {
  test('another guest than the inventory means, and goes on with the rest', async () => {
    const before = await stage.stateOf(web)
    await publishPackage(stage.guest(db), 'virtbridge-agent', '1.0')
    const ended = await stage.play(verb, {
      limit: [web, db],
      count: 2,
      hostvars: { [web]: { kubevirt_firmware_uuid: '99999999-9999-5999-8999-999999999999' } },
    })
    expect(ended.status).not.toBe(0)
    expect(ended.result).toMatchObject({
      [web]: { outcome: 'failed', changed: false, message: expect.stringContaining('not the guest') as string },
      [db]: { outcome: 'ok' },
    })
    expect(ended.recap[web]).toMatchObject({ changed: 0 })
    expect(await stage.stateOf(web)).toBe(before)
  })

  test.each<[string, string, Asked]>([
    ['a play without a limit', 'has no limit', { count: 2 }],
    ['a limit that means every host', 'has no limit', { limit: ['all'], count: 2 }],
    ['more hosts than were meant', 'matches 2 hosts, but 1 were meant', { limit: [web, db], count: 1 }],
    ['a play that nobody answers for', 'virtbridge_break_glass_reason', { limit: [web], run: '' }],
    ['a reason that is none', 'virtbridge_break_glass_reason', { limit: [web], run: '', reason: ' ' }],
  ])('%s', async (_, message, asked) => {
    const before = [await stage.stateOf(web), await stage.stateOf(db)]
    const ended = await stage.play(verb, asked)
    expect(ended.status).not.toBe(0)
    expect(ended.stdout.replaceAll(/\s+/g, ' ')).toContain(message)
    for (const recap of Object.values(ended.recap)) expect(recap).toMatchObject({ changed: 0, failed: 1 })
    expect([await stage.stateOf(web), await stage.stateOf(db)]).toEqual(before)
  })
})

test('a person with a reason may run a play without a run', async () => {
  const ended = await stage.play('patch', { limit: [web], run: '', reason: 'the bridge is down' })
  expect(faultOf(ended)).toBe('')
  expect(ended.result[web]).toMatchObject({ outcome: 'ok', run_id: '' })
})
