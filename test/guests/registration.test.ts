import { chmod, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { familyRecipe, redhat } from '../servers/family-root.ts'
import { publishRpms } from './rpm-package.ts'
import { faultOf, type Played, Stage } from './stage.ts'

const host = 'db-1.shop.prod-1'
const uid = '0b5a5c1e-6f0e-4d5e-9a39-0f3f0a1b2c3d'
const standIns = join(import.meta.dirname, 'stand-ins')
let stage: Stage
let root: string

/** Not real are the servers and the programs of the families: what the roles say to them, in which order, and what they make of the answers is. */
beforeAll(async () => {
  stage = await Stage.set({ [host]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b' }, familyRecipe(redhat))
  root = stage.guest(host).root
  const program = join(root, 'usr/sbin/subscription-manager')
  await cp(join(standIns, 'subscription-manager.py'), program)
  await chmod(program, 0o755)
  await mkdir(join(root, 'etc/rhsm'))
  const joins = await readFile(join(standIns, 'ipa-client-install.py'), 'utf8')
  await publishRpms(stage.guest(host), [
    { name: 'ipa-client', version: '4.12', files: { 'usr/sbin/ipa-client-install': joins } },
  ])
  await writeFile(join(root, 'etc/hosts'), '127.0.0.1 localhost\n127.0.1.1 db-1.example.com db-1\n')
  await cp(join(standIns, 'foreman.py'), join(root, 'srv/foreman.py'))
  const knock = `python3 -c "import socket; socket.create_connection(('127.0.0.1', 8080))" 2>/dev/null`
  const start = 'hostname db-1; setsid python3 /srv/foreman.py 8080 </dev/null >/var/log/foreman 2>&1 &'
  await stage.inside(host, `${start} for i in $(seq 100); do ${knock} && break; sleep 0.1; done`)
})
afterAll(() => stage[Symbol.asyncDispose]())
beforeEach(async () => {
  for (const calls of ['rhsm', 'ipa', 'foreman']) await rm(join(root, `var/log/${calls}-calls.jsonl`), { force: true })
})

describe('subscribe', () => {
  const vars = {
    subscribe_organization: 'acme',
    subscribe_activation_key: 'key-of-acme',
    subscribe_server: 'satellite.example.com',
    subscribe_repositories: ['rhel-9-baseos'],
    subscribe_release: '9.6',
    subscribe_system_uuid: '5a9fc181-957e-5c32-9e5a-2de5e9673531',
  }

  test('in check mode tells that it would register, and changes nothing', async () => {
    const ended = await stage.play('subscribe', { limit: [host], vars, check: true })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ outcome: 'ok', changed: true, registered: false })
    expect(ended.recap[host]?.['changed']).toBeGreaterThan(0)
    expect((await callsOf('rhsm')).map(({ command }) => command)).toEqual(['identity'])
  })

  test.each([
    [
      'a key of nobody',
      { subscribe_activation_key: 'key-of-nobody' },
      {},
      'activation key is not one of that organization',
    ],
    ['a clock that is off', {}, { fault: 'Clock skew detected, please check your system time' }, 'Its clock is off'],
    ['a server that is down', {}, { fault: 'Unable to reach the server at satellite.example.com' }, 'does not answer'],
  ])('tells of %s, and never the key', async (_, wrong, server, why) => {
    await writeFile(join(root, 'var/lib/rhsm-server.json'), JSON.stringify(server))
    const ended = await stage.play('subscribe', { limit: [host], vars: { ...vars, ...wrong } })
    await rm(join(root, 'var/lib/rhsm-server.json'))
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: expect.stringContaining(why) as string })
    expect(ended.stdout + ended.stderr).not.toMatch(/key-of/)
  })

  test('registers by the UUID that was asked for, shows nobody the key, and the second time changes nothing', async () => {
    const first = await stage.play('subscribe', { limit: [host], vars })
    expect(faultOf(first)).toBe('')
    expect(first.result[host]).toMatchObject({ changed: true, registered: true, organization: 'acme' })
    const calls = await callsOf('rhsm')
    expect(calls.map(({ command }) => command).filter(command => !/identity/.test(command ?? ''))).toEqual([
      'register',
      'repos',
      'repos',
      'release',
      'release',
    ])
    expect(calls[1]).toMatchObject({ options: ['activationkey', 'org'] })
    expect(JSON.stringify(calls)).not.toContain('key-of-acme')
    expect(JSON.parse(await readFile(join(root, 'var/lib/rhsm-state.json'), 'utf8'))).toMatchObject({
      org: 'acme',
      repos: ['rhel-9-baseos'],
      release: '9.6',
      facts: { 'dmi.system.uuid': vars.subscribe_system_uuid },
    })
    expect(await readFile(join(root, 'etc/rhsm/rhsm.conf'), 'utf8')).toContain('hostname = satellite.example.com')
    expect(first.stdout).not.toContain('key-of-acme')

    const again = await stage.play('subscribe', { limit: [host], vars })
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[host]).toMatchObject({ changed: false, registered: true })
  })

  test('refuses to change the organization unasked', async () => {
    const ended = await stage.play('subscribe', { limit: [host], vars: { ...vars, subscribe_organization: 'other' } })
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: expect.stringContaining('acme') as string })
  })

  test('registers anew a guest whose record was deleted at the server', async () => {
    await forgetAtServer()
    const ended = await stage.play('subscribe', { limit: [host], vars })
    expect(faultOf(ended)).toBe('')
    expect((await callsOf('rhsm')).map(({ command }) => command).slice(0, 3)).toEqual(['identity', 'clean', 'register'])
  })
})

describe('unsubscribe', () => {
  test('tells in check mode what it would do, then does it, then has nothing left to do', async () => {
    const tried = await stage.play('unsubscribe', { limit: [host], check: true })
    expect(tried.result[host]).toMatchObject({ outcome: 'ok', changed: true })
    expect((await callsOf('rhsm')).map(({ command }) => command)).toEqual(['identity'])
    const first = await stage.play('unsubscribe', { limit: [host] })
    expect(faultOf(first)).toBe('')
    expect((await callsOf('rhsm')).map(({ command }) => command).slice(1)).toEqual(['identity', 'unregister', 'clean'])
    const again = await stage.play('unsubscribe', { limit: [host] })
    expect(again.result[host]).toMatchObject({ outcome: 'ok', changed: false })
    expect(again.recap[host]).toMatchObject({ changed: 0 })
  })
})

describe('identity', () => {
  const vars = {
    identity_join_domain: 'example.com',
    identity_join_hostname: 'db-1.example.com',
    identity_join_servers: ['ipa.example.com'],
    identity_join_otp: 'otp-of-db-1',
  }
  const serve = (server: object): Promise<void> =>
    writeFile(join(root, 'var/lib/ipa-server.json'), JSON.stringify(server))

  test.each([
    ['a password that was used', { otp: '' }, 'have the server make another'],
    ['a clock that is off', { otp: 'otp-of-db-1', fault: 'kinit: Clock skew too great' }, 'Its clock is off'],
  ])('join tells of %s, and never the password', async (_, server, why) => {
    await serve(server)
    const ended = await stage.play('identity_join', { limit: [host], vars })
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: expect.stringContaining(why) as string })
    expect(ended.stdout + ended.stderr).not.toContain('otp-of-db-1')
  })

  test('join makes a member, shows nobody the password, and the second time changes nothing', async () => {
    await serve({ otp: 'otp-of-db-1' })
    const tried = await stage.play('identity_join', { limit: [host], vars, check: true })
    expect(tried.result[host]).toMatchObject({ outcome: 'ok', changed: true })
    expect(await callsOf('ipa')).toEqual([])
    const first = await stage.play('identity_join', { limit: [host], vars })
    expect(faultOf(first)).toBe('')
    const calls = await callsOf('ipa')
    expect(calls).toMatchObject([
      {
        flags: ['--mkhomedir', '--no-ntp', '--unattended'],
        options: {
          domain: 'example.com',
          realm: 'EXAMPLE.COM',
          hostname: 'db-1.example.com',
          server: 'ipa.example.com',
        },
      },
    ])
    expect(JSON.stringify(calls) + first.stdout).not.toContain('otp-of-db-1')
    const again = await stage.play('identity_join', { limit: [host], vars })
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
  })

  test('join refuses a member of another domain', async () => {
    const ended = await stage.play('identity_join', {
      limit: [host],
      vars: { ...vars, identity_join_domain: 'x.example' },
    })
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('in the domain example.com') as string,
    })
  })

  test('leave takes it out, and the second time changes nothing', async () => {
    const first = await stage.play('identity_leave', { limit: [host] })
    expect(faultOf(first)).toBe('')
    expect(first.result[host]).toMatchObject({ outcome: 'ok', changed: true })
    expect(await callsOf('ipa')).toMatchObject([{ flags: ['--unattended', '--uninstall'] }])
    const again = await stage.play('identity_leave', { limit: [host] })
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
  })
})

describe('where its collection is there', () => {
  const folder = join(tmpdir(), `virtbridge-collections-${process.pid}`)
  const provide = async (collection: string, role: string, told: string): Promise<void> => {
    const place = join(folder, 'ansible_collections', ...collection.split('.'))
    await mkdir(join(place, 'roles', role, 'tasks'), { recursive: true })
    const [namespace, name] = collection.split('.')
    await writeFile(join(place, 'galaxy.yml'), `namespace: ${namespace}\nname: ${name}\nversion: 1.0.0\n`)
    const task = `- ansible.builtin.copy: {dest: /var/log/${role}, content: "${told}", mode: "0600"}\n`
    await writeFile(join(place, 'roles', role, 'tasks/main.yml'), task)
  }
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('the system role rhc registers, and is told what it needs', async () => {
    const told =
      "{{ [rhc_state, rhc_organization, rhc_auth.activation_keys['keys'], rhc_server.hostname, rhc_repositories] | to_json }}"
    await provide('redhat.rhel_system_roles', 'rhc', told)
    const vars = {
      subscribe_organization: 'acme',
      subscribe_activation_key: 'one,two',
      subscribe_server: 'satellite.example.com',
      subscribe_repositories: ['rhel-9-baseos'],
    }
    const ended = await stage.play('subscribe', { limit: [host], vars, collections: folder })
    expect(faultOf(ended)).toBe('')
    expect(JSON.parse(await readFile(join(root, 'var/log/rhc'), 'utf8'))).toEqual([
      'present',
      'acme',
      ['one', 'two'],
      'satellite.example.com',
      [{ name: 'rhel-9-baseos', state: 'enabled' }],
    ])
    expect((await callsOf('rhsm')).map(({ command }) => command)).toEqual(['identity'])
  })

  test('the role ipaclient joins, and is told what it needs', async () => {
    await provide(
      'freeipa.ansible_freeipa',
      'ipaclient',
      '{{ [ipaclient_domain, ipaclient_realm, ipaclient_otp, ipaclient_hostname] | to_json }}',
    )
    const vars = {
      identity_join_domain: 'example.com',
      identity_join_otp: 'otp-of-db-1',
      identity_join_hostname: 'db-1.example.com',
    }
    const ended = await stage.play('identity_join', { limit: [host], vars, collections: folder })
    expect(faultOf(ended)).toBe('')
    const told = JSON.parse(await readFile(join(root, 'var/log/ipaclient'), 'utf8')) as unknown
    expect(told).toEqual(['example.com', 'EXAMPLE.COM', 'otp-of-db-1', 'db-1.example.com'])
    expect(await callsOf('ipa')).toEqual([])
  })
})

describe('foreman', () => {
  const asked = (more: object = {}): object => ({
    foreman_register_url: 'http://127.0.0.1:8080',
    foreman_register_username: 'virtbridge',
    foreman_register_password: 'token-of-virtbridge',
    foreman_register_activation_keys: ['rhel9'],
    foreman_unregister_url: 'http://127.0.0.1:8080',
    foreman_unregister_username: 'virtbridge',
    foreman_unregister_password: 'token-of-virtbridge',
    ...more,
  })
  const play = (verb: string, more?: object, how: object = {}): Promise<Played> =>
    stage.play(`foreman_${verb}`, { limit: [host], vars: asked(more) as Record<string, unknown>, ...how })

  test.each([
    ['a wrong password', { foreman_register_password: 'wrong' }, 'does not let virtbridge ask for hosts (401)'],
    ['a server that is down', { foreman_register_url: 'http://127.0.0.1:9' }, 'does not answer at http://127.0.0.1:9'],
    ['a wrong key', { foreman_register_activation_keys: ['rhel6'] }, "Couldn't find activation key"],
  ])('register tells of %s', async (_, wrong, why) => {
    const ended = await play('register', wrong)
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: expect.stringContaining(why) as string })
    expect(ended.stdout + ended.stderr).not.toMatch(/token-of/)
  })

  test('register asks for a command, runs its script, and marks the host as this guest’s; the second time changes nothing', async () => {
    const tried = await play('register', {}, { check: true })
    expect(tried.result[host]).toMatchObject({ outcome: 'ok', changed: true })
    expect((await callsOf('foreman')).map(({ ask }) => ask)).toEqual(['GET /api/hosts/db-1.example.com'])
    const first = await play('register')
    expect(faultOf(first)).toBe('')
    const calls = (await callsOf('foreman')).slice(1)
    expect(calls.map(({ ask }) => ask)).toEqual([
      'GET /api/hosts/db-1.example.com',
      'POST /api/registration_commands',
      'GET /register',
      'POST /register',
      'GET /api/hosts/db-1.example.com',
      'POST /api/hosts/7/parameters',
    ])
    expect(calls[1]).toMatchObject({
      body: { registration_command: { activation_keys: ['rhel9'], jwt_expiration: 1, insecure: false } },
    })
    expect(calls.at(-1)).toMatchObject({ body: { parameter: { name: 'virtbridge_uid', value: uid } } })
    expect(first.stdout).not.toMatch(/token-of/)
    const again = await play('register')
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[host]).toMatchObject({ changed: false, id: 7 })
  })

  test.each(['register', 'unregister'])('%s refuses a host that is another’s', async verb => {
    const ended = await play(verb, {}, { hostvars: { [host]: { kubevirt_uid: 'uid-of-another' } } })
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: expect.stringContaining(uid) as string })
    expect(ended.recap[host]).toMatchObject({ changed: 0 })
  })

  test('unregister cuts the record off from any VM, deletes it, and the second time changes nothing', async () => {
    const first = await play('unregister')
    expect(faultOf(first)).toBe('')
    expect((await callsOf('foreman')).map(({ ask }) => ask)).toEqual([
      'GET /api/hosts/db-1.example.com',
      'PUT /api/hosts/7/disassociate',
      'DELETE /api/hosts/7',
    ])
    const again = await play('unregister')
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
  })
})

interface Call {
  readonly command?: string
  readonly ask?: string
}

/** How a stand-in was called, in order. */
async function callsOf(name: string): Promise<readonly Call[]> {
  const text = await readFile(join(root, `var/log/${name}-calls.jsonl`), 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Call)
}

/** What a person who deletes the record in Satellite does. */
async function forgetAtServer(): Promise<void> {
  const { uuid } = JSON.parse(await readFile(join(root, 'var/lib/rhsm-state.json'), 'utf8')) as { uuid: string }
  await writeFile(join(root, 'var/lib/rhsm-server.json'), JSON.stringify({ deleted: uuid }))
}
