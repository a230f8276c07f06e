import { chmod, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../servers/run.ts'
import { FamilyStage, host, REDHAT, SITE, TOKEN } from './family.ts'
import { playTruly } from './play-truly.ts'
import { publishRpms } from './rpm-package.ts'
import { faultOf, type Played, type Stage } from './stage.ts'

const name = 'registry.example.com/rhel9:latest'
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHQ0bYQ0yH2p0Jx0sKJm1yXy9QzY1x1n8b3c5d7e9f0a ada@example.com'
/** By these alone whoever asks knows that systemd runs. */
const SYSTEMD = 'mkdir -p /run/systemd/system && echo systemd > /run/comm && mount --bind /run/comm /proc/1/comm'
let family: FamilyStage
let stage: Stage
let root: string

/** Not real are bootc and rpm-ostree, nor the file system that they keep: which of their commands run when, and what is made of their answers, is. */
beforeAll(async () => {
  family = await FamilyStage.set(REDHAT)
  ;({ stage, root } = family)
  for (const tool of ['bootc', 'rpm-ostree']) {
    await cp(join(import.meta.dirname, 'stand-ins/image.py'), join(root, 'usr/bin', tool))
    await chmod(join(root, 'usr/bin', tool), 0o755)
  }
  await mkdir(join(root, 'sysroot'))
  // /usr of an image has no room, and needs none.
  const df =
    '#!/bin/sh\n/usr/bin/df.real "$@" | case "$* $(ls /run/full 2>&-)" in *" /usr"* | *full*) sed "s/^\\([^ ]* *[0-9]* *[0-9]*\\) *[0-9]*/\\1 0/" ;; *) cat ;; esac\n'
  await cp(join(root, 'usr/bin/df'), join(root, 'usr/bin/df.real'))
  await writeFile(join(root, 'usr/bin/df'), df)
})
afterAll(() => family[Symbol.asyncDispose]())

describe.each(['bootc', 'rpm-ostree'])('a guest in image mode by %s', tool => {
  beforeAll(async () => {
    await writeFile(join(root, 'run/ostree-booted'), '')
    await image({ tools: [tool], name, booted: 'sha256:old', registry: 'sha256:new' })
  })

  test('is told by its image in check mode, is updated for its next boot, and is not updated twice', async () => {
    const { tried, done } = await playTruly('patch', stage.asking({ limit: [host] }), imageState)
    const newer = { name, from: 'sha256:old', to: '' }
    expect(tried.result[host]).toEqual({ ...(done.result[host] as object), check: true, packages: [newer] })
    expect(done.result[host]).toMatchObject({
      changed: true,
      packages: [{ name, from: 'sha256:old', to: 'sha256:new' }],
      reboot: 'needed',
    })
    expect((await callsOf(tool)).map(call => call.slice(1).join(' ')).filter(each => each !== 'status --json')).toEqual(
      ['upgrade --check', 'upgrade --check', 'upgrade', 'upgrade --check'],
    )

    const again = await stage.play('patch', { limit: [host] })
    expect(again.recap[host]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[host]).toMatchObject({ changed: false, reboot: 'needed' })
    expect(await callsOf(tool)).not.toContainEqual([tool, 'upgrade'])
  })

  test('boots what was staged, when it is rebooted as needed', async () => {
    const ended = await stage.play('reboot', {
      limit: [host],
      vars: { reboot_policy: 'if_required', reboot_timeout: 60 },
    })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ reboot: 'done' })
    await writeFile(join(root, 'run/ostree-booted'), '')
    const after = await stage.play('precheck', { limit: [host] })
    expect(faultOf(after)).toBe('')
    expect(after.result[host]).toMatchObject({ updates: [], updates_count: 0 })
    expect(JSON.parse(await readFile(join(root, 'var/lib/image.json'), 'utf8'))).toMatchObject({ booted: 'sha256:new' })
  })
})

test('a choice of packages is refused before anything is fetched', async () => {
  await image({ tools: ['bootc'], name, booted: 'sha256:old', registry: 'sha256:new' })
  await callsOf('bootc')
  const ended = await stage.play('patch', { limit: [host], vars: { patch_exclude: ['kernel'] } })
  expect(ended.result[host]).toMatchObject({
    outcome: 'failed',
    changed: false,
    message: expect.stringContaining('in image mode') as string,
  })
  expect(await callsOf('bootc')).not.toContainEqual(['bootc', 'upgrade'])
})

test.each<[string, Record<string, string>, RegExp]>([
  [
    'registry does not answer',
    { 'upgrade --check': 'error: Upgrading: connection refused' },
    /can not tell what is new: `bootc upgrade --check` ended with 1[.]\s+error: Upgrading: connection refused/,
  ],
  [
    'tool is at work for somebody else',
    { upgrade: 'error: Transaction in progress' },
    /`bootc upgrade` ended with 1[.] error: Transaction in progress The guest boots next what it would have booted/,
  ],
])('a guest whose %s is told as that, and boots what it would have booted', async (_, fault, said) => {
  await writeFile(join(root, 'run/ostree-booted'), '')
  await image({ tools: ['bootc'], name, booted: 'sha256:old', registry: 'sha256:new', fault })
  const ended = await stage.play('patch', { limit: [host] })
  expect(ended.result[host]).toMatchObject({
    outcome: 'failed',
    message: expect.stringMatching(said) as string,
  })
  // Before it begins it knows that it changed nothing, and later it does not say so.
  const known = Object.hasOwn(ended.result[host] as object, 'changed')
  expect(known).toBe('upgrade --check' in fault)
  expect(ended.recap[host]).toMatchObject({ changed: 0 })
  expect(await readFile(join(root, 'var/lib/image.json'), 'utf8')).not.toContain('staged')
})

test('a guest without room where images are kept is told as that', async () => {
  await writeFile(join(root, 'run/ostree-booted'), '')
  await image({ tools: ['bootc'], name, booted: 'sha256:old', registry: 'sha256:new' })
  await writeFile(join(root, 'run/full'), '')
  const ended = await stage.play('precheck', { limit: [host] })
  await rm(join(root, 'run/full'))
  expect(ended.result[host]).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('There are 0 MB free where packages are kept') as string,
  })
})

describe('verify, of a guest in image mode', () => {
  const units = { active: ['sshd'], enabled: ['sshd'] }

  beforeAll(async () => {
    await writeFile(join(root, 'run/ostree-booted'), '')
    await image({ tools: ['bootc'], name, booted: 'sha256:old', registry: 'sha256:old' })
    await publishRpms(stage.guest(host), [{ name: 'virtbridge-tool', version: '1.0' }])
    await run('chroot', [root, 'rpm', '--install', '/srv/rpms/virtbridge-tool-1.0.rpm'])
    await inside(SYSTEMD)
  })

  test('is content with one that is well, and changes nothing', async () => {
    await writeFile(join(root, 'var/lib/units.json'), JSON.stringify(units))
    const before = await stage.stateOf(host)
    const vars = { verify_services: ['sshd'], verify_packages: { 'virtbridge-tool': '1.0' }, verify_commands: ['true'] }
    const ended = await stage.play('verify', { limit: [host], vars })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ verb: 'verify', outcome: 'ok', problems: [] })
    expect(ended.recap[host]).toMatchObject({ changed: 0 })
    expect(await stage.stateOf(host)).toBe(before)
  })

  test('tells what does not run, what its image lacks, and what of systemd failed', async () => {
    await writeFile(join(root, 'var/lib/units.json'), JSON.stringify({ ...units, failed: ['kdump', 'allowed'] }))
    const ended = await stage.play('verify', {
      limit: [host],
      vars: {
        verify_services: ['crond'],
        verify_packages: { 'virtbridge-tool': '9.0', 'no-such-package': '' },
        verify_failed_units_allowed: ['allowed.service'],
      },
    })
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      problems: [
        'the service crond does not run',
        'the package virtbridge-tool is 1.0, older than 9.0',
        'the package no-such-package is not installed',
        'the unit kdump.service failed',
      ],
    })
  })
})

describe('a guest with an image that has in it what it needs', () => {
  const asked = {
    // Those that install or write; the others do it in the same way.
    configure_roles: ['hostname', 'packages', 'ssh_keys', 'chrony', 'rsyslog', 'services'],
    hostname_name: 'edge-1.example.com',
    packages_present: ['virtbridge-agent'],
    ssh_keys_accounts: [{ name: 'root', keys: [KEY] }],
    chrony_servers: ['127.0.0.1'],
    rsyslog_servers: [{ host: 'logs.example.com', port: 6514, protocol: 'tls' }],
    services_enabled: ['chronyd'],
  }
  const play = (verb: string, vars: Record<string, unknown> = asked, check = false): Promise<Played> =>
    stage.play(verb, { limit: [host], vars, check })

  beforeAll(async () => {
    const built = ['chrony', 'rsyslog', 'rsyslog-gnutls', 'virtbridge-agent', 'puppet-agent']
    await run('chroot', [root, ...REDHAT.install, ...built])
    await writeFile(join(root, 'run/ostree-booted'), '')
    await image({ tools: ['bootc'], name, booted: 'sha256:old', registry: 'sha256:new' })
    await rm(join(root, 'var/lib/units.json'), { force: true })
    await inside(SYSTEMD)
    // As it is where an image is booted.
    await inside('mount --bind /usr /usr && mount -o remount,bind,ro /usr')
  })

  test('is brought to the baseline, and the second time nothing is changed', async () => {
    const first = await play('onboard')
    expect(faultOf(first)).toBe('')
    expect(await family.text('etc/chrony.conf')).toContain('server 127.0.0.1 iburst')
    expect(await family.text('var/lib/units.json')).toMatch(/"chronyd", "rsyslog", "sshd"/)
    const again = await play('configure')
    expect(faultOf(again)).toBe('')
    expect(again.recap[host]).toMatchObject({ changed: 0 })
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['lacks', { packages_present: ['chrony', 'htop', 'tmux'] }, 'htop, tmux'],
    ['has, and can not be rid of', { packages_present: [], packages_absent: ['chrony', 'htop'] }, 'chrony'],
  ])('is told what its image %s, and keeps to it', async (_, vars, named) => {
    const ended = await play('packages', vars)
    expect(ended.result[host]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(new RegExp(`in image mode.* image.*: ${named}[.] Build`)) as string,
    })
    expect(ended.recap[host]).toMatchObject({ changed: 0 })
  })

  test.each(['packages', 'services', 'hostname', 'ssh_keys'])('%s finds its thing done', async verb => {
    const ended = await play(verb)
    expect(faultOf(ended)).toBe('')
    expect(ended.recap[host]).toMatchObject({ changed: 0 })
  })

  test('gets a password of root that is kept', async () => {
    const ended = await play('root_password', { root_password_vault_url: SITE, root_password_vault_token: TOKEN })
    expect(faultOf(ended)).toBe('')
    expect(await family.text('etc/shadow')).toMatch(/^root:\$6\$/m)
  })

  test('comes under Puppet, by the agent of its image', async () => {
    const ended = await play('puppet_agent', { puppet_agent_server: 'puppet.example.com' })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ puppet: 'changed' })
  })

  test('facts_report knows the image that waits', async () => {
    const ended = await play('facts_report', {})
    expect(faultOf(ended)).toBe('')
    expect(ended.result[host]).toMatchObject({ updates_known: true, updates: [name], reboot: 'not_needed' })
  })

  test('preclean takes its identity away, once that is confirmed', async () => {
    await writeFile(join(root, 'etc/machine-id'), 'a trace\n')
    const ended = await play('preclean', { preclean_confirm: true, preclean_items: ['machine_id', 'logs', 'caches'] })
    expect(faultOf(ended)).toBe('')
    expect(await family.text('etc/machine-id')).toBe('')
  })
})

async function inside(script: string): Promise<void> {
  const { status, stderr } = await stage.inside(host, script)
  if (status !== 0) throw new Error(stderr)
}

function image(is: object): Promise<void> {
  return writeFile(join(root, 'var/lib/image.json'), JSON.stringify(is))
}

/** What is booted, staged and in the registry. */
async function imageState(): Promise<unknown> {
  const state = JSON.parse(await readFile(join(root, 'var/lib/image.json'), 'utf8')) as Record<string, unknown>
  return [state['booted'], state['staged'], state['registry']]
}

/** How a tool was called since this was asked last, in order. */
async function callsOf(tool: string): Promise<readonly (readonly string[])[]> {
  const file = join(root, 'var/log/image-calls.jsonl')
  const text = await readFile(file, 'utf8').catch(() => '')
  await rm(file, { force: true })
  const calls = text.split('\n').filter(Boolean)
  return calls.map(line => JSON.parse(line) as string[]).filter(([called]) => called === tool)
}
