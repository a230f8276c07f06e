import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { familyRecipe, redhat, suse } from '../servers/family-root.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { note } from './cut-off-rpm.ts'
import { publishPackage } from './debian-package.ts'
import { playTruly } from './play-truly.ts'
import { publishRpms } from './rpm-package.ts'
import { faultOf, type Played, Stage } from './stage.ts'

/** Of RHEL, Debian and SUSE: what the families have in common is played on one, what differs on each of them. */
const host = 'db-1.shop.prod-1'
const debianHost = 'web-1.shop.prod-1'
const suseHost = 'app-1.shop.prod-1'
const every = [host, debianHost, suseHost]
const uid = '0b5a5c1e-6f0e-4d5e-9a39-0f3f0a1b2c3d'
const uids = Object.fromEntries([debianHost, suseHost].map((name, at) => [name, { kubevirt_uid: `uid-of-${at}` }]))
const standIns = join(import.meta.dirname, 'stand-ins')
/** Keeps what the guest has noted of its packages: what others install meanwhile can be finished by it. */
const KEEP = `cp /${note} /srv/noted`
let stage: Stage
let root: string
let attempts = 0

/** Not real are the servers and the programs of the families: what the roles say to them, in which order, and what they make of the answers is. */
beforeAll(async () => {
  stage = await Stage.set(
    {
      [host]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b',
      [debianHost]: '11111111-2222-5333-8444-555555555555',
      [suseHost]: '22222222-3333-5444-8555-666666666666',
    },
    undefined,
    { recipes: { [host]: familyRecipe(redhat), [suseHost]: familyRecipe(suse) } },
  )
  root = stage.guest(host).root
  const program = join(root, 'usr/sbin/subscription-manager')
  await cp(join(standIns, 'subscription-manager.py'), program)
  await chmod(program, 0o755)
  await mkdir(join(root, 'etc/rhsm'))
  const programs = { 'usr/sbin/ipa-client-install': await readFile(join(standIns, 'ipa-client-install.py'), 'utf8') }
  await publishRpms(stage.guest(host), [{ name: 'ipa-client', version: '4.12', files: programs }])
  await publishRpms(stage.guest(suseHost), [{ name: 'freeipa-client', version: '4.12', files: programs }])
  await publishPackage(stage.guest(debianHost), 'freeipa-client', '4.12', { programs })
  for (const name of every) {
    const short = name.split('.')[0] ?? ''
    await writeFile(rootOf(name, 'etc/hosts'), `127.0.0.1 localhost\n127.0.1.1 ${short}.example.com ${short}\n`)
    await stage.inside(name, `hostname ${short}`)
  }
  await cp(join(standIns, 'foreman.py'), join(root, 'srv/foreman.py'))
  const knock = `python3 -c "import socket; socket.create_connection(('127.0.0.1', 8080))" 2>/dev/null`
  const start = 'setsid python3 /srv/foreman.py 8080 </dev/null >/var/log/foreman 2>&1 &'
  await stage.inside(host, `${start} for i in $(seq 100); do ${knock} && break; sleep 0.1; done`)
})
afterAll(() => stage[Symbol.asyncDispose]())
beforeEach(async () => {
  for (const name of every)
    for (const calls of ['rhsm', 'ipa', 'foreman'])
      await rm(rootOf(name, `var/log/${calls}-calls.jsonl`), { force: true })
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
    await rm(join(root, 'var/lib/rhsm-state.json'), { force: true })
    const asking = stage.asking({ limit: [host], vars })
    const { tried, done: first } = await playTruly('subscribe', asking, () => stage.stateOf(host))
    expect(tried.result[host]).toMatchObject({ outcome: 'ok', changed: true, registered: false })
    expect(first.result[host]).toMatchObject({ changed: true, registered: true, organization: 'acme' })
    // In check mode it is asked who it is, and at the end what it has.
    const calls = (await callsOf('rhsm')).filter(({ command }) => command !== 'identity')
    const commands = calls.map(({ command }) => command)
    expect(commands).toEqual(['register', 'repos', 'repos', 'release', 'release', 'repos', 'release'])
    expect(calls[0]).toMatchObject({ options: ['activationkey', 'org'] })
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
    const more = { ...vars, subscribe_repositories: ['rhel-9-baseos', 'rhel-9-appstream'] }
    const other = await stage.play('subscribe', { limit: [host], vars: more })
    expect(faultOf(other)).toBe('')
    expect(other.result[host]).toMatchObject({ changed: true, registered: true })
  })

  test('tells of a guest without subscription-manager', async () => {
    const program = join(root, 'usr/sbin/subscription-manager')
    await rename(program, `${program}.away`)
    const ended = await stage.play('subscribe', { limit: [host], vars })
    await rename(`${program}.away`, program)
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('has no subscription-manager: install it first') as string,
    })
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
    const { done } = await playTruly('unsubscribe', stage.asking({ limit: [host] }), () => stage.stateOf(host))
    expect(done.result[host]).toMatchObject({ outcome: 'ok', changed: true })
    const commands = (await callsOf('rhsm')).map(({ command }) => command)
    expect(commands).toEqual(['identity', 'identity', 'unregister', 'clean', 'identity'])
    const again = await stage.play('unsubscribe', { limit: [host] })
    expect(again.result[host]).toMatchObject({ outcome: 'ok', changed: false })
    expect(again.recap[host]).toMatchObject({ changed: 0 })
  })
})

describe('identity', () => {
  const vars = {
    identity_join_domain: 'example.com',
    identity_join_servers: ['ipa.example.com'],
    identity_join_otp: 'otp-of-db-1',
  }
  const serve = async (server: object): Promise<void> => {
    for (const name of every) await writeFile(rootOf(name, 'var/lib/ipa-server.json'), JSON.stringify(server))
  }
  const all = { limit: every, count: every.length }

  test.each([
    ['a password that was used', { otp: '' }, 'have the server make another'],
    ['a clock that is off', { otp: 'otp-of-db-1', fault: 'kinit: Clock skew too great' }, 'Its clock is off'],
  ])('join tells of %s, and never the password', async (_, server, why) => {
    await serve(server)
    const ended = await stage.play('identity_join', { limit: [host], vars })
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: expect.stringContaining(why) as string })
    expect(ended.stdout + ended.stderr).not.toContain('otp-of-db-1')
  })

  test('join makes a member of each family, shows nobody the password, and the second time changes nothing', async () => {
    await serve({ otp: 'otp-of-db-1' })
    const { tried, done: first } = await playTruly('identity_join', stage.asking({ ...all, vars }), states)
    for (const name of every) expect(tried.result[name], name).toMatchObject({ outcome: 'ok', changed: true })
    expect(first.stdout).not.toContain('otp-of-db-1')
    for (const name of every) {
      const calls = await callsOf('ipa', name)
      expect(calls, name).toMatchObject([
        {
          flags: ['--mkhomedir', '--no-ntp', '--unattended'],
          options: {
            domain: 'example.com',
            realm: 'EXAMPLE.COM',
            hostname: `${name.split('.')[0]}.example.com`,
            server: 'ipa.example.com',
          },
        },
      ])
      expect(JSON.stringify(calls), name).not.toContain('otp-of-db-1')
    }
    const again = await stage.play('identity_join', { ...all, vars })
    for (const name of every) {
      expect(again.recap[name], name).toMatchObject({ changed: 0, failed: 0 })
      expect(await callsOf('ipa', name), name).toHaveLength(1)
    }
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

  test('leave tells in check mode what it would do, takes each out, and the second time changes nothing', async () => {
    const { done: first } = await playTruly('identity_leave', stage.asking(all), states)
    for (const name of every) {
      expect(first.result[name], name).toMatchObject({ outcome: 'ok', changed: true })
      expect(await callsOf('ipa', name), name).toMatchObject([{ flags: ['--unattended', '--uninstall'] }])
    }
    const again = await stage.play('identity_leave', all)
    for (const name of every) expect(again.recap[name], name).toMatchObject({ changed: 0, failed: 0 })
  })
})

describe('where its collection is there', () => {
  const folder = join(tmpdir(), `virtbridge-collections-${process.pid}`)
  /** A role that writes down what it was told, and leaves what the real one would. */
  const provide = async (collection: string, role: string, told: string, left: string): Promise<void> => {
    const place = join(folder, 'ansible_collections', ...collection.split('.'))
    await mkdir(join(place, 'roles', role, 'tasks'), { recursive: true })
    const [namespace, name] = collection.split('.')
    await writeFile(join(place, 'galaxy.yml'), `namespace: ${namespace}\nname: ${name}\nversion: 1.0.0\n`)
    const copy = (dest: string, content: string): string =>
      `- ansible.builtin.copy: {dest: ${dest}, content: ${JSON.stringify(content)}, mode: "0600"}\n`
    const keep = `- ansible.builtin.command: {cmd: ${KEEP}}\n  changed_when: false\n`
    const tasks = [copy(`/var/log/${role}`, `{{ ${told} | to_json }}`), keep, left]
    await writeFile(join(place, 'roles', role, 'tasks/main.yml'), tasks.join(''))
  }
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('the system role rhc registers, is told what it needs, tells in check mode what it would do, and the second time changes nothing', async () => {
    for (const path of ['var/lib/rhsm-state.json', 'var/log/rhc']) await rm(join(root, path), { force: true })
    const told =
      "[rhc_state, rhc_organization, rhc_auth.activation_keys['keys'], rhc_server.hostname, rhc_repositories]"
    const left = `- ansible.builtin.copy: {dest: /var/lib/rhsm-state.json, force: false, content: '{"uuid":"by-rhc","org":"acme"}', mode: "0600"}\n`
    await provide('redhat.rhel_system_roles', 'rhc', told, left)
    const vars = {
      subscribe_organization: 'acme',
      subscribe_activation_key: 'one,two',
      subscribe_server: 'satellite.example.com',
      subscribe_repositories: ['rhel-9-baseos'],
    }
    const asking = stage.asking({ limit: [host], vars, collections: folder })
    const state = async (): Promise<unknown> => [await stage.stateOf(host), existsSync(join(root, 'var/log/rhc'))]
    const { tried, done } = await playTruly('subscribe', asking, state)
    expect(tried.result[host]).toMatchObject({ registered: false, changed: true })
    expect(done.result[host]).toMatchObject({ registered: true, changed: true, organization: 'acme' })
    expect(JSON.parse(await readFile(join(root, 'var/log/rhc'), 'utf8'))).toEqual([
      'present',
      'acme',
      ['one', 'two'],
      'satellite.example.com',
      [{ name: 'rhel-9-baseos', state: 'enabled' }],
    ])
    expect(new Set((await callsOf('rhsm')).map(({ command }) => command))).toEqual(new Set(['identity']))
    await expectNoted(host)
  })

  test('the role ipaclient joins, is told what it needs, and is left alone in check mode and by who is a member', async () => {
    await rm(join(root, 'etc/ipa'), { recursive: true, force: true })
    const told = '[ipaclient_domain, ipaclient_realm, ipaclient_otp, ipaclient_hostname]'
    const left = [
      '- ansible.builtin.file: {path: /etc/ipa, state: directory, mode: "0755"}',
      '- ansible.builtin.copy: {dest: /etc/ipa/default.conf, content: "domain = {{ ipaclient_domain }}", mode: "0644"}',
    ]
    await provide('freeipa.ansible_freeipa', 'ipaclient', told, left.join('\n'))
    const vars = {
      identity_join_domain: 'example.com',
      identity_join_otp: 'otp-of-db-1',
      identity_join_hostname: 'db-1.example.com',
    }
    const asking = stage.asking({ limit: [host], vars, collections: folder })
    await playTruly('identity_join', asking, () => stage.stateOf(host))
    const words = JSON.parse(await readFile(join(root, 'var/log/ipaclient'), 'utf8')) as unknown
    expect(words).toEqual(['example.com', 'EXAMPLE.COM', 'otp-of-db-1', 'db-1.example.com'])
    await expectNoted(host)
    const again = await stage.play('identity_join', { limit: [host], vars, collections: folder })
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.stdout).not.toContain('ipaclient :')
    expect(await callsOf('ipa')).toEqual([])
  })
})

describe('a guest that retires', () => {
  const vars = { configure_roles: ['retire'] }

  beforeEach(async () => {
    await mkdir(join(root, 'etc/ipa'), { recursive: true })
    await writeFile(join(root, 'etc/ipa/default.conf'), '[global]\ndomain = example.com\n')
    await writeFile(join(root, 'var/lib/rhsm-state.json'), JSON.stringify({ uuid: 'c0ffee-1', org: 'acme' }))
  })

  test('is not called out of its domain where nothing can take it out', async () => {
    await rm(join(root, 'usr/sbin/ipa-client-install'), { force: true })
    const ended = await stage.play('configure', { limit: [host], vars })
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining(
        'is in the domain example.com, and has no /usr/sbin/ipa-client-install',
      ) as string,
    })
  })

  test('is told so in check mode, is taken out of all that it is registered with, and the second time nothing is changed', async () => {
    await cp(join(standIns, 'ipa-client-install.py'), join(root, 'usr/sbin/ipa-client-install'))
    await chmod(join(root, 'usr/sbin/ipa-client-install'), 0o755)
    // What is left of the domain is its file alone.
    await writeFile(join(root, 'var/lib/ipa-server.json'), JSON.stringify({ otp: '', forgot: true }))
    const registered = async (): Promise<unknown> => [
      existsSync(join(root, 'etc/ipa/default.conf')),
      JSON.parse(await readFile(join(root, 'var/lib/rhsm-state.json'), 'utf8')),
    ]
    await playTruly('configure', stage.asking({ limit: [host], vars }), registered)
    expect(await registered()).toEqual([false, {}])
    const again = await stage.play('configure', { limit: [host], vars })
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
  })
})

describe('foreman', () => {
  const asked = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
    foreman_register_url: 'http://127.0.0.1:8080',
    foreman_register_username: 'virtbridge',
    foreman_register_password: 'token-of-virtbridge',
    foreman_register_activation_keys: ['rhel9'],
    foreman_unregister_url: 'http://127.0.0.1:8080',
    foreman_unregister_username: 'virtbridge',
    foreman_unregister_password: 'token-of-virtbridge',
    ...more,
  })
  const play = (verb: string, more?: Record<string, unknown>, how: object = {}): Promise<Played> =>
    stage.play(`foreman_${verb}`, { limit: [host], vars: asked(more), ...how })
  const all = { limit: every, count: every.length, hostvars: uids }

  test.each([
    ['a wrong password', { foreman_register_password: 'wrong' }, 'does not let virtbridge ask for hosts (401)'],
    ['a server that is down', { foreman_register_url: 'http://127.0.0.1:9' }, 'does not answer at http://127.0.0.1:9'],
    ['a wrong key', { foreman_register_activation_keys: ['rhel6'] }, "Couldn't find activation key"],
  ])('register tells of %s', async (_, wrong, why) => {
    const ended = await play('register', wrong)
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: expect.stringContaining(why) as string })
    expect(ended.stdout + ended.stderr).not.toMatch(/token-of/)
  })

  test('register asks for a command, runs its script, and marks each host as that guest’s; the second time changes nothing', async () => {
    for (const name of [host, suseHost]) await writeFile(rootOf(name, 'srv/client'), KEEP)
    const asking = stage.asking({ ...all, vars: asked() })
    const { tried, done: first } = await playTruly('foreman_register', asking, states)
    for (const name of [host, suseHost]) await expectNoted(name)
    for (const name of every) expect(tried.result[name], name).toMatchObject({ outcome: 'ok', changed: true })
    // In check mode each host is asked for, and nothing else.
    const heard = await callsOf('foreman')
    expect(orderOf(heard.slice(0, every.length))).toEqual(['GET /api/hosts/…'])
    const calls = heard.slice(every.length, -every.length)
    expect(calls).toHaveLength(6 * every.length)
    expect(orderOf(calls)).toEqual([
      'GET /api/hosts/…',
      'POST /api/registration_commands',
      'GET /register',
      'POST /register',
      'GET /api/hosts/…',
      'POST /api/hosts/…/parameters',
    ])
    for (const call of calls.filter(({ ask }) => ask === 'POST /api/registration_commands'))
      expect(call).toMatchObject({
        body: { registration_command: { activation_keys: ['rhel9'], jwt_expiration: 1, insecure: false } },
      })
    const marked = calls.slice(-every.length).map(({ body }) => body?.parameter)
    for (const value of [uid, ...Object.values(uids).map(({ kubevirt_uid }) => kubevirt_uid)])
      expect(marked).toContainEqual({ name: 'virtbridge_uid', value })
    expect(first.stdout).not.toMatch(/token-of/)
    const again = await play('register', {}, all)
    for (const name of every) {
      expect(again.recap[name], name).toMatchObject({ changed: 0, failed: 0 })
      expect(again.result[name], name).toMatchObject({ changed: false, id: expect.any(Number) as number })
    }
  })

  test.each(['register', 'unregister'])('%s refuses a host that is another’s', async verb => {
    const ended = await play(verb, {}, { hostvars: { [host]: { kubevirt_uid: 'uid-of-another' } } })
    expect(ended.result[host]).toMatchObject({ outcome: 'failed', message: expect.stringContaining(uid) as string })
    expect(ended.recap[host]).toMatchObject({ changed: 0 })
  })

  test('unregister tells in check mode what it would do, cuts each record off from any VM, deletes it, and the second time changes nothing', async () => {
    const asking = stage.asking({ ...all, vars: asked() })
    const { tried } = await playTruly('foreman_unregister', asking, states)
    for (const name of every) expect(tried.result[name], name).toMatchObject({ outcome: 'ok', changed: true })
    const heard = await callsOf('foreman')
    expect(orderOf(heard.slice(0, every.length))).toEqual(['GET /api/hosts/…'])
    const calls = heard.slice(every.length, -every.length)
    expect(calls).toHaveLength(3 * every.length)
    expect(orderOf(calls)).toEqual(['GET /api/hosts/…', 'PUT /api/hosts/…/disassociate', 'DELETE /api/hosts/…'])
    const again = await play('unregister', {}, all)
    for (const name of every) expect(again.recap[name], name).toMatchObject({ changed: 0, failed: 0 })
  })

  test('register goes on where it was cut off: a host that it made and could not mark yet is its own, and nobody else’s', async () => {
    const name = `cut-${++attempts}`
    await writeFile(join(root, 'etc/hosts'), `127.0.0.1 localhost\n127.0.1.1 ${name}.example.com ${name}\n`)
    await stage.inside(host, `hostname ${name}`)
    await writeFile(join(root, 'var/lib/foreman-fault'), '')
    const cut = await play('register')
    await rm(join(root, 'var/lib/foreman-fault'))
    expect(cut.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('does not take the parameter virtbridge_uid') as string,
    })
    const another = await play('register', {}, { hostvars: { [host]: { kubevirt_uid: 'uid-of-another' } } })
    expect(another.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('of nobody that virtbridge knows') as string,
    })
    const mended = await play('register')
    expect(faultOf(mended)).toBe('')
    expect(mended.result[host]).toMatchObject({ outcome: 'ok', name: `${name}.example.com`, changed: true })
    expect((await callsOf('foreman')).at(-1)?.body?.parameter).toEqual({ name: 'virtbridge_uid', value: uid })
    const again = await play('register')
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
    expect(existsSync(join(root, `var/lib/virtbridge/unfinished/foreman_register/${uid}.${name}.example.com`))).toBe(
      false,
    )
  })
})

// The last one: with the guest what runs in it ends, Foreman too.
test('what the role of a collection was cut off in, as it installed packages, is finished by the next run', async () => {
  await using folder = await temporaryFolder()
  const place = join(folder.path, 'ansible_collections/redhat/rhel_system_roles')
  await mkdir(join(place, 'roles/rhc/tasks'), { recursive: true })
  await writeFile(join(place, 'galaxy.yml'), 'namespace: redhat\nname: rhel_system_roles\nversion: 1.0.0\n')
  const install = 'rpm --install /srv/rpms/virtbridge-client-1.0.rpm'
  const task = `- ansible.builtin.command: {cmd: ${install}, creates: /usr/share/virtbridge-client/version}\n`
  await writeFile(join(place, 'roles/rhc/tasks/main.yml'), task)
  const fatal = '[ -e /root/begun ] || { touch /root/begun; kill -TERM 1; sleep 60; }; echo >> /root/configured'
  await publishRpms(stage.guest(host), [{ name: 'virtbridge-client', version: '1.0', postinst: fatal }])
  const vars = { subscribe_organization: 'acme', subscribe_activation_key: 'key-of-acme' }
  const asked = { limit: [host], vars, collections: folder.path }
  const cut = await stage.play('subscribe', asked)
  expect(cut.recap[host], cut.stdout).toMatchObject({ unreachable: 1 })
  await expect.poll(async () => (await stage.inside(host, 'true')).status, { timeout: 60_000 }).toBe(0)
  const mended = await stage.play('subscribe', asked)
  expect(faultOf(mended)).toBe('')
  expect(mended.result[host]).toMatchObject({ outcome: 'ok', finished: ['virtbridge-client.noarch'] })
  expect(existsSync(join(root, 'root/configured'))).toBe(true)
  expect(existsSync(join(root, note))).toBe(false)
})

/** What was there was noted while others installed packages, and the note is gone now. */
async function expectNoted(name: string): Promise<void> {
  const noted = await readFile(rootOf(name, 'srv/noted'), 'utf8')
  await rm(rootOf(name, 'srv/noted'))
  expect(noted, name).toMatch(/^((\S+ [0-9]+:\S+ \S+ [0-9]+)?\n)+$/)
  expect(existsSync(rootOf(name, note)), name).toBe(false)
}

interface Call {
  readonly command?: string
  readonly ask?: string
  readonly body?: { readonly parameter?: unknown }
}

/** How a stand-in was called, in order. */
async function callsOf(name: string, on = host): Promise<readonly Call[]> {
  const text = await readFile(rootOf(on, `var/log/${name}-calls.jsonl`), 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Call)
}

/** What there is on each guest, with how often its programs were called to do something. */
async function states(): Promise<unknown> {
  const of = async (name: string): Promise<unknown> => [await stage.stateOf(name), await callsOf('ipa', name)]
  return Promise.all(every.map(of))
}

/** What was asked, in order; hosts are asked for side by side, step by step. */
function orderOf(calls: readonly Call[]): readonly string[] {
  const asks = calls.map(({ ask = '' }) => ask.replace(/(?<=\/hosts\/)[^/]+/, '…'))
  return asks.filter((ask, at) => ask !== asks[at - 1])
}

function rootOf(name: string, path: string): string {
  return join(stage.guest(name).root, path)
}

/** What a person who deletes the record in Satellite does. */
async function forgetAtServer(): Promise<void> {
  const { uuid } = JSON.parse(await readFile(join(root, 'var/lib/rhsm-state.json'), 'utf8')) as { uuid: string }
  await writeFile(join(root, 'var/lib/rhsm-server.json'), JSON.stringify({ deleted: uuid }))
}
