import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ansible, type PythonEnvironment } from '../servers/python-environment.ts'
import { run, type RunResult } from '../servers/run.ts'
import { publishPackage } from './debian-package.ts'
import { startGuestNetwork, type Guest, type GuestNetwork } from './guest-network.ts'

const root = join(import.meta.dirname, '..', '..')
const web = 'web-1.shop.prod-1'
const db = 'db-1.shop.prod-1'
const uuids = { [web]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b', [db]: '11111111-2222-5333-8444-555555555555' }
const hostile = '{{ lookup("pipe", "touch /tmp/pwned") }}'

let environment: PythonEnvironment
let network: GuestNetwork
let guests: Record<string, Guest>
let folder: string

beforeAll(async () => {
  environment = await ansible({})
  folder = await mkdtemp(join(tmpdir(), 'virtbridge-plays-'))
  network = await startGuestNetwork()
  guests = { [web]: await network.boot(uuids[web].toUpperCase()), [db]: await network.boot(uuids[db]) }
})
afterAll(async () => {
  await network[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

describe('onboard', () => {
  const authority = { name: 'fleet', pem: '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----' }
  const vars = { onboard_linux_ca_certificates: [authority], onboard_linux_packages: ['virtbridge-agent'] }

  beforeAll(() => publishPackage(guestOf(web), 'virtbridge-agent', '1.0'))

  test('in check mode tells what it would change, and changes nothing', async () => {
    const ended = await play('onboard', { limit: [web], vars, check: true })
    expect(faultOf(ended)).toBe('')
    expect(ended.recap[web]).toMatchObject({ failed: 0 })
    expect(ended.recap[web]?.['changed']).toBeGreaterThan(0)
    expect(ended.result[web]).toMatchObject({ verb: 'onboard', outcome: 'ok', check: true })
    expect(existsSync(join(guestOf(web).root, 'etc/virtbridge'))).toBe(false)
    expect(await versionOf(web, 'virtbridge-agent')).toBe('')
  })

  test('brings a new guest to the baseline, and the second time changes nothing', async () => {
    const first = await play('onboard', { limit: [web], vars })
    expect(faultOf(first)).toBe('')
    expect(first.recap[web]?.['changed']).toBeGreaterThan(2)
    expect(first.result).toEqual({
      [web]: { verb: 'onboard', outcome: 'ok', run_id: 'run-1', check: false, message: '' },
    })
    const marker = join(guestOf(web).root, 'etc/virtbridge/guest.json')
    expect(JSON.parse(await readFile(marker, 'utf8'))).toMatchObject({
      host: web,
      cluster: 'prod-1',
      namespace: 'shop',
      name: hostile,
    })
    expect(existsSync('/tmp/pwned')).toBe(false)
    expect(
      await readFile(join(guestOf(web).root, 'usr/local/share/ca-certificates/virtbridge-fleet.crt'), 'utf8'),
    ).toBe(`${authority.pem}\n`)
    expect(await versionOf(web, 'virtbridge-agent')).toBe('1.0')

    const again = await play('onboard', { limit: [web], vars, run: 'run-2' })
    expect(faultOf(again)).toBe('')
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
  })
})

describe('patch', () => {
  beforeAll(async () => {
    await publishPackage(guestOf(web), 'virtbridge-tool', '1.0')
    await run('chroot', [guestOf(web).root, 'dpkg', '--install', '/srv/packages/virtbridge-tool_1.0_all.deb'])
  })

  test('tells in check mode what it would do, then updates, then has nothing left to do', async () => {
    await publishPackage(guestOf(web), 'virtbridge-tool', '1.1')
    const tried = await play('patch', { limit: [web], check: true })
    expect(tried.result[web]).toMatchObject({ outcome: 'ok', check: true, changed: true, packages: [] })
    expect(await versionOf(web, 'virtbridge-tool')).toBe('1.0')

    const first = await play('patch', { limit: [web] })
    expect(faultOf(first)).toBe('')
    expect(first.result[web]).toEqual({
      verb: 'patch',
      outcome: 'ok',
      run_id: 'run-1',
      check: false,
      message: '',
      changed: true,
      packages: [{ name: 'virtbridge-tool', from: '1.0', to: '1.1' }],
      packages_count: 1,
      reboot: 'not_needed',
    })
    expect(await versionOf(web, 'virtbridge-tool')).toBe('1.1')

    const again = await play('patch', { limit: [web] })
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[web]).toMatchObject({ outcome: 'ok', changed: false, packages: [] })
  })

  test('tells that a reboot is needed, and does not reboot unless it is asked to', async () => {
    const mark = join(guestOf(web).root, 'run/reboot-required')
    await writeFile(mark, '')
    const ended = await play('patch', { limit: [web] })
    await rm(mark)
    expect(ended.result[web]).toMatchObject({ outcome: 'ok', reboot: 'needed' })
  })

  test('fails before it changes anything when the guest has no room', async () => {
    await publishPackage(guestOf(web), 'virtbridge-tool', '1.2')
    const before = await stateOf(web)
    const ended = await play('patch', { limit: [web], vars: { patch_linux_min_free_mb: 100_000_000 } })
    expect(ended.status).not.toBe(0)
    expect(ended.result[web]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('nothing was changed') as string,
    })
    expect(await stateOf(web)).toBe(before)
  })
})

describe.each(['onboard', 'patch'])('%s refuses', verb => {
  test('another guest than the inventory means, and goes on with the rest', async () => {
    const before = await stateOf(web)
    await publishPackage(guestOf(db), 'virtbridge-agent', '1.0')
    const ended = await play(verb, {
      limit: [web, db],
      count: 2,
      uuids: { [web]: '99999999-9999-5999-8999-999999999999' },
    })
    expect(ended.status).not.toBe(0)
    expect(ended.result).toMatchObject({
      [web]: { outcome: 'failed', message: expect.stringContaining('not the guest') as string },
      [db]: { outcome: 'ok' },
    })
    expect(ended.recap[web]).toMatchObject({ changed: 0 })
    expect(await stateOf(web)).toBe(before)
  })

  test.each<[string, string, Asked]>([
    ['a play without a limit', 'has no limit', { count: 2 }],
    ['a limit that means every host', 'has no limit', { limit: ['all'], count: 2 }],
    ['more hosts than were meant', 'matches 2 hosts, but 1 were meant', { limit: [web, db], count: 1 }],
    ['a play that nobody answers for', 'virtbridge_break_glass_reason', { limit: [web], run: '' }],
    ['a reason that is none', 'virtbridge_break_glass_reason', { limit: [web], run: '', reason: ' ' }],
  ])('%s', async (_, message, asked) => {
    const before = [await stateOf(web), await stateOf(db)]
    const ended = await play(verb, asked)
    expect(ended.status).not.toBe(0)
    expect(ended.stdout.replaceAll(/\s+/g, ' ')).toContain(message)
    for (const recap of Object.values(ended.recap)) expect(recap).toMatchObject({ changed: 0, failed: 1 })
    expect([await stateOf(web), await stateOf(db)]).toEqual(before)
  })
})

test('a person with a reason may run a play without a run', async () => {
  const ended = await play('patch', { limit: [web], run: '', reason: 'the bridge is down' })
  expect(faultOf(ended)).toBe('')
  expect(ended.result[web]).toMatchObject({ outcome: 'ok', run_id: '' })
})

interface Asked {
  readonly limit?: readonly string[]
  readonly run?: string
  readonly count?: number
  readonly reason?: string
  readonly vars?: Record<string, unknown>
  readonly check?: boolean
  readonly uuids?: Record<string, string>
}

type Played = RunResult & {
  /** Per host: how many tasks were ok, changed, failed, … */
  readonly recap: Record<string, Record<string, number>>
  /** What the play left by `set_stats` under the key `virtbridge`. */
  readonly result: Record<string, unknown>
}

/** Runs a play as a controller would: limit, extra variables, an inventory; with the guests' addresses in it. */
async function play(verb: string, asked: Asked): Promise<Played> {
  const inventory = join(folder, 'inventory.json')
  await writeFile(inventory, JSON.stringify(inventoryOf({ ...uuids, ...asked.uuids })))
  const run = asked.run ?? 'run-1'
  const extra = {
    ...(run === '' ? {} : { virtbridge_run_id: run, virtbridge_expected_count: asked.count ?? 1 }),
    ...(asked.reason === undefined ? {} : { virtbridge_break_glass_reason: asked.reason }),
    ...asked.vars,
  }
  const args = [
    join(root, 'playbooks', `${verb}.yml`),
    `--inventory=${inventory}`,
    `--private-key=${network.key}`,
    `--extra-vars=${JSON.stringify(extra)}`,
    '--skip-tags=virtbridge-0123456789abcdef0123456789abcdef',
    ...(asked.limit === undefined ? [] : ['--limit', asked.limit.join(',')]),
    ...(asked.check === true ? ['--check'] : []),
  ]
  const env = {
    ...environment.env,
    ANSIBLE_HOST_KEY_CHECKING: '0',
    ANSIBLE_SHOW_CUSTOM_STATS: '1',
    ANSIBLE_SSH_ARGS: '-o UserKnownHostsFile=/dev/null -o ControlMaster=no',
    ANSIBLE_PIPELINING: '1',
    PYTHONDONTWRITEBYTECODE: '1',
  }
  const ended = await network.run('ansible-playbook', args, { cwd: folder, env })
  return { ...ended, recap: recapOf(ended.stdout), result: resultOf(ended.stdout) }
}

/** All that was printed when a play failed, so that a broken test shows why. */
function faultOf({ status, stdout, stderr }: RunResult): string {
  return status === 0 ? '' : stdout + stderr
}

function inventoryOf(uuids: Record<string, string>): unknown {
  const hosts = Object.entries(uuids).map(([host, uuid]) => [
    host,
    {
      ansible_host: guestOf(host).address,
      ansible_user: 'root',
      ansible_python_interpreter: '/usr/bin/python3',
      kubevirt_cluster: 'prod-1',
      kubevirt_namespace: 'shop',
      kubevirt_name: { __ansible_unsafe: hostile },
      kubevirt_uid: '0b5a5c1e-6f0e-4d5e-9a39-0f3f0a1b2c3d',
      kubevirt_firmware_uuid: uuid,
    },
  ])
  return { all: { hosts: Object.fromEntries(hosts) as unknown } }
}

function recapOf(stdout: string): Played['recap'] {
  const lines = stdout.slice(stdout.indexOf('PLAY RECAP')).matchAll(/^(\S+)\s+: (ok=.*)$/gm)
  return Object.fromEntries(
    [...lines].map(([, host = '', counts = '']) => [
      host,
      Object.fromEntries([...counts.matchAll(/(\w+)=(\d+)/g)].map(([, key = '', value]) => [key, Number(value)])),
    ]),
  )
}

function resultOf(stdout: string): Played['result'] {
  const told = /CUSTOM STATS: \*+\s+RUN: (\{[^]*\})\s*$/.exec(stdout)?.[1]
  return told === undefined ? {} : (JSON.parse(told) as { virtbridge: Played['result'] }).virtbridge
}

function guestOf(host: string): Guest {
  const guest = guests[host]
  if (guest === undefined) throw new Error(`no guest ${host}`)
  return guest
}

async function versionOf(host: string, name: string): Promise<string> {
  const query = ['dpkg-query', '--show', '--showformat=${Version}', name]
  const found = await network.run('chroot', [guestOf(host).root, ...query])
  return found.status === 0 ? found.stdout : ''
}

/** A sum over whatever a play could change: every file under /etc, /usr and /var/lib/dpkg with its size, time and mode. */
async function stateOf(host: string): Promise<string> {
  const list = `find etc usr var/lib/dpkg -name 'lock*' -o -name __pycache__ -prune -o -printf '%p %s %T@ %m\\n'`
  return run('sh', ['-c', `cd "$1" && ${list} | sort | sha256sum`, 'state', guestOf(host).root])
}
