import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { playTruly } from '../guests/play-truly.ts'
import { faultOf, type Played } from '../guests/stage.ts'
import { playLocally } from '../support/local-play.ts'
import { startDocuments, startNetBox, type NetBox, type Row } from '../support/record-servers.ts'

const TOKEN = 'token-of-netbox'
const web = 'web-1.shop.prod-1'
const db = 'db-1.shop.prod-1'
const old = 'old-1.shop.prod-1'
const HOSTS: Record<string, Record<string, unknown>> = {
  [web]: hostvars('web-1', 'uid-of-web', '10.1.2.1'),
  [db]: hostvars('db-1', 'uid-of-db', '10.1.2.9'),
  [old]: hostvars('old-1', 'uid-of-old', '10.1.2.10'),
}
let netbox: NetBox
let documents: Awaited<ReturnType<typeof startDocuments>>

beforeAll(async () => {
  netbox = await startNetBox(TOKEN)
  documents = await startDocuments(`Token ${TOKEN}`)
})
afterAll(async () => {
  await netbox[Symbol.asyncDispose]()
  await documents[Symbol.asyncDispose]()
})

/** A play on some hosts, with the credential for NetBox and none for a cluster. */
function play(verb: string, hosts: readonly string[], vars: Record<string, unknown> = {}): Promise<Played> {
  return playLocally(verb, {
    hosts: Object.fromEntries(hosts.map(host => [host, HOSTS[host] ?? {}])),
    vars,
    env: env(),
  })
}

/** The same on hosts of which the inventory says what is asked of each. */
function asking(hosts: Record<string, Record<string, unknown>>) {
  return (verb: string, check: boolean): Promise<Played> => playLocally(verb, { hosts, check, env: env() })
}

function env(): Record<string, string> {
  return { NETBOX_API: netbox.url, NETBOX_TOKEN: TOKEN, CMDB_AUTHORIZATION: `Token ${TOKEN}` }
}

/** All that the servers keep. */
async function rows(): Promise<unknown> {
  const kept = [netbox.rows('ip-addresses'), netbox.rows('virtual-machines'), [...documents.documents]]
  return Promise.resolve(structuredClone(kept))
}

describe('ipam', () => {
  test('in check mode tells of whom it would reserve, assign or release an address, and changes nothing', async () => {
    netbox.fill('ip-addresses', [address(1, '10.1.2.8/30', 'uid-of-db')])
    const hosts = {
      [web]: { ...HOSTS[web], ipam_state: 'reserved', ipam_prefix: '10.1.2.0/30' },
      [db]: { ...HOSTS[db], ipam_state: 'released' },
      [old]: { ...HOSTS[old], ipam_state: 'assigned' },
    }
    const { tried, done } = await playTruly('ipam', asking(hosts), rows)
    expect(tried.result).toMatchObject({
      [web]: { check: true, changed: true, addresses: [] },
      [db]: { changed: true, addresses: ['10.1.2.8/30'] },
      [old]: { changed: true, addresses: ['10.1.2.10'] },
    })
    expect(done.result[web]).toMatchObject({ addresses: ['10.1.2.1/30'] })
  })

  test('reserves an address for each guest, the second time none', async () => {
    netbox.fill('ip-addresses', [])
    const vars = { ipam_state: 'reserved', ipam_prefix: '10.1.2.0/30' }
    const first = await play('ipam', [web], vars)
    expect(faultOf(first)).toBe('')
    expect(first.result[web]).toMatchObject({ ipam: 'reserved', addresses: ['10.1.2.1/30'], changed: true })
    expect(first.stdout).not.toContain(TOKEN)
    const again = await play('ipam', [web, db], vars)
    expect(again.result[web]).toMatchObject({ addresses: ['10.1.2.1/30'], changed: false })
    expect(again.result[db]).toMatchObject({ addresses: ['10.1.2.2/30'], changed: true })
    expect(again.recap[web]).toMatchObject({ changed: 0 })
  })

  test('assigns the address that a guest has, the second time changes nothing', async () => {
    netbox.fill('ip-addresses', [address(1, '10.1.2.1/30', 'uid-of-web', 'reserved')])
    const first = await play('ipam', [web], { ipam_dns_name: 'web-1.example.com' })
    expect(faultOf(first)).toBe('')
    expect(netbox.rows('ip-addresses')[0]).toMatchObject({
      address: '10.1.2.1/30',
      status: 'active',
      description: web,
      dns_name: 'web-1.example.com',
      custom_fields: { virtbridge_vm_uid: 'uid-of-web' },
    })
    const again = await play('ipam', [web], { ipam_dns_name: 'web-1.example.com' })
    expect(again.recap[web]).toMatchObject({ changed: 0 })
    expect(again.result[web]).toMatchObject({ ipam: 'assigned', changed: false })
  })

  test('refuses a full prefix, an address of another guest, and one of nobody that it knows', async () => {
    netbox.fill('ip-addresses', [
      address(1, '10.1.2.1/30', 'uid-of-web'),
      address(2, '10.1.2.2/30', 'uid-of-somebody'),
      { ...address(3, '10.1.2.9/30', null), description: 'printer' },
    ])
    const nobody = await play('ipam', [db])
    expect(messageOf(nobody, db)).toMatch(/10\.1\.2\.9 is in NetBox already .*printer.*ipam_adopt/)
    const others = await play('ipam', [db], { ipam_address: '10.1.2.1', ipam_adopt: true })
    expect(messageOf(others, db)).toMatch(/belongs to the VM with the uid uid-of-web/)
    const full = await play('ipam', [db], { ipam_state: 'reserved', ipam_prefix: '10.1.2.0/30' })
    expect(messageOf(full, db)).toMatch(/has no address left/)
    expect(netbox.rows('ip-addresses')).toHaveLength(3)
  })

  test('releases what the guest has, and nothing else', async () => {
    netbox.fill('ip-addresses', [
      address(1, '10.1.2.1/30', 'uid-of-web'),
      address(2, '10.1.2.2/30', 'uid-of-somebody'),
      address(3, '10.1.2.9/30', null),
    ])
    const ended = await play('ipam', [web], { ipam_state: 'released' })
    expect(ended.result[web]).toMatchObject({ ipam: 'released', addresses: ['10.1.2.1/30'], changed: true })
    expect(netbox.rows('ip-addresses').map(({ address }) => address)).toEqual(['10.1.2.2/30', '10.1.2.9/30'])
    const again = await play('ipam', [web], { ipam_state: 'released' })
    expect(again.result[web]).toMatchObject({ addresses: [], changed: false })
  })

  test('says what is wrong with the field, the token, the server, and with a VM that nobody can be asked about', async () => {
    const hosts = {
      field: { ...HOSTS[web], ipam_field: 'no_such_field' },
      away: { ...HOSTS[web], ipam_url: 'http://127.0.0.1:9', rest_retries: 1, rest_delay: 1 },
      unknown: { ...HOSTS[web], guard_require_identity: true },
    }
    const ended = await playLocally('ipam', { hosts, env: env() })
    expect(messageOf(ended, 'field')).toMatch(/NetBox answered 400 .*Unknown field name 'no_such_field'/)
    expect(messageOf(ended, 'away')).toMatch(/NetBox does not answer at http:\/\/127\.0\.0\.1:9: .*refused/)
    expect(messageOf(ended, 'unknown')).toMatch(/no access to the cluster prod-1, so that nobody knows whether/)
    const one = { [web]: HOSTS[web] ?? {} }
    const token = await playLocally('ipam', { hosts: one, env: { ...env(), NETBOX_TOKEN: 'old' } })
    expect(messageOf(token, web)).toBe('NetBox does not know the token of this job: renew its credential.')
  })
})

describe('cmdb', () => {
  test('notes a guest in NetBox, the second time changes nothing, and retires and removes it', async () => {
    netbox.fill('virtual-machines', [])
    const vars = { cmdb_record: { owner: 'shop-team' } }
    const first = await play('cmdb', [web], vars)
    expect(faultOf(first)).toBe('')
    const fields = { virtbridge_vm_uid: 'uid-of-web', owner: 'shop-team' }
    expect(netbox.rows('virtual-machines')).toMatchObject([
      { name: web, cluster: 3, status: 'active', custom_fields: fields },
    ])
    const again = await play('cmdb', [web], vars)
    expect(again.recap[web]).toMatchObject({ changed: 0 })
    const retired = await play('cmdb', [web], { ...vars, cmdb_state: 'retired' })
    expect(retired.result[web]).toMatchObject({ cmdb: 'retired', changed: true })
    expect(netbox.rows('virtual-machines')).toMatchObject([{ status: 'decommissioning' }])
    const gone = await play('cmdb', [web], { cmdb_state: 'absent' })
    expect(gone.result[web]).toMatchObject({ cmdb: 'absent', changed: true })
    expect(netbox.rows('virtual-machines')).toEqual([])
  })

  test('in check mode tells of whom it would note, retire or remove a record, in NetBox and elsewhere, and changes nothing', async () => {
    netbox.fill('virtual-machines', [
      row(1, 'uid-of-db', { name: db, status: 'active' }),
      row(2, 'uid-of-old', { name: old, status: 'decommissioning' }),
    ])
    documents.documents.clear()
    documents.documents.set('/records/uid-of-late', { managed_by: 'virtbridge' })
    const http = { cmdb_kind: 'http', cmdb_url: `${documents.url}/records` }
    const hosts = {
      [web]: { ...HOSTS[web] },
      [db]: { ...HOSTS[db], cmdb_state: 'retired' },
      [old]: { ...HOSTS[old], cmdb_state: 'absent' },
      fresh: { ...hostvars('fresh', 'uid-of-fresh', '10.1.2.11'), ...http },
      late: { ...hostvars('late', 'uid-of-late', '10.1.2.12'), ...http, cmdb_state: 'absent' },
    }
    const { done } = await playTruly('cmdb', asking(hosts), rows)
    expect(Object.values(done.recap).map(({ changed }) => changed)).toEqual([1, 1, 1, 1, 1])
  })

  test('refuses a record of another guest in NetBox, and takes one of nobody when it is told to', async () => {
    netbox.fill('virtual-machines', [row(2, 'uid-of-another', { name: db, status: 'active' })])
    const taken = await play('cmdb', [db], { cmdb_adopt: true })
    expect(messageOf(taken, db)).toMatch(/of the VM with the uid uid-of-another: retire or remove that one first/)
    netbox.fill('virtual-machines', [row(2, null, { name: db, status: 'active' })])
    expect(messageOf(await play('cmdb', [db]), db)).toMatch(/of no guest of virtbridge.*cmdb_adopt/)
    expect(faultOf(await play('cmdb', [db], { cmdb_adopt: true }))).toBe('')
    expect(netbox.rows('virtual-machines')).toMatchObject([
      { id: 2, custom_fields: { virtbridge_vm_uid: 'uid-of-db' } },
    ])
  })

  test('keeps a document of each guest, and leaves alone that of others', async () => {
    documents.documents.clear()
    const vars = { cmdb_kind: 'http', cmdb_url: `${documents.url}/records` }
    const first = await play('cmdb', [web], vars)
    expect(faultOf(first)).toBe('')
    expect(documents.documents.get('/records/uid-of-web')).toMatchObject({
      managed_by: 'virtbridge',
      host: web,
      uid: 'uid-of-web',
    })
    expect((await play('cmdb', [web], vars)).recap[web]).toMatchObject({ changed: 0 })
    documents.documents.set('/records/uid-of-db', { managed_by: 'somebody' })
    expect(messageOf(await play('cmdb', [db], { ...vars, cmdb_state: 'absent' }), db)).toMatch(
      /managed by somebody, not by virtbridge/,
    )
    expect((await play('cmdb', [web], { ...vars, cmdb_state: 'absent' })).result[web]).toMatchObject({ changed: true })
    expect([...documents.documents.keys()]).toEqual(['/records/uid-of-db'])
  })
})

function hostvars(name: string, uid: string, address: string): Record<string, unknown> {
  const vm = { kubevirt_cluster: 'prod-1', kubevirt_namespace: 'shop', kubevirt_name: { __ansible_unsafe: name } }
  return { ...vm, kubevirt_uid: uid, kubevirt_address: address, kubevirt_os_family: 'linux', kubevirt_os_id: 'debian' }
}

/** A row of NetBox that says whose it is: the uid of a VM, or null for nobody's. */
function row(id: number, uid: string | null, fields: Record<string, unknown>): Row {
  return { id, custom_fields: { virtbridge_vm_uid: uid }, ...fields }
}

function address(id: number, cidr: string, uid: string | null, status = 'active'): Row {
  return row(id, uid, { address: cidr, status, description: '' })
}

function messageOf(played: Played, host: string): string {
  return (played.result[host] as { message: string }).message
}
