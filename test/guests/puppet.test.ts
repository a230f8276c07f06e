import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../servers/run.ts'
import { servicesRecipe } from '../servers/services-root.ts'
import type { Guest } from './guest-network.ts'
import { playTruly } from './play-truly.ts'
import { type Asked, faultOf, type Played, Stage } from './stage.ts'

const web = 'web-1.shop.prod-1'
/** As Foreman's: what classes a host has. Who is not known is refused, never given nothing. */
const ENC =
  '#!/bin/sh\ncase $1 in\n  web-1.*) echo "classes: {motd: {text: from the fleet}}" ;;\n  *) exit 1 ;;\nesac\n'
const CLASS = `class motd($text) { file { '/etc/motd': content => "\${text}\n" } }\n`
const BROKEN = `class motd($text) { file { '/no/such/folder/motd': content => $text } }\n`
const MANIFEST = 'etc/puppet/code/environments/production/modules/motd/manifests/init.pp'
/** One guest asks it, a few times: small rather than fast. It says by a 1 in its restart file that it answers. */
const SERVER = [
  'mkdir -p /run/puppetserver && cd /run/puppetserver && echo -n 0 > restart && chown -R puppet: .',
  `setsid setpriv --reuid puppet --regid puppet --init-groups env HOME=/var/lib/puppet java -Xms256m -Xmx768m -XX:+UseSerialGC \
-XX:TieredStopAtLevel=1 -Djruby.lib=/usr/share/jruby/lib -Djruby.logger.class=com.puppetlabs.jruby_utils.jruby.Slf4jLogger \
-jar /usr/share/puppetserver/puppetserver.jar --config /etc/puppet/puppetserver/conf.d \
--bootstrap-config /etc/puppet/puppetserver/services.d --restart-file /run/puppetserver/restart \
> /var/log/puppetserver/out 2>&1 < /dev/null &`,
].join('\n')

let stage: Stage
let server: Guest
let root: string

beforeAll(async () => {
  stage = await Stage.set({ [web]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b' })
  root = stage.guest(web).root
  server = await stage.network.boot('00000000-0000-4000-8000-000000008140', servicesRecipe)
  await writeFile(join(server.root, 'etc/puppet/enc'), ENC, { mode: 0o755 })
  await run('mkdir', ['-p', join(server.root, MANIFEST, '..')])
  await writeFile(join(server.root, MANIFEST), CLASS)
  await appendFile(join(server.root, 'etc/hosts'), '127.0.0.1 localhost\n')
  await appendFile(join(root, 'etc/hosts'), `${server.address} puppet.example.com\n`)
  const says = join(server.root, 'run/puppetserver/restart')
  await stage.network.serve(server, SERVER, async () => (await readFile(says, 'utf8')).startsWith('1'))
})
afterAll(() => stage[Symbol.asyncDispose]())

/** Where the authority is asked, and as whom. */
function authority(): Record<string, string> {
  return {
    puppet_agent_authority_url: `https://${server.address}:8140`,
    puppet_agent_authority_ca: join(server.root, 'var/lib/puppet/ssl/certs/ca.pem'),
    puppet_agent_authority_certificate: join(server.root, 'var/lib/puppet/ssl/certs/virtbridge.pem'),
    puppet_agent_authority_key: join(server.root, 'var/lib/puppet/ssl/private_keys/virtbridge.pem'),
  }
}

function puppet(vars: Record<string, unknown> = {}, asked: Asked = {}): ReturnType<Stage['play']> {
  const all = { puppet_agent_server: 'puppet.example.com', ...authority(), ...vars }
  return stage.play('puppet_agent', { limit: [web], ...asked, vars: all })
}

/** A guest that a first look put under Puppet is none any more. */
async function neverSeen(): Promise<void> {
  if (!existsSync(join(root, 'usr/bin/puppet'))) return
  await puppet({ puppet_agent_state: 'absent' })
  await stage.inside(web, 'dpkg --purge puppet puppet-agent; rm -rf /var/lib/puppet /etc/puppet /etc/motd')
}

const signed = (): boolean => existsSync(join(server.root, `etc/puppet/puppetserver/ca/signed/${web}.pem`))

describe('puppet_agent', () => {
  test('tells in check mode what it would do; registers the guest, lets it become what the server says, and the second time changes nothing', async () => {
    const asking = (_verb: string, check: boolean): Promise<Played> => puppet({}, { check })
    const state = async (): Promise<unknown> => [await stage.stateOf(web), signed()]
    await neverSeen()
    const { tried, done: first, after } = await playTruly('puppet_agent', asking, state)
    expect(tried.result[web]).toMatchObject({ outcome: 'ok', check: true, puppet: 'not_installed' })
    expect(first.result[web]).toMatchObject({
      verb: 'puppet_agent',
      outcome: 'ok',
      puppet: 'changed',
      resources_changed: 1,
    })
    expect(after.result[web]).toMatchObject({ check: true, puppet: 'unchanged' })
    expect(await motd()).toBe('from the fleet\n')
    expect(signed()).toBe(true)
    expect(await stage.inside(web, 'service puppet status')).toMatchObject({ status: 0 })
    const again = await puppet()
    expect(faultOf(again)).toBe('')
    expect(again.recap[web]).toMatchObject({ changed: 0, failed: 0 })
    expect(again.result[web]).toMatchObject({ puppet: 'unchanged', resources_failed: 0 })
  })

  test('in check mode tells what drifted, and leaves it', async () => {
    await stage.inside(web, 'service puppet stop')
    await writeFile(join(root, 'etc/motd'), 'by hand\n')
    const ended = await puppet({ puppet_agent_service: false }, { check: true })
    expect(faultOf(ended)).toBe('')
    expect(ended.result[web]).toMatchObject({ outcome: 'ok', puppet: 'drifted', resources_out_of_sync: 1 })
    expect(await motd()).toBe('by hand\n')
  })

  test('fails a guest on which Puppet fails, and says at what', async () => {
    await writeFile(join(server.root, MANIFEST), BROKEN)
    const ended = await puppet({ puppet_agent_service: false })
    await writeFile(join(server.root, MANIFEST), CLASS)
    expect(ended.result[web]).toMatchObject({
      outcome: 'failed',
      puppet: 'failed',
      resources_failed: 1,
      message: expect.stringMatching(/1 of its resources failed: .*no\/such\/folder/) as string,
    })
  })

  test('fails a guest whose server does not answer, and says so', async () => {
    const ended = await puppet({ puppet_agent_service: false, puppet_agent_port: 9 })
    expect(ended.result[web]).toMatchObject({
      outcome: 'failed',
      puppet: 'not_run',
      message: expect.stringContaining('puppet.example.com port 9 does not answer') as string,
    })
  })

  test('refuses another guest of the same name until it is told to replace it', async () => {
    await rm(join(root, 'var/lib/puppet/ssl'), { recursive: true })
    const refused = await puppet({ puppet_agent_service: false })
    expect(refused.result[web]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('puppet_agent_replace') as string,
    })
    await rm(join(root, 'var/lib/puppet/ssl'), { recursive: true })
    const replaced = await puppet({ puppet_agent_service: false, puppet_agent_replace: true })
    expect(faultOf(replaced)).toBe('')
    expect(replaced.result[web]).toMatchObject({ outcome: 'ok', puppet: 'changed' })
  })

  test('tells in check mode that it would take the guest out, does so here and on the authority, once', async () => {
    const absent = (_verb: string, check: boolean): Promise<Played> =>
      puppet({ puppet_agent_state: 'absent' }, { check })
    const ssl = (): boolean => existsSync(join(root, 'var/lib/puppet/ssl'))
    const state = async (): Promise<unknown> => [await stage.stateOf(web), signed(), ssl(), await revoked()]
    // A first look may have taken it out.
    if (!signed()) await puppet({ puppet_agent_service: false, puppet_agent_replace: true })
    const { tried, done: first } = await playTruly('puppet_agent', absent, state)
    expect(tried.result[web]).toMatchObject({ outcome: 'ok', certificate: 'would_be_revoked' })
    expect(first.result[web]).toMatchObject({ outcome: 'ok', puppet: 'absent', certificate: 'revoked' })
    expect([signed(), ssl()]).toEqual([false, false])
    const again = await absent('puppet_agent', false)
    expect(faultOf(again)).toBe('')
    expect(again.recap[web]).toMatchObject({ changed: 0 })
    expect(again.result[web]).toMatchObject({ certificate: 'not_there' })
  })
})

describe('offboard from puppet_agent', { timeout: 600_000 }, () => {
  const gone = { kubevirt_name: 'web-1', kubevirt_status: 'Stopped', offboard_from: ['puppet_agent'] }
  const offboard = (since: string, check = false): ReturnType<Stage['play']> =>
    stage.play('offboard', {
      limit: [web],
      hostvars: { [web]: { ...gone, ...authority() } },
      check,
      vars: { offboard_since: since, offboard_grace: 0 },
    })

  /** Whatever was before. */
  const register = async (): Promise<void> => {
    await rm(join(root, 'var/lib/puppet/ssl'), { recursive: true, force: true })
    expect(faultOf(await puppet({ puppet_agent_service: false, puppet_agent_replace: true }))).toBe('')
  }

  test('takes the certificate of a guest that is gone back on the authority, and the second time changes nothing', async () => {
    await register()
    const before = await revoked()
    const since = new Date().toISOString().replace(/\..*/, 'Z')
    const tried = await offboard(since, true)
    expect(faultOf(tried)).toBe('')
    expect([tried.recap[web]?.['changed'], signed()]).toEqual([1, true])
    const first = await offboard(since)
    expect(faultOf(first)).toBe('')
    expect(first.result[web]).toMatchObject({ outcome: 'ok', removed_from: ['puppet_agent'] })
    expect([signed(), await revoked()]).toEqual([false, before + 1])
    const again = await offboard(since)
    expect(faultOf(again)).toBe('')
    expect(again.recap[web]).toMatchObject({ changed: 0 })
  })

  test('takes nothing from another guest of that name, whose certificate is younger', async () => {
    await register()
    const ended = await offboard('2026-01-01T00:00:00Z')
    expect(ended.result[web]).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining('of another guest of that name. Nothing was taken from it') as string,
    })
    expect(signed()).toBe(true)
  })
})

/** How many certificates the authority has taken back. */
async function revoked(): Promise<number> {
  const list = await run('openssl', ['crl', '-noout', '-text', '-in', join(server.root, 'var/lib/puppet/ssl/crl.pem')])
  return [...list.matchAll(/Serial Number:/g)].length
}

async function motd(): Promise<string> {
  return readFile(join(root, 'etc/motd'), 'utf8')
}
