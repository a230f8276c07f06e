import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { brakeFinding } from '../../src/check/brake.ts'
import { checkViews } from '../../src/check/view.ts'
import type { Finding } from '../../src/check/check.ts'
import { parseConfig } from '../../src/config/index.ts'
import { openSqliteLog } from '../../src/log/index.ts'
import { loadObjects, readObjectFiles, startSimulatedController } from '../../src/simulator/controller/index.ts'
import { onPlural } from '../../src/simulator/kube/faults.ts'
import { VIEW } from '../../src/simulator/kube/access.ts'
import { HUB_RESOURCES } from '../../src/simulator/kube/resource.ts'
import { startWorld, TOKEN } from '../kube/world.ts'
import { type Clusters, kubeconfig, startClusters } from '../service/clusters.ts'
import { fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'
import { type Outcome, virtbridge } from './console.ts'

const SECRET = 'a-token-of-sixteen-and-more'
const TOKENS = [{ name: 'controller', token: { env: 'INVENTORY_TOKEN' } }]

let stack: AsyncDisposableStack
let folder: string
let clusters: Clusters
beforeAll(async () => {
  stack = new AsyncDisposableStack()
  folder = stack.use(await temporaryFolder()).path
  clusters = stack.use(await startClusters(folder, 'prod-1', 'dev-1'))
  for (const world of Object.values(clusters.worlds))
    world.server.access.grant('viewer', { user: 'viewer', rules: VIEW })
})
afterAll(() => stack.disposeAsync())

async function check(config: Record<string, unknown>, ...more: readonly string[]): Promise<Outcome> {
  const merged = {
    log: { path: './check.db' },
    http: { tokens: TOKENS },
    clusters: clusters.config.slice(0, 1),
    ...config,
  }
  const file = await fileIn(folder, 'check.yaml', stringify(merged))
  return virtbridge(['check', '-c', file, ...more], { INVENTORY_TOKEN: SECRET })
}

function failures(outcome: Outcome): readonly string[] {
  return outcome.out.split('\n').filter(line => line.startsWith('FAIL'))
}

test('when all is well every line is ok or a warning, and it ends with 0', async () => {
  const outcome = await check({})
  expect(outcome).toMatchObject({ code: 0, err: '' })
  const lines = outcome.out.split('\n').filter(line => !line.startsWith(' '))
  expect(lines).toEqual([
    expect.stringMatching(/^ok {4}log .*check\.db: writable, \d+ MB free$/),
    'ok    http token controller: may read',
    expect.stringMatching(/^ok {4}cluster prod-1: http:\/\/127\.0\.0\.1:\d+, Kubernetes v\S+, identity [0-9a-f-]{36}$/),
    'ok    cluster prod-1: virtualmachines: may be listed and watched',
    'ok    cluster prod-1: virtualmachineinstances: may be listed and watched',
    expect.stringMatching(/^ok {4}cluster prod-1: optional: .*virtualmachineinstancemigrations.* are read too/),
    'warn  controller: none is configured: events and inventory only, nothing is launched',
  ])
  expect(outcome.out).not.toContain(SECRET)
})

test('a cluster that is proven to have no KubeVirt is a warning, as the inventory does not wait for it', async () => {
  await using world = await startWorld({}, { resources: HUB_RESOURCES })
  const file = await fileIn(folder, 'bare', kubeconfig([{ name: 'bare', url: world.server.url, token: TOKEN }]))
  const outcome = await check({ clusters: [{ name: 'bare', kubeconfig: file, context: 'bare' }] })
  expect(outcome).toMatchObject({ code: 0 })
  expect(outcome.out).toContain('warn  cluster bare: KubeVirt is not installed there, so it has no VMs')
})

test('where a view shows hosts by the base domain of a cluster, it is said which it has, or why it has none', async () => {
  const inventory = {
    views: [{ name: 'old', format: 'kubevirt.core', kubevirt_core: { append_base_domain: true }, on_stale: 'fail' }],
  }
  const of = async (): Promise<readonly string[]> => {
    const outcome = await check({ inventory, watch: { services: true } })
    expect(outcome.code).toBe(0)
    return outcome.out.split('\n').filter(line => line.includes('base domain'))
  }
  expect(await of()).toEqual([
    'warn  cluster prod-1: base domain: it has no dnses.config.openshift.io "cluster" that says one: only OpenShift has',
  ])
})

test('the template of each configured verb is looked at, whoever launches it: what a rulebook does not need is not asked of its own', async () => {
  const token = 'a-token-of-the-controller'
  await using controller = await startSimulatedController({
    objects: loadObjects(readObjectFiles(new URL('../../deploy/aap/', import.meta.url))),
    tokens: { [token]: { user: 'virtbridge', scope: 'write', description: 'virtbridge' } },
  })
  controller.setPrompt('Day2 | Verify', 'skip_tags', false)
  controller.setPrompt('Day2 | Precheck', 'skip_tags', false)
  controller.setPrompt('Day2 | Configure', 'limit', false)
  const outcome = await check({
    controller: { url: controller.url, token: { file: await fileIn(folder, 'aap-token', token) } },
    verbs: {
      reboot: {},
      our_own: {},
      precheck: {},
      verify: { driver: 'eda' },
      configure: { driver: 'eda' },
      ssh_keys: { driver: 'off' },
      update: {
        steps: [
          { name: 'precheck', template: 'Day2 | Precheck' },
          { name: 'patch', template: 'Day2 | Patch' },
          { name: 'later', template: 'Day2 | Nowhere' },
        ],
      },
    },
  })
  const of = (verb: string): readonly string[] => outcome.out.split('\n').filter(line => line.includes(`(${verb})`))
  expect(outcome.code).toBe(3)
  expect(of('patch')).toEqual(['ok    job template "Day2 | Patch" (patch): prompts for limit, variables and skip tags'])
  expect(of('reboot')).toEqual([
    expect.stringMatching(/^ok .*"Day2 \| Reboot" \(reboot\): prompts for limit, variables and/),
  ])
  expect(of('our_own')).toEqual([
    expect.stringMatching(/^FAIL .*"Day2 \| Our Own" \(our_own\): .*knows no job template/),
  ])
  expect(of('precheck')).toEqual([expect.stringMatching(/^FAIL .*does not prompt for skip tags/)])
  expect([...of('update, step precheck'), ...of('update, step patch'), ...of('update, step later')]).toEqual([
    expect.stringMatching(/^FAIL .*"Day2 \| Precheck" .*does not prompt for skip tags/),
    expect.stringMatching(/^ok .*"Day2 \| Patch" .*prompts for limit/),
    expect.stringMatching(/^FAIL .*"Day2 \| Nowhere" .*knows no job template/),
  ])
  // The shipped template of verify is one for the bridge, which updates the inventory itself.
  expect(of('verify')).toEqual([expect.stringMatching(/^warn .*is not updated before a job: a rulebook launches on/)])
  expect(of('configure')[0]).toMatch(/^FAIL .*does not prompt for a limit/)
  expect(outcome.out).toContain('ok    verb ssh_keys: its driver is off: nobody launches it')
  expect(outcome.out).toMatch(
    /^ok {4}what starts by itself: onboard, on at most 50 hosts within 3600 s; one more asks/m,
  )
  expect(outcome.out).not.toContain(token)
})

test.each([
  ['bridge', 50, 3_600, 'ok', 'onboard, on at most 50 hosts within 3600 s; one more asks a person'],
  ['bridge', 1_000, 3_600, 'ok', 'onboard, on at most 1000 hosts within 3600 s; one more asks a person'],
  ['bridge', 1_001, 3_600, 'warn', expect.stringMatching(/one more asks a person, which brakes next to nothing$/)],
  ['bridge', 50, 1, 'warn', expect.stringMatching(/at most 50 hosts within 1 s.*brakes next to nothing$/)],
  ['eda', 100_000, 1, 'ok', 'nothing: the driver of onboard is eda'],
  ['off', 1, 1, 'ok', 'nothing: the driver of onboard is off'],
] as const)('of onboarding by %s, braked at %d hosts in %d s: %s', (driver, hosts, seconds, result, detail) => {
  const text = stringify({
    verbs: { onboard: { driver } },
    dispatch: { brake: { hosts, per_seconds: seconds } },
    http: { tokens: TOKENS },
    clusters: [{ name: 'prod-1', kubeconfig: 'k' }],
  })
  expect(brakeFinding(parseConfig(text, 'check.yaml'))).toMatchObject({ what: 'what starts by itself', result, detail })
})

test.each([
  [
    '{format: kubevirt.core}',
    [expect.stringContaining('in the format kubevirt.core nothing says that a cluster can not be seen')],
  ],
  ['{format: kubevirt.core, on_stale: fail}', []],
  ['{format: kubevirt.core, kubevirt_core: {state: true}}', []],
  ['{format: virtbridge}', []],
])('of a view %s it says that nothing marks a host whose cluster can not be seen, or nothing', (view, details) => {
  const text = `clusters: [{name: a, in_cluster: true}]\nwatch: {services: true}\ninventory: {views: [{name: v, ${view.slice(1)}]}`
  const findings = [...checkViews(parseConfig(text, 'check.yaml'))]
  expect(findings.map(({ detail }) => detail)).toEqual(details)
  expect(findings.map(({ what, result }) => `${result} ${what}`)).toEqual(details.map(() => 'warn view v'))
})

test('templates that people launch, and what a template brings with it, are looked at too', async () => {
  const token = 'a-token-of-the-controller'
  const objects = loadObjects(readObjectFiles(new URL('../../deploy/aap/', import.meta.url)))
  const patch = objects.templates.find(({ name }) => name === 'Day2 | Patch')
  if (patch === undefined) throw new Error('there is no template to patch')
  objects.templates.push({ ...patch, name: 'Monthly', limit: '', job_slice_count: 3 })
  for (const template of objects.templates) {
    if (template.name === 'Day2 | Reboot') template.extra_vars = '---\nansible_host: 10.0.0.9\nansible_user: x\n'
    if (template.name === 'Break glass | Patch') template.limit = ''
  }
  await using controller = await startSimulatedController({
    objects,
    tokens: { [token]: { user: 'virtbridge', scope: 'write', description: 'virtbridge' } },
    users: { virtbridge: { superuser: true } },
  })
  const outcome = await check({
    controller: { url: controller.url, token: { file: await fileIn(folder, 'aap-token', token) } },
    verbs: { reboot: {}, patch: { also: ['Monthly', 'Nowhere'] } },
  })
  const of = (template: string): readonly string[] =>
    outcome.out.split('\n').filter(line => line.includes(`"${template}"`))
  expect(of('Monthly')).toEqual([
    expect.stringMatching(/^warn .*\(patch, for people\): its own limit is empty, which is every host/),
    expect.stringMatching(/^warn .*it is cut into 3 slices/),
  ])
  expect(of('Nowhere')).toEqual([expect.stringMatching(/^warn .*knows no job template/)])
  expect(of('Break glass | Patch')).toEqual([expect.stringMatching(/^warn .*its own limit is empty/)])
  expect(of('Day2 | Reboot')).toEqual([
    expect.stringMatching(/^FAIL .*its own variables say ansible_host: all its hosts are that one/),
    expect.stringMatching(/^warn .*its own variables say ansible_user, for every host/),
  ])
  expect(outcome.code).toBe(3)
  for (const project of controller.store.projects.all()) project.status = 'failed'
  const broken = await check({
    controller: { url: controller.url, token: { file: await fileIn(folder, 'aap-token', token) } },
  })
  expect(broken.out).toMatch(/^FAIL .*"Day2 \| Patch" \(patch\): the last update of its project failed/m)
})

test('for programs it is one JSON array, with the same exit code', async () => {
  const good = await check({}, '--json')
  const findings = JSON.parse(good.out) as Finding[]
  expect(good.code).toBe(0)
  expect(findings.length).toBeGreaterThan(4)
  for (const finding of findings) expect(Object.keys(finding).sort()).toEqual(['detail', 'hint', 'result', 'what'])
  const bad = await check({ clusters: [{ name: 'x', kubeconfig: 'nowhere' }] }, '--json')
  expect([bad.code, (JSON.parse(bad.out) as Finding[]).filter(finding => finding.result === 'fail')]).toEqual([
    3,
    [expect.objectContaining({ what: 'cluster x' })],
  ])
})

test.each<
  [what: string, arrange: () => Promise<Record<string, unknown>> | Record<string, unknown>, line: RegExp, hint: RegExp]
>([
  [
    'a resource that is forbidden',
    () =>
      withToken('nobody-may', {
        user: 'n',
        rules: [
          { groups: [''], resources: ['namespaces'], verbs: ['get'] },
          { groups: ['kubevirt.io'], resources: ['virtualmachines'], verbs: ['list', 'watch'] },
        ],
      }),
    /^FAIL {2}cluster dev-1: virtualmachineinstances: may not list and watch$/,
    /ClusterRole/,
  ],
  [
    'a wrong token',
    () => withToken('wrong', null),
    /^FAIL {2}cluster dev-1: http:.*: Unauthorized$/,
    /renew the credentials/,
  ],
  [
    'a cluster that is not there',
    async () => kubeconfigOf('http://127.0.0.1:9', 'x'),
    /^FAIL {2}cluster dev-1: https?:.*: connect ECONNREFUSED/,
    /check the URL/,
  ],
  [
    'a cluster whose KubeVirt has no VMs to show',
    () => withFault(),
    /^FAIL {2}cluster dev-1: virtualmachines: /,
    /install OpenShift Virtualization or KubeVirt/,
  ],
  [
    'a kubeconfig that is broken',
    async () => broken('clusters: ['),
    /^FAIL {2}cluster dev-1: kubeconfig /,
    /valid YAML|check the path|context/,
  ],
  [
    'a certificate that nobody vouches for',
    async () => kubeconfigOf(await untrusted(), 'x'),
    /^FAIL {2}cluster dev-1: .*certificate/i,
    /certificate-authority-data/,
  ],
  [
    'a token of the API that is not there',
    () => ({ http: { tokens: [{ name: 'gone', token: { file: 'nowhere' } }] } }),
    /^FAIL {2}http token gone: the secret file .*nowhere can not be read/,
    /create it/,
  ],
  [
    'a controller that does not answer',
    () => ({ controller: { url: 'http://127.0.0.1:9', token: { env: 'INVENTORY_TOKEN' } } }),
    /^FAIL {2}controller http:\/\/127\.0\.0\.1:9: /,
    /Check the address/,
  ],
  [
    'a controller whose authority is not there',
    () => ({ controller: { url: 'https://127.0.0.1:9', token: { env: 'INVENTORY_TOKEN' }, ca_file: 'nowhere.pem' } }),
    /^FAIL {2}controller .*nowhere\.pem/,
    /./,
  ],
  [
    'a log below a file',
    () => ({ log: { path: './kubeconfig/v.db' } }),
    /^FAIL {2}log .*kubeconfig\/v\.db: .*is no folder/,
    /./,
  ],
  [
    'a log that is damaged',
    async () => ({ log: { path: await fileIn(folder, 'damaged.db', 'not a database '.repeat(500)) } }),
    /^FAIL {2}log .*damaged\.db: .*not a database/,
    /backup/,
  ],
])('%s is one FAIL line with a next step, and it ends with 3', async (_what, arrange, line, hint) => {
  const outcome = await check(await arrange())
  expect(failures(outcome)).toEqual([expect.stringMatching(line)])
  const all = outcome.out.split('\n')
  const index = all.findIndex(one => one.startsWith('FAIL'))
  expect(all[index + 1]).toMatch(/^ {6}\S/)
  expect(all[index + 1]).toMatch(hint)
  expect([outcome.code, outcome.err]).toEqual([3, ''])
  expect(outcome.out).toContain('controller')
})

test('a folder that the start would make is no fault, and is not made', async () => {
  const { code, out } = await check({ log: { path: './later/on/v.db' } })
  expect([code, out]).toEqual([0, expect.stringMatching(/^ok {4}log .*later\/on\/v\.db: writable/) as string])
  expect(existsSync(join(folder, 'later'))).toBe(false)
})

test('a clock that is far from what the log has seen pass is warned of', async () => {
  await using own = await temporaryFolder()
  const file = join(own.path, 'v.db')
  const long = { retentionMs: 1e12, auditRetentionMs: 1e12 }
  await (await openSqliteLog({ file, ...long, clocks: { now: () => 0, steady: () => 0 } }))[Symbol.asyncDispose]()
  const { code, out } = await check({ log: { path: file } })
  expect(code).toBe(0)
  expect(out).toMatch(
    /^warn {2}log .*v\.db: the clock of this machine is \d+ days ahead of the time that the log has seen/m,
  )
  expect(out).toMatch(/^ok {4}log .*v\.db: writable/m)
})

test('a log that is held by a virtbridge that runs is well, and says by whom', async () => {
  await using own = await temporaryFolder()
  await using bridge = await startBridge(own.path, { clusters: [{ name: 'x', kubeconfig: 'nowhere' }] })
  expect(bridge.url).toContain('http')
  const { code, out } = await check({ log: { path: join(own.path, 'virtbridge.db') } })
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(new RegExp(`^ok +log [^ ]+: is held by process ${process.pid} on `)) as string,
  ])
})

test('a short token is warned of, and not shown', async () => {
  const { code, out } = await check({
    http: { tokens: [{ name: 'short', token: { file: await fileIn(folder, 'short', 'hunter2') } }] },
  })
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(
      /^warn {2}http token short: lets nobody in: it is shorter than 16 characters, or no hash$/m,
    ) as string,
  ])
  expect(out).not.toContain('hunter2')
})

async function kubeconfigOf(url: string, token: string): Promise<Record<string, unknown>> {
  await fileIn(folder, 'other', kubeconfig([{ name: 'dev-1', url, token }]))
  return { clusters: [...clusters.config.slice(0, 1), { name: 'dev-1', kubeconfig: 'other', context: 'dev-1' }] }
}

async function withToken(
  token: string,
  identity: Parameters<Clusters['worlds'][string]['server']['access']['grant']>[1] | null,
): Promise<Record<string, unknown>> {
  const world = clusters.worlds['dev-1']
  if (identity !== null) world?.server.access.grant(token, identity)
  return kubeconfigOf(world?.server.url ?? '', token)
}

function withFault(): Promise<Record<string, unknown>> {
  const world = clusters.worlds['dev-1']
  world?.server.faults.plant({ kind: 'absent' }, onPlural('virtualmachines'))
  return kubeconfigOf(world?.server.url ?? '', 'viewer')
}

async function broken(content: string): Promise<Record<string, unknown>> {
  await fileIn(folder, 'broken', content)
  return { clusters: [...clusters.config.slice(0, 1), { name: 'dev-1', kubeconfig: 'broken', context: 'dev-1' }] }
}

/** An API server whose certificate nobody vouches for. */
async function untrusted(): Promise<string> {
  const pem = (name: string): string =>
    readFileSync(new URL(`../fixtures/controller-tls/${name}.pem`, import.meta.url), 'utf8')
  const server = createServer({ key: pem('key'), cert: pem('certificate') }, (_, response) => void response.end('{}'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  return `https://localhost:${(server.address() as AddressInfo).port}`
}
