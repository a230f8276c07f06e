import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../servers/run.ts'
import { publishPackage } from './debian-package.ts'
import { playTruly } from './play-truly.ts'
import { faultOf, Stage } from './stage.ts'

const host = 'web-1.shop.prod-1'
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHQ0bYQ0yH2p0Jx0sKJm1yXy9QzY1x1n8b3c5d7e9f0a ada@example.com'
let stage: Stage
let root: string

beforeAll(async () => {
  stage = await Stage.set({ [host]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b' })
  root = stage.guest(host).root
  await publishPackage(stage.guest(host), 'virtbridge-tool', '1.0')
  await run('chroot', [root, 'dpkg', '--install', '/srv/packages/virtbridge-tool_1.0_all.deb'])
  await publishPackage(stage.guest(host), 'virtbridge-tool', '1.1')
})
afterAll(() => stage[Symbol.asyncDispose]())

describe('facts_report', () => {
  test.each([true, false])(
    'tells what waits, what ends soon and what is full, and changes nothing; in check mode: %s',
    async check => {
      await certificate('soon', 5)
      await certificate('late', 4000)
      await writeFile(join(root, 'etc/ssl/no-certificate.pem'), 'hello\n')
      await writeFile(join(root, 'run/reboot-required'), '')
      const before = await stage.stateOf(host)
      const vars = { facts_report_disk_percent: 0 }
      const ended = await stage.play('facts_report', { limit: [host], vars, check })
      await rm(join(root, 'run/reboot-required'))
      expect(faultOf(ended)).toBe('')
      expect(ended.recap[host]).toMatchObject({ changed: 0 })
      expect(await stage.stateOf(host)).toBe(before)
      expect(ended.result[host]).toMatchObject({
        verb: 'facts_report',
        outcome: 'ok',
        check,
        notices: expect.not.arrayContaining([expect.stringContaining('is not known')]) as string[],
        os: expect.stringMatching(/^Debian 12/) as string,
        updates_known: true,
        updates: ['virtbridge-tool'],
        updates_count: 1,
        reboot: 'needed',
        services_failed: [],
        certificates: [{ file: '/etc/ssl/soon.pem', ends: expect.stringMatching(/^20\d\d-.*Z$/) as string }],
      })
      const told = ended.result[host] as { disks: { mount: string; size_mb: number }[]; notices: string[] }
      expect(told.disks[0]?.size_mb).toBeGreaterThan(0)
      expect(told.notices.join('\n')).toMatch(/the file system \/\S* is \d+ % full[^]*soon\.pem ends/)
    },
  )

  test('tells the rest of a guest that can not tell what waits, and that this is not known', async () => {
    const status = join(root, 'var/lib/dpkg/status')
    const whole = await readFile(status, 'utf8')
    const cut = whole.replace(/(Package: virtbridge-tool\nStatus: install ok) installed/, '$1 half-configured')
    await writeFile(status, cut)
    const ended = await stage.play('facts_report', { limit: [host] })
    await writeFile(status, whole)
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({
      outcome: 'ok',
      updates_known: false,
      updates: [],
      notices: expect.arrayContaining([expect.stringMatching(/is not known: .*dpkg --configure -a/)]) as string[],
    })
  })
})

// That their roles change nothing the second time is told by configure.
describe('a play for one thing', () => {
  const running = async (): Promise<string> => (await stage.inside(host, 'service cron status')).stdout
  test.each<[string, Record<string, unknown>, () => Promise<string>, RegExp]>([
    ['packages', { packages_present: ['cron'] }, () => stage.versionOf(host, 'cron'), /./],
    ['services', { services_enabled: ['cron'] }, running, /cron is running/],
    ['hostname', { hostname_name: 'web-1.example.com' }, () => text('etc/hostname'), /^web-1\.example\.com$/m],
    [
      'ssh_keys',
      { ssh_keys_accounts: [{ name: 'root', keys: [KEY] }] },
      () => text('root/.ssh/authorized_keys'),
      /ada@/,
    ],
  ])('%s tells in check mode that it would do it, and does it', async (verb, vars, look, wanted) => {
    const { done } = await playTruly(verb, stage.asking({ limit: [host], vars }), look)
    expect(done.result[host]).toMatchObject({ verb, outcome: 'ok' })
    expect(done.recap[host]?.['changed']).toBeGreaterThan(0)
    expect(await look()).toMatch(wanted)
  })
})

test('configure tells in check mode that it would take an account and its right to be root back, and takes them', async () => {
  await stage.inside(host, 'mkdir -p /etc/sudoers.d; id bob || useradd bob')
  await writeFile(join(root, 'etc/sudoers.d/virtbridge-bob'), 'bob ALL=(ALL:ALL) ALL\n')
  const vars = { configure_roles: ['users'], users_accounts: [{ name: 'bob', state: 'absent' }] }
  await playTruly('configure', stage.asking({ limit: [host], vars }), () => stage.stateOf(host))
  expect(existsSync(join(root, 'etc/sudoers.d/virtbridge-bob'))).toBe(false)
  expect(await text('etc/passwd')).not.toContain('bob:')
})

describe('preclean', () => {
  const confirmed = { preclean_confirm: true }

  test('does nothing that nobody confirmed', async () => {
    const before = await traces()
    const ended = await stage.play('preclean', { limit: [host] })
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('preclean_confirm=true') as string,
    })
    expect(await traces()).toBe(before)
  })

  test('tells in check mode what would go, takes it away, and then finds nothing left', async () => {
    await mkdir(join(root, 'var/lib/cloud/instances/i-1'), { recursive: true })
    await mkdir(join(root, 'etc/virtbridge'), { recursive: true })
    await mkdir(join(root, 'var/lib/puppet/ssl/certs'), { recursive: true })
    const left = {
      'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
      'var/lib/cloud/instances/i-1/user-data.txt': 'password: secret\n',
      'var/log/syslog': 'a word\n',
      'var/log/syslog.1': 'an old word\n',
      'root/.bash_history': 'ls\n',
      'etc/virtbridge/guest.json': '{}\n',
      'var/lib/puppet/ssl/certs/web-1.pem': 'a certificate\n',
    }
    for (const [path, content] of Object.entries(left)) await writeFile(join(root, path), content)
    const vars = { ...confirmed, preclean_items: ['machine_id', 'cloud_init', 'logs', 'history', 'mark', 'caches'] }
    const { tried, done: first } = await playTruly('preclean', stage.asking({ limit: [host], vars }), traces)
    expect(tried.result[host]).toMatchObject({
      check: true,
      changed: true,
      removed: { history: { files: 1, bytes: 3 } },
    })
    expect(first.result[host]).toMatchObject({
      outcome: 'ok',
      changed: true,
      removed: { machine_id: { files: 1 }, cloud_init: { files: 1 }, mark: { files: 1 } },
      notes: [expect.stringContaining('/var/lib/puppet/ssl is left') as string],
    })
    expect(await text('etc/machine-id')).toBe('')
    expect(await text('var/log/syslog')).toBe('')
    for (const path of ['var/log/syslog.1', 'root/.bash_history', 'var/lib/cloud/instances/i-1/user-data.txt'])
      expect(existsSync(join(root, path)), path).toBe(false)

    const again = await stage.play('preclean', { limit: [host], vars })
    expect(faultOf(again)).toBe('')
    expect(again.recap[host]).toMatchObject({ changed: 0 })
  })

  test('takes the host keys last and shuts the guest down, which nobody enters before it has new ones', async () => {
    const ended = await stage.play('preclean', { limit: [host], vars: { ...confirmed, preclean_shutdown: true } })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({
      outcome: 'ok',
      removed: { ssh_host_keys: { files: 6 } },
      notes: expect.arrayContaining([expect.stringContaining('ssh-keygen -A')]) as string[],
    })
    expect((await stage.inside(host, 'true')).status).not.toBe(0)
    await run('chroot', [root, 'ssh-keygen', '-A'])
    const deadline = performance.now() + 15_000
    while ((await stage.inside(host, 'true')).status !== 0) expect(performance.now()).toBeLessThan(deadline)
  })
})

async function certificate(name: string, days: number): Promise<void> {
  const file = `/etc/ssl/${name}.pem`
  const ends = ['-days', String(days), '-subj', `/CN=${name}`, '-keyout', '/dev/null', '-out', file]
  await run('chroot', [
    root,
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    ...ends,
  ])
}

async function text(path: string): Promise<string> {
  return readFile(join(root, path), 'utf8')
}

/** Every file that preclean could take away, with its size. */
async function traces(): Promise<string> {
  return run('sh', ['-c', `cd "$1" && find etc var root -type f -printf '%p %s\\n' | sort | sha256sum`, 'traces', root])
}
