import nock from 'nock'
import { describe, expect, test } from 'vitest'
import { rightGuest, type InventorySource } from '../../src/aap/index.ts'
import { answer, bodyOf, controllerFor, ORIGIN, recording, replay, replaying } from './recorded.ts'

replaying()

type Hostvars = Record<string, Record<string, unknown>>

/** A recorded script answer with what `towervars=1` lays over each host's variables. */
function withTowerVariables(body: Record<string, unknown>, enabled: (variables: Record<string, unknown>) => unknown) {
  const meta = body['_meta'] as { hostvars: Hostvars }
  const hostvars = Object.entries(meta.hostvars).map(([name, variables], id) => [
    name,
    { ...variables, remote_host_enabled: enabled(variables), remote_host_id: id },
  ])
  return { ...body, _meta: { hostvars: Object.fromEntries(hostvars) as Hostvars } }
}

const fleet = { id: 2, name: 'fleet', scriptUrl: '/api/v2/inventories/2/script/' }
const byVariable = (variables: Record<string, unknown>) => String(variables['kubevirt_enabled'])

describe('the hosts of an inventory', () => {
  test('come by one GET, disabled ones too, with their variables', async () => {
    replay('1105-script-hostvars-all-small', body => withTowerVariables(body, byVariable), {
      hostvars: '1',
      all: '1',
      towervars: '1',
    })
    await using controller = controllerFor()
    const hosts = await controller.hosts(fleet)
    expect([...hosts].map(([name, { enabled }]) => [name, enabled])).toEqual([
      ['east-ns1-vm1', true],
      ['east-ns1-vm2', false],
      ['east-ns1-vm3', true],
    ])
    expect(hosts.get('east-ns1-vm3')?.variables).toMatchObject({
      ansible_host: '127.0.0.3',
      kubevirt_uid: '1111-3',
      kubevirt_os: '{{ 6*7 }}',
    })
    const guest = (number: number) => ({
      host: `east-ns1-vm${number}`,
      uid: `1111-${number}`,
      ways: [{ ansible_host: `127.0.0.${number}` }],
    })
    expect(rightGuest([guest(1), guest(2), { ...guest(3), uid: 'new' }, guest(4)], hosts)).toMatchObject({
      ready: ['east-ns1-vm1'],
      stale: [
        { host: 'east-ns1-vm2', why: 'disabled' },
        { host: 'east-ns1-vm3', why: 'uid' },
        { host: 'east-ns1-vm4', why: 'absent' },
      ],
    })
  })

  test('of ten thousand are read the same way', async () => {
    replay('1121-script-hostvars-10000', body => withTowerVariables(body, () => true))
    await using controller = controllerFor()
    const hosts = await controller.hosts({ id: 5, name: 'big', scriptUrl: '/api/v2/inventories/5/script/' })
    expect(hosts.get('c0-ns000-vm00400')).toMatchObject({
      enabled: true,
      sharesGroupName: false,
      variables: { ansible_host: '10.0.1.144' },
    })
  })

  test.each(['1022-plugin-untrusted-hosts', '1025-plugin-trusted-hosts'])(
    'are plain text, marked unsafe by a plugin or not: %s',
    async name => {
      const rows = bodyOf(name)['results'] as { name: string; variables: string; enabled: boolean }[]
      const hostvars = Object.fromEntries(
        rows.map(row => [
          row.name,
          { ...(JSON.parse(row.variables) as object), remote_tower_enabled: String(row.enabled) },
        ]),
      )
      answer(fleet.scriptUrl, { all: {}, _meta: { hostvars } })
      await using controller = controllerFor()
      const hosts = await controller.hosts(fleet)
      expect(hosts.get('east-ns1-vm1')).toMatchObject({
        enabled: true,
        variables: { ansible_host: '127.0.0.1', kubevirt_ips: ['10.0.0.1', 'fd00::1'], kubevirt_uid: '1111-1' },
      })
      expect(hosts.get('east-ns1-vm2')?.enabled).toBe(false)
      expect(hosts.get('east-ns1-vm3')?.variables['kubevirt_os']).toBe('{{ 6*7 }}')
    },
  )

  test('with the name of a group say so', async () => {
    answer(fleet.scriptUrl, {
      all: {},
      web: { hosts: [] },
      _meta: { hostvars: { web: { remote_host_enabled: 'true' } } },
    })
    await using controller = controllerFor()
    expect((await controller.hosts(fleet)).get('web')?.sharesGroupName).toBe(true)
  })

  test('may be called like something that every object has', async () => {
    answer(fleet.scriptUrl, { all: {}, _meta: { hostvars: { constructor: { remote_host_enabled: 'true' } } } })
    await using controller = controllerFor()
    expect((await controller.hosts(fleet)).get('constructor')).toMatchObject({ enabled: true, sharesGroupName: false })
  })

  test('that do not say whether they are enabled are a fault, not enabled', async () => {
    replay('1104-script-hostvars-small')
    await using controller = controllerFor()
    await expect(controller.hosts(fleet)).rejects.toMatchObject({
      kind: 'protocol',
      message: expect.stringContaining('is enabled') as string,
    })
  })

  test.each([
    ['1201-exec-inventory-no-right', 403, 'forbidden'],
    ['1203-exec-inv-hosts-no-right', 403, 'forbidden'],
    ['1131-url-too-long-nginx', 414, 'protocol'],
  ])('that may not be read are no empty inventory: %s', async (name, status, kind) => {
    const { response } = recording(name)
    nock(ORIGIN)
      .get(fleet.scriptUrl)
      .query(true)
      .reply(status, response.body as nock.Body, response.headers)
    await using controller = controllerFor()
    await expect(controller.hosts(fleet)).rejects.toMatchObject({ kind, status })
  })
})

describe('an update of an inventory source', () => {
  const source: InventorySource = {
    id: 10,
    name: 'script',
    inventory: 2,
    view: '',
    updateUrl: '/api/v2/inventory_sources/10/update/',
    overwrite: true,
    overwriteVars: true,
    enabledVar: 'kubevirt_enabled',
    updateOnLaunch: false,
    cacheSeconds: 0,
    mayUpdate: true,
    status: 'successful',
  }

  test.each([
    '1007-source-update',
    '236-is-update',
    '237-is-update-again',
    '1411-update-first',
    '1412-update-second-at-once',
  ])('%s starts', async name => {
    replay(name)
    await using controller = controllerFor()
    expect(await controller.updateSource(source)).toEqual({ id: bodyOf(name)['id'], url: bodyOf(name)['url'] })
  })

  test('without the right is forbidden', async () => {
    replay('1218-update-source-read-role')
    await using controller = controllerFor()
    await expect(controller.updateSource(source)).rejects.toMatchObject({
      kind: 'forbidden',
      hint: expect.stringContaining('Update') as string,
    })
  })

  test('that can not be started says what to look at', async () => {
    nock(ORIGIN).post(source.updateUrl).reply(405, { detail: 'Method "POST" not allowed.' })
    await using controller = controllerFor()
    await expect(controller.updateSource(source)).rejects.toMatchObject({ kind: 'forbidden', status: 405 })
  })

  test.each([
    ['1008-inventory-update-running', { finished: false, failed: false }],
    ['1009-inventory-update-done', { status: 'successful', finished: true, failed: false }],
    ['1021-plugin-untrusted-update', { finished: true, failed: false }],
    ['1050-update-empty-meta', { finished: true, failed: false }],
    ['1052-update-plugin-raises', { status: 'failed', finished: true, failed: true }],
    ['1061-big-first', { finished: true, failed: false }],
    ['1062-big-identical', { finished: true, failed: false }],
    ['1063-big-100-hosts-one-var', { finished: true, failed: false }],
    ['1065-big-volatile-changed-all', { finished: true, failed: false }],
    ['1066-big-100-hosts-gone', { finished: true, failed: false }],
    ['1067-big-4900-hosts-gone', { finished: true, failed: false }],
    ['1068-big-all-gone', { finished: true, failed: false }],
    ['1220-get-inventory-update-update-role', {}],
    ['1403-update-launched-by-dependency', {}],
  ])('%s is followed', async (name, expected) => {
    replay(name)
    await using controller = controllerFor()
    expect(await controller.update({ id: 3, url: recording(name).request.path })).toMatchObject({
      status: bodyOf(name)['status'],
      ...expected,
    })
  })
})
