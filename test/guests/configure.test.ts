import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../servers/run.ts'
import { publishPackage } from './debian-package.ts'
import { playTruly } from './play-truly.ts'
import { faultOf, Stage } from './stage.ts'

const host = 'web-1.shop.prod-1'
const SERVICES = ['chrony', 'cron', 'rsyslog', 'snmpd', 'prometheus-node-exporter']
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHQ0bYQ0yH2p0Jx0sKJm1yXy9QzY1x1n8b3c5d7e9f0a ada@example.com'
// `openssl passwd -6 -salt virtbridge correct-horse`
const HASH = '$6$virtbridge$hLvI/8ID4OzWoHOAz835Ey.CmmYaMvDnLqCvJzIQyWwOEA/MNuSo2OkjDp649K3XgZIGyg/J6QsXP0lE8QIUR1'

/** Each of which is asked for something below. */
const ROLES = [
  'hostname',
  'ca_certificates',
  'packages',
  'users',
  'ssh_keys',
  'chrony',
  'rsyslog',
  'snmpd',
  'sshd',
  'motd',
  'services',
  'root_password',
  'monitoring',
]

/** All that a fleet may ask of a guest. */
const asked = {
  hostname_name: 'web-1.example.com',
  ca_certificates_trusted: [{ name: 'fleet', pem: '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----' }],
  packages_present: ['cron', 'snmp'],
  users_accounts: [
    { name: 'ada', comment: 'Ada', sudo: 'nopasswd', keys: [KEY] },
    { name: 'bob', sudo: 'password', password_hash: HASH },
  ],
  ssh_keys_accounts: [{ name: 'root', keys: [KEY] }],
  chrony_servers: ['127.0.0.1'],
  rsyslog_servers: [{ host: '127.0.0.1', port: 5514, protocol: 'udp' }],
  snmpd_listen: ['udp:127.0.0.1:10161'],
  snmpd_users: [{ name: 'monitor', auth_password: 'auth-secret-1', priv_password: 'priv-secret-1' }],
  snmpd_location: 'prod-1',
  sshd_options: { PasswordAuthentication: false, AcceptEnv: ['LANG', 'LC_*'] },
  motd_text: 'Managed. Changes by hand are undone.',
  services_enabled: ['cron'],
  root_password_hash: HASH,
  monitoring_packages: ['prometheus-node-exporter'],
  monitoring_services: ['prometheus-node-exporter'],
}

let stage: Stage
let root: string

beforeAll(async () => {
  stage = await Stage.set({ [host]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b' })
  root = stage.guest(host).root
  // Nobody may set the machine's clock from a guest that is a folder.
  await mkdir(join(root, 'etc/default'), { recursive: true })
  await writeFile(join(root, 'etc/default/chrony'), 'DAEMON_OPTS="-x -F 0"\n')
  // A small system has no sudo, until a package brings it: that of Debian, in one of ours.
  const away =
    'dpkg -L sudo | tar -c --no-recursion -P -f /srv/sudo.tar -T - && SUDO_FORCE_REMOVE=yes dpkg --purge sudo'
  await run('chroot', [root, 'sh', '-euc', away])
  await publishPackage(stage.guest(host), 'sudo', '9.0', { postinst: '#!/bin/sh\ntar -x -P -f /srv/sudo.tar\n' })
})
afterAll(() => stage[Symbol.asyncDispose]())

describe('configure, with all that a fleet may ask of a guest', () => {
  test('tells in check mode that it would change the guest, brings it there, and the second time changes nothing', async () => {
    const asking = stage.asking({ limit: [host], vars: asked })
    const { tried, done } = await playTruly('configure', asking, () => stage.stateOf(host))
    expect(done.result[host]).toMatchObject({ verb: 'configure', outcome: 'ok', changed_roles: ROLES })
    // Its service comes with a package of this very run: whether that starts it nobody knows before.
    const foretold = ROLES.filter(role => role !== 'services')
    expect(tried.result[host]).toEqual({ ...(done.result[host] as object), check: true, changed_roles: foretold })
    const again = await stage.play('configure', { limit: [host], vars: asked })
    expect(faultOf(again)).toBe('')
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
  }, 1_800_000)

  test('shows no secret, however much it is asked to tell', async () => {
    const vars = { ...asked, snmpd_users: [{ ...asked.snmpd_users[0], auth_password: 'auth-secret-2' }] }
    const { stdout, stderr } = await stage.play('configure', { limit: [host], vars, tags: ['snmpd'] })
    expect(stdout + stderr).not.toMatch(/auth-secret|priv-secret|virtbridge\$hLvI/)
    const back = await stage.play('configure', { limit: [host], vars: asked, tags: ['snmpd'] })
    expect(faultOf(back)).toBe('')
  })

  test('the guest has its name and finds itself by it', async () => {
    expect(await text('etc/hostname')).toBe('web-1.example.com\n')
    expect(await text('etc/hosts')).toContain('127.0.1.1\tweb-1.example.com web-1\n')
  })

  test('accounts are there, get in by their keys, and may be root as they may', async () => {
    expect(await stage.versionOf(host, 'sudo')).toBe('9.0')
    expect(await text('home/ada/.ssh/authorized_keys')).toContain(KEY)
    expect((await stat(join(root, 'home/ada/.ssh'))).mode & 0o777).toBe(0o700)
    expect(await stage.inside(host, 'sudo -n -l -U ada')).toMatchObject({
      stdout: expect.stringContaining('NOPASSWD: ALL') as string,
    })
    expect(await text('etc/sudoers.d/virtbridge-bob')).toBe('bob ALL=(ALL:ALL) ALL\n')
    expect(await text('etc/shadow')).toContain(`bob:${HASH}:`)
  })

  test('keys of others stay beside those of the fleet', async () => {
    const keys = await text('root/.ssh/authorized_keys')
    expect(keys).toContain(KEY)
    expect(keys.split('\n').filter(line => line.startsWith('ssh-'))).toHaveLength(2)
  })

  test('root has the password that was asked for', async () => {
    expect(await text('etc/shadow')).toContain(`root:${HASH}:`)
  })

  test('chrony runs, and uses the servers of the fleet', async () => {
    expect((await stage.inside(host, 'chronyc -n sources')).stdout).toContain('127.0.0.1')
  })

  test('rsyslog runs, and sends what is logged to the log server', async () => {
    const heard = stage.network.run('python3', ['-c', LISTEN], { cwd: root })
    await stage.inside(
      host,
      'for n in 1 2 3 4 5 6 7 8 9 10; do logger --server 127.0.0.1 --udp --port 9 x; logger word-from-the-guest; sleep 0.3; done',
    )
    expect((await heard).stdout).toContain('word-from-the-guest')
  })

  test('rsyslog keeps what no log server takes, and sends to the second while the first is down', async () => {
    const [first, second] = [5516, 5517].map(port => ({ host: '127.0.0.1', port }))
    const vars = { ...asked, rsyslog_servers: [first, second] }
    expect(faultOf(await stage.play('configure', { limit: [host], vars, tags: ['rsyslog'] }))).toBe('')
    const once = 'for n in $(seq 300); do logger --socket-errors=on kept-while-both-are-down && break; sleep 0.2; done'
    await stage.inside(host, once)
    expect((await heardAt(5517, 'kept-while-both-are-down')).stdout).toContain('heard')
    expect((await heardAt(5516, 'first-is-back', LOG)).stdout).toContain('heard')
    expect((await heardAt(5517, 'first-is-down-again', LOG)).stdout).toContain('heard')
  })

  test('snmpd runs, and answers its users and nobody else', async () => {
    expect((await stage.inside(host, askSnmp('monitor'))).stdout).toContain('prod-1')
    const stranger = await stage.inside(host, 'snmpget -v2c -c public -t 1 -r 0 127.0.0.1:10161 1.3.6.1.2.1.1.6.0')
    expect(stranger.status).not.toBe(0)
  })

  test('sshd has taken the options on', async () => {
    const told = (await stage.inside(host, 'sshd -T')).stdout
    expect(told).toContain('passwordauthentication no')
    expect(told).toContain('acceptenv LANG')
  })

  test('what was asked to run runs', async () => {
    for (const service of SERVICES)
      expect(await stage.inside(host, `service ${service} status`), service).toMatchObject({ status: 0 })
  })

  test('what was written and not taken on, as the run was cut off between, the next run has taken on', async () => {
    const name = `cut-${++attempts}`
    const vars = {
      ...asked,
      ca_certificates_trusted: [...asked.ca_certificates_trusted, { ...asked.ca_certificates_trusted[0], name }],
      chrony_servers: ['127.0.0.1', `127.0.1.${100 + attempts}`],
      rsyslog_servers: [{ host: '127.0.0.1', port: 5600 + attempts, protocol: 'udp' }],
      snmpd_users: [...asked.snmpd_users, { ...asked.snmpd_users[0], name }],
      sshd_options: { ...asked.sshd_options, Banner: '/etc/banner' },
    }
    await writeFile(join(root, 'etc/banner'), `${name}\n`)
    for (const program of TAKING_ON) await lineInto(program, `[ ! -e /root/cut ] || [ "$1" = status ] || exit 1`)
    const rsyslog = (await stage.inside(host, 'pidof rsyslogd')).stdout
    await writeFile(join(root, 'root/cut'), '')
    const roles = ['ca_certificates', 'chrony', 'rsyslog', 'snmpd', 'sshd']
    for (const role of roles) {
      const cut = await stage.play('configure', { limit: [host], vars: { ...vars, configure_roles: [role] } })
      expect(cut.result[host], role).toMatchObject({ outcome: 'failed' })
    }
    await rm(join(root, 'root/cut'))
    const all = { ...vars, configure_roles: roles }
    const tried = await stage.play('configure', { limit: [host], vars: all, check: true })
    expect(tried.recap[host]?.['changed']).toBeGreaterThanOrEqual(roles.length)
    const mended = await stage.play('configure', { limit: [host], vars: all })
    expect(faultOf(mended)).toBe('')
    expect((await stage.inside(host, `test -e /etc/ssl/certs/virtbridge-${name}.pem`)).status).toBe(0)
    expect((await stage.inside(host, 'chronyc -n sources')).stdout).toContain(`127.0.1.${100 + attempts}`)
    expect((await stage.inside(host, 'pidof rsyslogd')).stdout).not.toBe(rsyslog)
    expect((await stage.inside(host, askSnmp(name))).stdout).toContain('prod-1')
    expect((await stage.inside(host, 'true')).stderr).toContain(name)
    const again = await stage.play('configure', { limit: [host], vars: all })
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
  }, 1_800_000)

  test('what is taken back goes: an authority, an account', async () => {
    const vars = {
      ...asked,
      ca_certificates_trusted: [],
      ca_certificates_forget: true,
      users_accounts: [{ name: 'bob', state: 'absent' }],
    }
    expect(faultOf(await stage.play('configure', { limit: [host], vars }))).toBe('')
    expect(existsSync(join(root, 'usr/local/share/ca-certificates/virtbridge-fleet.crt'))).toBe(false)
    expect(existsSync(join(root, 'etc/sudoers.d/virtbridge-bob'))).toBe(false)
    expect(await text('etc/passwd')).not.toContain('bob:')
  })
})

describe('configure refuses, and changes nothing', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['a name that is none', { hostname_name: 'web 1; reboot' }, 'no host name'],
    ['an account named root', { users_accounts: [{ name: 'root' }] }, 'root_password'],
    ['a key that is two lines', { ssh_keys_accounts: [{ name: 'root', keys: [`${KEY}\n${KEY}`] }] }, 'is none'],
    ['an option of sshd that runs commands', { sshd_options: { ForceCommand: 'sh' } }, 'commands are not set here'],
    ['an option that sshd does not know', { sshd_options: { NoSuchThing: 'yes' } }, 'failed to validate'],
    ['a time server with words in it', { chrony_servers: ['a b\nallow all'] }, 'neither a name nor an address'],
    ['a log server on no port', { rsyslog_servers: [{ host: 'logs', port: 99_999 }] }, 'its port or protocol is none'],
    [
      'an authority that is no certificate',
      { ca_certificates_trusted: [{ name: 'x', pem: 'hello' }] },
      'no certificate',
    ],
    ['a package that no repository has', { packages_present: ['no-such-package'] }, 'No package matching'],
  ])('%s', async (_, vars, message) => {
    const before = await stage.stateOf(host)
    const ended = await stage.play('configure', { limit: [host], vars })
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: expect.stringContaining(message) as string })
    expect(await stage.stateOf(host)).toBe(before)
  })
})

/** What makes a service read its configuration, or a guest trust an authority. */
const TAKING_ON = [
  ...['chrony', 'rsyslog', 'snmpd', 'ssh'].map(name => `etc/init.d/${name}`),
  'usr/sbin/update-ca-certificates',
]
let attempts = 0

/** Makes it the second line of a script, where it is not yet. */
async function lineInto(path: string, line: string): Promise<void> {
  const [first = '', ...rest] = (await text(path)).split('\n')
  if (rest[0] !== line) await writeFile(join(root, path), [first, line, ...rest].join('\n'))
}

/** A question for where the guest is, by one of its users. */
function askSnmp(user: string): string {
  return `snmpget -v3 -l authPriv -u ${user} -a SHA -A auth-secret-1 -x AES -X priv-secret-1 -t 2 -r 1 127.0.0.1:10161 1.3.6.1.2.1.1.6.0`
}

const LISTEN = [
  'import socket, sys',
  's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
  "s.bind(('127.0.0.1', 5514))",
  's.settimeout(20)',
  'for _ in range(200):',
  '    text = s.recv(4096).decode()',
  "    if 'word-from-the-guest' in text:",
  '        print(text)',
  '        break',
].join('\n')

/** Logs a word again and again until somebody heard it: what is sent to a server as it goes down may be lost. */
const LOG = 'for n in $(seq 600); do [ ! -e /run/heard ] || break; logger "$WORD"; sleep 0.2; done'
/** A log server, until it hears that word; it ends in vain when nobody says anything for long. */
const HEAR = [
  'import socket, sys',
  "server = socket.create_server(('127.0.0.1', int(sys.argv[1])))",
  'server.settimeout(120)',
  'while True:',
  '    client, text = server.accept()[0], b""',
  '    client.settimeout(120)',
  '    while chunk := client.recv(4096):',
  '        text += chunk',
  '        if sys.argv[2].encode() in text:',
  "            open('run/heard', 'w')",
  "            sys.exit(print('heard'))",
].join('\n')

async function heardAt(port: number, word: string, log = ''): ReturnType<Stage['inside']> {
  await rm(join(root, 'run/heard'), { force: true })
  const heard = stage.network.run('python3', ['-c', HEAR, String(port), word], { cwd: root })
  await stage.inside(host, `WORD=${word}; ${log}`)
  return heard
}

async function text(path: string): Promise<string> {
  return readFile(join(root, path), 'utf8')
}
