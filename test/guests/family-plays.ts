import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Distribution, FamilyStage, host, SITE, TOKEN } from './family.ts'
import { rpmVersionOf } from './rpm-package.ts'
import { faultOf, type Played } from './stage.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHQ0bYQ0yH2p0Jx0sKJm1yXy9QzY1x1n8b3c5d7e9f0a ada@example.com'
// `openssl passwd -6 -salt virtbridge correct-horse`
const HASH = '$6$virtbridge$hLvI/8ID4OzWoHOAz835Ey.CmmYaMvDnLqCvJzIQyWwOEA/MNuSo2OkjDp649K3XgZIGyg/J6QsXP0lE8QIUR1'
const PEM = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----'
const RUNNING = ['chronyd', 'rsyslog', 'snmpd', 'sshd', 'zabbix-agent2']

/** All that a fleet may ask of a guest. */
const asked = {
  hostname_name: 'db-1.example.com',
  ca_certificates_trusted: [{ name: 'fleet', pem: PEM }],
  packages_present: ['virtbridge-agent'],
  users_accounts: [
    { name: 'ada', comment: 'Ada', groups: ['wheel'], keys: [KEY] },
    { name: 'bob', sudo: 'password', password_hash: HASH },
  ],
  ssh_keys_accounts: [{ name: 'root', keys: [KEY] }],
  chrony_servers: ['127.0.0.1'],
  rsyslog_servers: [{ host: 'logs.example.com', port: 6514, protocol: 'tls' }],
  snmpd_users: [{ name: 'monitor', auth_password: 'auth-secret-1', priv_password: 'priv-secret-1' }],
  sshd_options: { PasswordAuthentication: false },
  motd_text: 'Managed. Changes by hand are undone.',
  services_enabled: ['chronyd'],
  root_password_hash: HASH,
  monitoring_packages: ['zabbix-agent2'],
  monitoring_services: ['zabbix-agent2'],
  monitoring_url: `${SITE}/api/hosts/${host}`,
  monitoring_headers: { Authorization: `Bearer ${TOKEN}` },
  monitoring_body: { address: '192.0.2.1' },
}

/**
 * The verbs of a guest by the names of one family. Real are its package manager, rpm, sudo, the accounts and sshd; systemd, the daemons and Puppet are
 * stand-ins that write down how they were called.
 */
export function playFamily(distribution: Distribution): void {
  let family: FamilyStage
  const play = (verb: string, vars: Record<string, unknown>, check = false): Promise<Played> =>
    family.stage.play(verb, { limit: [host], vars, check })

  beforeAll(async () => {
    family = await FamilyStage.set(distribution)
  })
  afterAll(() => family[Symbol.asyncDispose]())

  describe('configure', () => {
    configured(() => family, play)
  })
  describe('sshd', () => {
    olderSshd(() => family, play)
  })
  describe('a play for one thing', () => {
    oneThing(play)
  })
  describe('root_password', () => {
    rootPassword(() => family, play)
  })
  describe('puppet_agent', () => {
    puppet(() => family, play)
  })
  describe('preclean', () => {
    precleaned(() => family, play)
  })
}

type Play = (verb: string, vars: Record<string, unknown>, check?: boolean) => Promise<Played>

function configured(of: () => FamilyStage, play: Play): void {
  test('in check mode tells that it would change the guest, and changes nothing', async () => {
    const before = await of().stage.stateOf(host)
    const ended = await play('configure', asked, true)
    expect(faultOf(ended)).toBe('')
    expect(ended.recap[host]?.['changed']).toBeGreaterThan(5)
    expect(await of().stage.stateOf(host)).toBe(before)
    for (const name of ['systemctl', 'trust', 'rsyslogd']) expect(await of().callsOf(name), name).toEqual([])
  }, 900_000)

  test('brings the guest there', async () => {
    const first = await play('onboard', asked)
    expect(faultOf(first)).toBe('')
    expect(first.result[host]).toMatchObject({ verb: 'onboard', outcome: 'ok' })
  }, 900_000)

  test('starts, stops and reloads by the names of its family, and in order', async () => {
    const calls = await of().callsOf('systemctl')
    const about = (unit: string): readonly string[] => calls.filter(call => call.endsWith(` ${unit}`))
    // Ansible restarts here by stopping and starting.
    for (const unit of ['chronyd', 'rsyslog', 'snmpd'])
      expect(about(unit), unit).toEqual(['enable', 'stop', 'start'].map(verb => `systemctl ${verb} ${unit}`))
    expect(about('zabbix-agent2')).toEqual(['systemctl enable zabbix-agent2', 'systemctl start zabbix-agent2'])
    expect(about('sshd')).toEqual(['systemctl reload sshd'])
    expect(calls.filter(call => call.startsWith('hostnamectl'))).toEqual([
      'hostnamectl --pretty --static set-hostname db-1.example.com',
      'hostnamectl --transient set-hostname db-1.example.com',
    ])
    const units = JSON.parse(await of().text('var/lib/units.json')) as Record<string, string[]>
    expect(units).toEqual({ active: RUNNING, enabled: RUNNING })
    expect(await of().callsOf('trust')).toEqual([''])
    expect(await of().callsOf('rsyslogd')).toEqual([expect.stringMatching(/^-N1 -f \S+$/)])
  })

  test('changes nothing the second time', async () => {
    await of().forgetCalls()
    const again = await play('configure', asked)
    expect(faultOf(again)).toBe('')
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
    for (const name of ['systemctl', 'trust', 'rsyslogd']) expect(await of().callsOf(name), name).toEqual([])
  }, 900_000)

  test('what it wrote stands where the family looks for it', async () => {
    const { trust, rsyslog } = of().distribution
    expect(await of().text(`${trust.folder}/virtbridge-fleet.crt`)).toContain('BEGIN CERTIFICATE')
    expect(await of().text('etc/chrony.conf')).toMatch(
      /^server 127\.0\.0\.1 iburst[^]*^driftfile \/var\/lib\/chrony\/drift$/m,
    )
    const forward = await of().text('etc/rsyslog.d/10-virtbridge.conf')
    expect(forward).toContain(`StreamDriver.CAFile="${trust.bundle}"`)
    expect(forward).toContain(`queue.spoolDirectory="${rsyslog.spool}"`)
    expect(forward).not.toContain('workDirectory')
    expect(existsSync(join(of().root, `usr/share/${rsyslog.tls}/version`))).toBe(true)
    expect(await of().text('var/lib/net-snmp/snmpd.conf')).toContain('createUser monitor SHA "auth-secret-1"')
    expect(await of().text('etc/motd')).toBe('Managed. Changes by hand are undone.\n')
    expect(await of().text('etc/hosts')).toContain('127.0.1.1\tdb-1.example.com db-1\n')
  })

  test('accounts are there, and may be root as they may, by the sudo that was installed for them', async () => {
    expect(await rpmVersionOf(of().stage.guest(host), 'sudo')).toBe('1.9')
    expect(await of().text('etc/sudoers.d/virtbridge-bob')).toBe(`${of().distribution.sudoers}bob ALL=(ALL:ALL) ALL\n`)
    expect((await of().stage.inside(host, 'sudo -n -l -U bob')).stdout).toContain('(ALL : ALL) ALL')
    expect((await of().stage.inside(host, 'id -nG ada')).stdout).toContain('wheel')
    expect(await of().text('home/ada/.ssh/authorized_keys')).toContain(KEY)
    expect(await of().text('etc/shadow')).toContain(`bob:${HASH}:`)
    expect(await of().text('etc/shadow')).toContain(`root:${HASH}:`)
    expect((await of().stage.inside(host, 'sshd -T')).stdout).toContain('passwordauthentication no')
  })
}

/** As that of RHEL 8 was: of before OpenSSH 8.2. */
const OLD_SSHD = `#!/bin/sh
file=/etc/ssh/sshd_config
for word; do
  [ "$last" != -f ] || file=$word
  last=$word
done
case " $* " in *" -t "*)
  if grep -q ^Include "$file"; then
    echo "$file: line 1: Bad configuration option: Include" >&2
    exit 255
  fi
esac
exec /usr/sbin/sshd.real "$@"
`

function olderSshd(of: () => FamilyStage, play: Play): void {
  const vars = { configure_roles: ['sshd'], sshd_options: { PasswordAuthentication: false } }

  test('has its options in its own file where it reads no folder, and in a new folder once it does', async () => {
    const { root, stage } = of()
    const before = await stage.inside(
      host,
      'cd /etc/ssh && rm -rf sshd_config.d && sed -i /^Include/d sshd_config && cd /usr/sbin && { [ -e sshd.real ] || cp sshd sshd.real; }',
    )
    expect(before.status).toBe(0)
    await rm(join(root, 'usr/sbin/sshd'))
    await writeFile(join(root, 'usr/sbin/sshd'), OLD_SSHD, { mode: 0o755 })
    const old = await play('configure', vars)
    const again = await play('configure', vars)
    await rename(join(root, 'usr/sbin/sshd.real'), join(root, 'usr/sbin/sshd'))
    expect(faultOf(old)).toBe('')
    expect(await of().text('etc/ssh/sshd_config')).toMatch(
      /^# BEGIN virtbridge\n#[^\n]*\nPasswordAuthentication no\n+# END virtbridge\n/,
    )
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })

    const tried = await play('configure', vars, true)
    expect(faultOf(tried)).toBe('')
    expect(existsSync(join(root, 'etc/ssh/sshd_config.d'))).toBe(false)
    expect(faultOf(await play('configure', vars))).toBe('')
    expect(await of().text('etc/ssh/sshd_config')).toMatch(/^Include /)
    expect(await of().text('etc/ssh/sshd_config.d/01-virtbridge.conf')).toContain('PasswordAuthentication no')
  })
}

/** `configure` did all of it already, so that each must find its own thing done. */
function oneThing(play: Play): void {
  test.each(['packages', 'services', 'hostname', 'ssh_keys'])('%s finds its thing done', async verb => {
    const ended = await play(verb, asked)
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ verb, outcome: 'ok' })
    expect(ended.recap[host]).toMatchObject({ changed: 0 })
    const tried = await play(verb, { ...asked, ...OTHER[verb] }, true)
    expect(faultOf(tried)).toBe('')
    expect(tried.recap[host]?.['changed']).toBeGreaterThan(0)
  })
}

const OTHER: Readonly<Record<string, Record<string, unknown>>> = {
  packages: { packages_absent: ['virtbridge-agent'], packages_present: [] },
  services: { services_enabled: [], services_disabled: ['chronyd'] },
  hostname: { hostname_name: 'db-2.example.com' },
  ssh_keys: { ssh_keys_accounts: [{ name: 'root', keys: [KEY.replace('ada@', 'eve@')] }] },
}

function rootPassword(of: () => FamilyStage, play: Play): void {
  const vars = { root_password_vault_url: SITE, root_password_vault_token: TOKEN }
  const hashOfRoot = async (): Promise<string> => /^root:([^:]*)/m.exec(await of().text('etc/shadow'))?.[1] ?? ''

  test('tells in check mode that it would set one', async () => {
    const before = await hashOfRoot()
    const tried = await play('root_password', vars, true)
    expect(faultOf(tried)).toBe('')
    expect(tried.recap[host]).toMatchObject({ changed: 1 })
    expect(await hashOfRoot()).toBe(before)
  })

  test('makes, keeps and sets one, and the second time changes nothing', async () => {
    const first = await play('root_password', vars)
    expect(faultOf(first)).toBe('')
    expect(first.result[host]).toMatchObject({ reference: `vault:secret/virtbridge/${host}#root` })
    expect(await hashOfRoot()).toMatch(/^\$6\$/)
    expect(await hashOfRoot()).not.toBe(HASH)
    const again = await play('root_password', vars)
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
  })
}

function puppet(of: () => FamilyStage, play: Play): void {
  const vars = { puppet_agent_server: 'puppet.example.com' }
  const runs = async (): Promise<readonly string[]> =>
    (await of().callsOf('puppet')).filter(call => call.startsWith('agent'))

  test('in check mode tells that the guest would be put under Puppet, and installs nothing', async () => {
    const ended = await play('puppet_agent', vars, true)
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ check: true, puppet: 'not_installed' })
    expect(ended.recap[host]?.['changed']).toBeGreaterThan(0)
    expect(existsSync(join(of().root, 'opt/puppetlabs'))).toBe(false)
  })

  test("finds Puppet's own agent where its packages put it, runs it, and the second time changes nothing", async () => {
    await of().forgetCalls()
    await rm(join(of().root, 'etc/puppet-was-here'), { force: true })
    const first = await play('puppet_agent', vars)
    expect(faultOf(first)).toBe('')
    expect(first.result[host]).toMatchObject({ outcome: 'ok', puppet: 'changed', resources_changed: 1 })
    expect(await of().text('etc/puppetlabs/puppet/puppet.conf')).toContain(`certname = ${host}\n`)
    expect(await runs()).toEqual([expect.stringMatching(/^agent --test --no-show_diff .*--waitforcert=5/)])
    const units = JSON.parse(await of().text('var/lib/units.json')) as Record<string, string[]>
    expect(units).toMatchObject({
      active: expect.arrayContaining(['puppet']),
      enabled: expect.arrayContaining(['puppet']),
    })
    await of().forgetCalls()
    const again = await play('puppet_agent', vars)
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[host]).toMatchObject({ puppet: 'unchanged' })
    expect(await of().callsOf('systemctl')).toEqual([])
  })
}

function precleaned(of: () => FamilyStage, play: Play): void {
  /** What such a guest has of the kind, each with the item that takes it away. */
  const TRACES: Readonly<Record<string, string>> = {
    'etc/machine-id': 'machine_id',
    'var/lib/zypp/AnonymousUniqueId': 'machine_id',
    'var/lib/NetworkManager/secret_key': 'random_seed',
    'var/lib/NetworkManager/internal-1-eth0.lease': 'leases',
    'var/lib/wicked/lease-eth0-dhcp-ipv4.xml': 'leases',
    'var/lib/wicked/duid.xml': 'leases',
    'var/cache/dnf/expired_repos.json': 'caches',
    'var/cache/zypp/raw/ours/cookie': 'caches',
    'var/log/messages-20261101.xz': 'logs',
    'etc/pki/consumer/cert.pem': 'registrations',
    'etc/zypp/credentials.d/SCCcredentials': 'registrations',
  }

  test('tells in check mode what would go, takes it away, and the second time changes nothing', async () => {
    for (const path of Object.keys(TRACES)) {
      await mkdir(join(of().root, path, '..'), { recursive: true })
      await writeFile(join(of().root, path), 'a trace\n')
    }
    await writeFile(
      join(of().root, 'usr/lib/systemd/system/sshd.service'),
      'ExecStartPre=/usr/sbin/sshd-gen-keys-start\n',
    )
    const some = { preclean_confirm: true, preclean_items: [...new Set(Object.values(TRACES))] }
    const every = { ...some, preclean_items: [...some.preclean_items, 'ssh_host_keys'] }
    const tried = await play('preclean', every, true)
    expect(faultOf(tried)).toBe('')
    expect(tried.result[host]).toMatchObject({ check: true, changed: true, notes: [] })
    for (const [path, item] of Object.entries(TRACES)) {
      expect(tried.result[host], path).toHaveProperty(['removed', item, 'files'], expect.any(Number))
      expect(await readFile(join(of().root, path), 'utf8'), path).toBe('a trace\n')
    }
    const first = await play('preclean', some)
    expect(faultOf(first)).toBe('')
    const left = Object.keys(TRACES).filter(path => existsSync(join(of().root, path)))
    expect(left).toEqual(['etc/machine-id'])
    expect(await of().text('etc/machine-id')).toBe('')
    const again = await play('preclean', some)
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
  })
}
