import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { faultOf, type Played } from '../guests/stage.ts'
import { bundle } from '../servers/bundle.ts'
import { startFreeIpa, type FreeIpa } from '../support/free-ipa.ts'
import { playLocally } from '../support/local-play.ts'
import { startDocuments } from '../support/record-servers.ts'

const PASSWORD = 'password-of-virtbridge'
const TOKEN = 'Bearer token-of-monitoring'
const web = 'web-1.shop.prod-1'
const db = 'db-1.shop.prod-1'
const SINCE = '2026-03-01T10:00:00Z'
let ipa: FreeIpa
let monitoring: Awaited<ReturnType<typeof startDocuments>>
let folder: string

beforeAll(async () => {
  ipa = await startFreeIpa('virtbridge', PASSWORD)
  monitoring = await startDocuments(TOKEN)
  folder = await mkdtemp(join(tmpdir(), 'virtbridge-registrations-'))
})
afterAll(async () => {
  await ipa[Symbol.asyncDispose]()
  await monitoring[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})
beforeEach(() => {
  ipa.asked.length = 0
  ipa.meanwhile = () => undefined
  ipa.hosts.clear()
  ipa.hosts.set('web-1.example.com', { enrolled: '20260101120000Z' })
  ipa.hosts.set('db-1.example.com', { enrolled: '20260101120000Z' })
  ipa.hosts.set('other.example.com', { enrolled: '20260101120000Z' })
  monitoring.documents.clear()
  monitoring.documents.set(`/hosts/${web}`, { address: '10.1.2.1' })
  monitoring.documents.set('/hosts/other', {})
})

interface Asking {
  readonly vars: Record<string, unknown>
  readonly check: boolean
  readonly env: Record<string, string>
  /** What the inventory says of each host beside which VM it is. */
  readonly per: Record<string, Record<string, unknown>>
}

/** Off-boarding of stopped guests, with the credential of what they are registered with. */
function offboard(from: readonly string[], asking: Partial<Asking> = {}): Promise<Played> {
  const hosts = Object.entries(asking.per ?? { [web]: {} }).map(([host, vars]) => [
    host,
    { ...hostvars(host), offboard_from: from, ...vars },
  ])
  return playLocally('offboard', {
    hosts: Object.fromEntries(hosts) as Record<string, Record<string, unknown>>,
    vars: { offboard_since: SINCE, ...asking.vars },
    ...(asking.check === undefined ? {} : { check: asking.check }),
    env: {
      IDENTITY_URL: ipa.url,
      IDENTITY_PRINCIPAL: 'virtbridge',
      IDENTITY_PASSWORD: PASSWORD,
      MONITORING_AUTHORIZATION: TOKEN,
      ...asking.env,
    },
  })
}

describe('offboard from identity', () => {
  test('in check mode tells that the host would be deleted, and leaves it', async () => {
    const ended = await offboard(['identity'], { check: true })
    expect(faultOf(ended)).toBe('')
    expect(ended.recap[web]?.['changed']).toBe(1)
    expect(ipa.hosts.has('web-1.example.com')).toBe(true)
    expect(ipa.asked.map(asked => asked.split(' ')[0])).toEqual(['login', 'host_show', 'session_logout'])
  })

  test('deletes the hosts of these guests and no other, shows nobody the password, and the second time changes nothing', async () => {
    const first = await offboard(['identity'], { per: { [web]: {}, [db]: {} } })
    expect(faultOf(first)).toBe('')
    expect(first.result[web]).toMatchObject({ outcome: 'ok', removed_from: ['identity'] })
    expect([...ipa.hosts.keys()]).toEqual(['other.example.com'])
    expect(ipa.asked.filter(asked => / web-1|login|logout/.test(asked)).sort()).toEqual([
      'host_del web-1.example.com {"version":"2.156"}',
      'host_show web-1.example.com {"all":true,"version":"2.156"}',
      'login',
      'login',
      'session_logout {"version":"2.156"}',
      'session_logout {"version":"2.156"}',
    ])
    expect(ipa.open()).toBe(0)
    expect(first.stdout + first.stderr).not.toMatch(/password-of|MagBearer/)
    const again = await offboard(['identity'], { per: { [web]: {}, [db]: {} } })
    expect(faultOf(again)).toBe('')
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
  })

  test('disables a host where its record is to stay, once', async () => {
    const vars = { identity_leave_state: 'disabled' }
    const first = await offboard(['identity'], { vars })
    expect(faultOf(first)).toBe('')
    expect(ipa.hosts.get('web-1.example.com')).toEqual({ enrolled: '' })
    const again = await offboard(['identity'], { vars })
    expect(faultOf(again)).toBe('')
    expect(again.recap[web]).toMatchObject({ changed: 0 })
    expect(ipa.asked.filter(asked => asked.startsWith('host_disable'))).toHaveLength(1)
  })

  test('a host that goes while it is looked at is well', async () => {
    ipa.meanwhile = method => void (method === 'host_del' && ipa.hosts.delete('web-1.example.com'))
    const ended = await offboard(['identity'])
    expect(faultOf(ended)).toBe('')
    expect(ended.recap[web]).toMatchObject({ changed: 0 })
  })

  test('takes nothing from another guest of that name, which was enrolled since', async () => {
    ipa.hosts.set('web-1.example.com', { enrolled: '20260301100001Z' })
    const ended = await offboard(['identity'])
    expect(messageOf(ended)).toMatch(/enrolled at 20260301100001Z.*another guest's. Nothing was taken/)
    expect(ipa.hosts.has('web-1.example.com')).toBe(true)
    expect(ipa.open()).toBe(0)
  })

  test('tells of what is wrong with the server, the account and the host, and never the password', async () => {
    const says: Record<string, [Record<string, unknown>, RegExp]> = {
      'password.x.y': [
        { identity_leave_password: 'password-of-somebody' },
        /does not let virtbridge in: the password is wrong/,
      ],
      'away.x.y': [{ identity_leave_url: 'http://127.0.0.1:9' }, /no answer of http:\/\/127\.0\.0\.1:9/],
      'right.x.y': [
        { identity_leave_hostname: 'kept.example.com' },
        /did not take host_del of kept\.example\.com: Insufficient access/,
      ],
      'domain.x.y': [{ identity_leave_hostname: 'web-1' }, /no host of the name web-1: say identity_leave_hostname/],
      'collection.x.y': [{ identity_leave_way: 'collection' }, /the collection freeipa\.ansible_freeipa is not there/],
      'path.x.y': [{ identity_leave_url: `${ipa.url}/ipa` }, /it needs identity_leave_url .*without a path/],
      'monitoring.x.y': [{ offboard_from: ['monitoring', 'identity'] }, /monitoring_url says not where/],
      'puppet.x.y': [
        { offboard_from: ['puppet_agent'], puppet_agent_authority_url: 'https://127.0.0.1:9' },
        /authority does not say what it has for puppet\.x\.y: .*refused/,
      ],
      'authority.x.y': [{ offboard_from: ['puppet_agent'] }, /puppet_agent_authority_url is no https:\/\/ address/],
    }
    ipa.hosts.set('kept.example.com', { enrolled: '20260101120000Z' })
    const per = Object.fromEntries(Object.entries(says).map(([host, [vars]]) => [host, vars]))
    const ended = await offboard(['identity'], { per, env: { ANSIBLE_COLLECTIONS_PATH: await bundle() } })
    for (const [host, [, why]] of Object.entries(says)) expect(messageOf(ended, host), host).toMatch(why)
    expect(ended.result['monitoring.x.y']).toMatchObject({
      removed_from: ['identity'],
      left_in: { monitoring: expect.stringContaining('monitoring_url says not where') as string },
    })
    expect(ended.stdout + ended.stderr).not.toMatch(/password-of/)
    expect(ipa.open()).toBe(0)
  })

  test('the module of the collection does it where no address is known', async () => {
    const called = join(folder, 'ipahost.json')
    await provideIpahost(called)
    const collections = `${folder}:${await bundle()}`
    const ended = await offboard(['identity'], { env: { IDENTITY_URL: '', ANSIBLE_COLLECTIONS_PATH: collections } })
    expect(faultOf(ended)).toBe('')
    expect(JSON.parse(await readFile(called, 'utf8'))).toEqual({
      name: 'web-1.example.com',
      state: 'absent',
      ipaadmin_principal: 'virtbridge',
      ipaadmin_password: PASSWORD,
    })
    expect(ended.stdout + ended.stderr).not.toContain(PASSWORD)
    expect(ended.recap[web]).toMatchObject({ changed: 1 })
  })
})

describe('offboard from monitoring', () => {
  const vars = (): Record<string, unknown> => ({ monitoring_url: `${monitoring.url}/hosts/${web}` })

  test('unregisters the guest without asking it, tells so in check mode, and the second time changes nothing', async () => {
    const tried = await offboard(['monitoring'], { vars: vars(), check: true })
    expect(faultOf(tried)).toBe('')
    expect(tried.recap[web]?.['changed']).toBe(1)
    expect([...monitoring.documents.keys()]).toEqual([`/hosts/${web}`, '/hosts/other'])
    const first = await offboard(['monitoring'], { vars: vars() })
    expect(faultOf(first)).toBe('')
    expect(first.result[web]).toMatchObject({ outcome: 'ok', removed_from: ['monitoring'] })
    expect([...monitoring.documents.keys()]).toEqual(['/hosts/other'])
    expect(first.stdout + first.stderr).not.toContain(TOKEN)
    const again = await offboard(['monitoring'], { vars: vars() })
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
  })

  test('is left alone, as are Puppet and FreeIPA, when it is not asked for', async () => {
    const ended = await offboard([], { vars: vars() })
    expect(faultOf(ended)).toBe('')
    expect(ended.recap[web]).toMatchObject({ changed: 0 })
    expect([monitoring.documents.size, ipa.hosts.size, ipa.asked.length]).toEqual([2, 3, 0])
  })
})

/** A stand-in for the module of the collection: writes down how it is called. */
async function provideIpahost(called: string): Promise<void> {
  const place = join(folder, 'ansible_collections/freeipa/ansible_freeipa')
  await mkdir(join(place, 'plugins/modules'), { recursive: true })
  await writeFile(
    join(place, 'galaxy.yml'),
    'namespace: freeipa\nname: ansible_freeipa\nversion: 1.14.5\nreadme: README.md\nauthors: [nobody]\n',
  )
  const module = [
    'import json',
    'from ansible.module_utils.basic import AnsibleModule',
    'spec = dict(name=dict(), state=dict(), ipaadmin_principal=dict(), ipaadmin_password=dict(no_log=True))',
    'module = AnsibleModule(argument_spec=spec)',
    `open(${JSON.stringify(called)}, 'w').write(json.dumps(module.params))`,
    'module.exit_json(changed=True)',
  ]
  await writeFile(join(place, 'plugins/modules/ipahost.py'), `${module.join('\n')}\n`)
}

function hostvars(host: string): Record<string, unknown> {
  const [name = ''] = host.split('.')
  return {
    kubevirt_cluster: 'prod-1',
    kubevirt_namespace: 'shop',
    kubevirt_name: { __ansible_unsafe: name },
    kubevirt_uid: `uid-of-${name}`,
    kubevirt_firmware_uuid: `firmware-of-${name}`,
    kubevirt_status: 'Stopped',
    identity_join_hostname: `${name}.example.com`,
  }
}

function messageOf(played: Played, host = web): string {
  return (played.result[host] as { message: string }).message
}
