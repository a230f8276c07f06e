import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../servers/run.ts'
import { servicesRecipe } from '../servers/services-root.ts'
import { startFreeIpa } from '../support/free-ipa.ts'
import { startNetBox, type Row } from '../support/record-servers.ts'
import type { Guest } from './guest-network.ts'
import { reach } from './reach.ts'
import { playTruly } from './play-truly.ts'
import { type Asked, faultOf, Stage } from './stage.ts'

const web = 'web-1.shop.prod-1'
const SECRET = Buffer.from('a key that nobody may see in any list').toString('base64')
/** BIND listens on addresses that an interface has, which those of the guests are not; the network is theirs alone. */
const ADDRESS = '127.0.0.1'
const NAMED = [
  `options { directory "/var/cache/bind"; recursion no; listen-on port 53 { ${ADDRESS}; }; listen-on-v6 { none; }; };`,
  `key "virtbridge" { algorithm hmac-sha256; secret "${SECRET}"; };`,
  'zone "example.com" { type primary; file "/var/cache/bind/forward"; update-policy { grant virtbridge zonesub ANY; }; };',
  'zone "2.0.192.in-addr.arpa" { type primary; file "/var/cache/bind/back"; update-policy { grant virtbridge zonesub ANY; }; };',
  'zone "8.b.d.0.1.0.0.2.ip6.arpa" { type primary; file "/var/cache/bind/back6"; update-policy { grant virtbridge zonesub ANY; }; };',
].join('\n')
const ZONE = '$TTL 300\n@ SOA ns.example.com. admin.example.com. 1 3600 600 86400 60\n@ NS ns.example.com.\n'

let stage: Stage
let server: Guest
/** `dig` and `nsupdate` of the server's root, as if the machine had them; each writes down with what arguments and environment it was called. */
let programs: string

beforeAll(async () => {
  stage = await Stage.set({})
  server = await stage.network.boot('00000000-0000-4000-8000-000000000053', servicesRecipe)
  const cache = join(server.root, 'var/cache/bind')
  await writeFile(join(server.root, 'etc/bind/named.conf'), NAMED)
  await writeFile(join(cache, 'forward'), `${ZONE}ns A 192.0.2.53\nold A 192.0.2.7\nalias CNAME ns\n`)
  await writeFile(join(cache, 'back'), `${ZONE}7 PTR old.example.com.\n`)
  await writeFile(join(cache, 'back6'), ZONE)
  const start =
    'mkdir -p /run/named && chown -R bind /run/named /var/cache/bind && exec named -u bind -c /etc/bind/named.conf'
  await stage.network.serve(server, start, async () => (await ask('ns.example.com', 'A')) === '192.0.2.53')

  programs = await mkdtemp(join(tmpdir(), 'virtbridge-programs-'))
  for (const program of ['dig', 'nsupdate']) {
    const told = `{ tr '\\0' ' ' < /proc/$$/cmdline; tr '\\0' ' ' < /proc/$$/environ; echo; } >> ${programs}/told`
    const script = `#!/bin/sh\n${told}\nexec chroot ${server.root} ${program} "$@"\n`
    await writeFile(join(programs, program), script, { mode: 0o755 })
  }
})
afterAll(async () => {
  await rm(programs, { recursive: true })
  await stage[Symbol.asyncDispose]()
})

const hostvars = (of: Record<string, unknown> = {}): Record<string, Record<string, unknown>> => ({
  [web]: { kubevirt_name: 'web-1', ...of },
})

function dns(
  vars: Record<string, unknown>,
  { verb = 'dns', ...asked }: Asked & { verb?: string } = {},
): ReturnType<Stage['play']> {
  const key = { dns_key_name: 'virtbridge', dns_key_secret: SECRET }
  const zones = { dns_zone: 'example.com', dns_reverse_zones: ['2.0.192.in-addr.arpa', '8.b.d.0.1.0.0.2.ip6.arpa'] }
  const all = { dns_server: ADDRESS, ...zones, ...key, dns_addresses: ['192.0.2.10'], ...vars }
  return stage.play(verb, { limit: [web], programs, hostvars: hostvars(), ...asked, vars: all })
}

/** The records of a name, one on a line. */
async function ask(name: string, type: string): Promise<string> {
  const query = ['dig', `@${ADDRESS}`, '+short', '+time=1', '+tries=1', name, type]
  return (await stage.network.run('chroot', [server.root, ...query])).stdout.trim()
}

describe('dns', () => {
  test('in check mode tells what it would send; then the guest has its name and the way back, and the second time nothing changes', async () => {
    const both = { dns_addresses: ['192.0.2.10', '2001:db8::10', '198.51.100.10'] }
    const asking = (_verb: string, check: boolean): ReturnType<Stage['play']> => dns(both, { check })
    const { tried, done: first } = await playTruly('dns', asking, () => ask('web-1.example.com', 'A'))
    expect(tried.recap[web]?.['changed']).toBe(2)
    expect(first.result[web]).toMatchObject({ verb: 'dns', outcome: 'ok', dns: 'present', changed: true })
    expect((await ask('web-1.example.com', 'A')).split('\n').toSorted()).toEqual(['192.0.2.10', '198.51.100.10'])
    expect(await ask('web-1.example.com', 'AAAA')).toBe('2001:db8::10')
    expect(await ask('10.2.0.192.in-addr.arpa', 'PTR')).toBe('web-1.example.com.')
    expect(await ask(`0.1.${'0.'.repeat(22)}8.b.d.0.1.0.0.2.ip6.arpa`, 'PTR')).toBe('web-1.example.com.')
    expect(await ask('_virtbridge.web-1.example.com', 'TXT')).toBe(
      `"heritage=virtbridge,uid=0b5a5c1e-6f0e-4d5e-9a39-0f3f0a1b2c3d,host=${web}"`,
    )
    const again = await dns(both)
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[web]).toMatchObject({ changed: false })
  })

  test('an address that changed takes its way back with it', async () => {
    const ended = await dns({ dns_addresses: ['192.0.2.11'] })
    expect(faultOf(ended)).toBe('')
    expect(await ask('web-1.example.com', 'A')).toBe('192.0.2.11')
    expect(await ask('web-1.example.com', 'AAAA')).toBe('')
    expect(await ask('10.2.0.192.in-addr.arpa', 'PTR')).toBe('')
    expect(await ask('11.2.0.192.in-addr.arpa', 'PTR')).toBe('web-1.example.com.')
  })

  test.each<[string, Record<string, unknown>, Asked, string]>([
    [
      'a name that another guest holds',
      {},
      { hostvars: hostvars({ kubevirt_uid: '11111111-aaaa' }) },
      'held by another',
    ],
    ['a name that is there without a holder', { dns_name: 'old.example.com' }, {}, 'dns_adopt'],
    ['a name that is an alias', { dns_name: 'alias.example.com', dns_adopt: true }, {}, 'is an alias of'],
    ['a way back to somebody else', { dns_name: 'x.example.com', dns_addresses: ['192.0.2.7'] }, {}, 'leads to old'],
    ['a name that is none', { dns_name: 'web 1\nsend.example.com' }, {}, 'no host name'],
    ['an address that is none', { dns_addresses: ['192.0.2.1\nsend'] }, {}, 'one that is none'],
    [
      'a key that is another',
      { dns_name: 'y.example.com', dns_addresses: ['192.0.2.12'], dns_key_secret: 'AAAA' },
      {},
      'The key',
    ],
    [
      'a zone that the server does not have',
      { dns_zone: 'example.org', dns_name: 'a.example.org' },
      {},
      'does not answer',
    ],
  ])('refuses %s, and changes nothing', async (_, vars, asked, message) => {
    const before = await records()
    const ended = await dns(vars, asked)
    expect(ended.result[web]).toMatchObject({ outcome: 'failed', message: expect.stringContaining(message) as string })
    expect(ended.stdout + ended.stderr).not.toContain(SECRET)
    expect(await records()).toBe(before)
  })

  test('leaves alone on removal what another guest holds, and takes its own away, once', async () => {
    const before = await records()
    const other = await dns({ dns_state: 'absent' }, { hostvars: hostvars({ kubevirt_uid: '11111111-aaaa' }) })
    expect(faultOf(other)).toBe('')
    expect(other.result[web]).toMatchObject({ outcome: 'ok', dns: 'not_ours', changed: false })
    expect(await records()).toBe(before)

    const first = await dns({ dns_state: 'absent' })
    expect(faultOf(first)).toBe('')
    expect(first.result[web]).toMatchObject({ outcome: 'ok', dns: 'absent', changed: true })
    expect(await ask('web-1.example.com', 'ANY')).toBe('')
    expect(await ask('_virtbridge.web-1.example.com', 'TXT')).toBe('')
    expect(await ask('11.2.0.192.in-addr.arpa', 'PTR')).toBe('')
    const again = await dns({ dns_state: 'absent' })
    expect(again.result[web]).toMatchObject({ outcome: 'ok', dns: 'absent', changed: false })
  })

  test('the key is in no argument and in no environment of what was run', async () => {
    const told = await readFile(join(programs, 'told'), 'utf8')
    expect(told).toContain('nsupdate -t 20')
    expect(told).not.toContain(SECRET)
    expect(told).not.toContain(SECRET.slice(4, 20))
  })
})

describe('offboard from everything that keeps a record of the guest', () => {
  const uid = '0b5a5c1e-6f0e-4d5e-9a39-0f3f0a1b2c3d'
  const [TOKEN, PASSWORD] = ['token-of-netbox', 'password-of-ipa']
  const from = ['identity', 'cmdb', 'dns', 'ipam']
  const row = (id: number, of: string, fields: Record<string, unknown>): Row => ({
    id,
    status: 'active',
    description: '',
    custom_fields: { virtbridge_vm_uid: of },
    ...fields,
  })

  test('a system that is broken keeps it in no other; the next time it goes from there too, and then nothing changes', async () => {
    await using netbox = await startNetBox(TOKEN)
    await using ipa = await startFreeIpa('virtbridge', PASSWORD)
    await using netboxThere = await reach(stage.network, netbox.url, 8301)
    await using ipaThere = await reach(stage.network, ipa.url, 8302)
    for (const at of ['web-1', 'other']) ipa.hosts.set(`${at}.example.com`, { enrolled: '20260101120000Z' })
    const other = row(2, 'uid-of-another', { address: '192.0.2.11/24' })
    netbox.fill('ip-addresses', [row(1, uid, { address: '192.0.2.10/24' }), other])
    netbox.fill('virtual-machines', [row(3, uid, { name: web, cluster: 3 })])
    expect(faultOf(await dns({}))).toBe('')
    const offboard = (vars: Record<string, unknown>, asked: Asked = {}): ReturnType<Stage['play']> =>
      dns(
        {
          offboard_from: from,
          offboard_since: '2026-03-01T10:00:00Z',
          offboard_cmdb_state: 'absent',
          identity_join_hostname: 'web-1.example.com',
          rest_retries: 1,
          ...vars,
        },
        {
          verb: 'offboard',
          hostvars: hostvars({ kubevirt_status: 'Stopped', kubevirt_firmware_uuid: 'firmware-of-web' }),
          env: {
            NETBOX_API: netboxThere.url,
            NETBOX_TOKEN: TOKEN,
            IDENTITY_URL: ipaThere.url,
            IDENTITY_PRINCIPAL: 'virtbridge',
            IDENTITY_PASSWORD: PASSWORD,
          },
          ...asked,
        },
      )
    const left = async (): Promise<unknown> => [
      ipa.hosts.has('web-1.example.com'),
      netbox.rows('virtual-machines').length,
      await ask('web-1.example.com', 'A'),
      await ask('10.2.0.192.in-addr.arpa', 'PTR'),
      netbox.rows('ip-addresses').map(({ id }) => id),
    ]
    const all = [true, 1, '192.0.2.10', 'web-1.example.com.', [1, 2]]

    const tried = await offboard({}, { check: true })
    expect(faultOf(tried)).toBe('')
    expect(tried.result[web]).toMatchObject({ check: true, removed_from: from })
    expect(tried.recap[web]?.['changed']).toBeGreaterThan(0)
    expect(await left()).toEqual(all)

    const broken = await offboard({ identity_leave_url: 'http://127.0.0.1:9', dns_key_secret: 'AAAA' })
    expect(broken.result[web]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/^Still in identity: .*127\.0\.0\.1:9/) as string,
      removed_from: ['cmdb'],
      left_in: {
        identity: expect.stringContaining('no answer of http://127.0.0.1:9') as string,
        dns: expect.stringContaining('The key') as string,
        ipam: 'it waits until the name is out of dns',
      },
    })
    expect(await left()).toEqual([true, 0, ...all.slice(2)])

    const second = await offboard({ identity_leave_url: 'http://127.0.0.1:9' })
    expect(second.result[web]).toMatchObject({ outcome: 'failed', removed_from: ['cmdb', 'dns', 'ipam'] })
    expect(await left()).toEqual([true, 0, '', '', [2]])

    const mended = await offboard({})
    expect(faultOf(mended)).toBe('')
    expect(mended.result[web]).toMatchObject({ outcome: 'ok', removed_from: from, left_in: {} })
    expect(await left()).toEqual([false, 0, '', '', [2]])
    expect([...ipa.hosts.keys()]).toEqual(['other.example.com'])
    const again = await offboard({})
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
    for (const { stdout, stderr } of [broken, mended]) expect(stdout + stderr).not.toMatch(/token-of|password-of/)
  })
})

/** Both zones, as the server has them; nobody wrote into its journals when these are the same. */
async function records(): Promise<string> {
  const sum = 'cd /var/cache/bind && ls -l --time-style=full-iso *.jnl | sha256sum'
  return run('chroot', [server.root, 'sh', '-c', sum])
}
