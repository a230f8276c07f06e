import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readCrds } from '../servers/crds.ts'
import { startEtcd } from '../servers/etcd.ts'
import { startKubeApiserver, type KubeApiserver } from '../servers/kube-apiserver.ts'
import { kubernetesVersion } from '../servers/kube-binaries.ts'
import { KubeClient } from '../servers/kube-client.ts'
import { ansible, rulebook } from '../servers/python-environment.ts'
import { run } from '../servers/run.ts'

const crdPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const vms = '/apis/kubevirt.io/v1/virtualmachines'

function vm(name: string): Record<string, unknown> {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name, namespace: 'default' },
    spec: { runStrategy: 'Always', template: { spec: { domain: { devices: {} } } } },
  }
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

let api: KubeApiserver
beforeAll(async () => {
  api = await startKubeApiserver({ crds: 'all' })
})
afterAll(() => api[Symbol.asyncDispose]())

test('the API server answers over TLS with its own CA, tells its version and serves every definition', async () => {
  expect(await api.client.get('/version')).toMatchObject({ major: '1', minor: '34', gitVersion: kubernetesVersion })

  const list = await api.client.get<{ items: { metadata: { name: string }; status: { conditions: unknown } }[] }>(
    crdPath,
  )
  expect(list.items.map(crd => crd.metadata.name).sort()).toEqual([...(await readCrds()).keys()].sort())
  for (const crd of list.items) {
    expect(crd.status.conditions).toContainEqual(expect.objectContaining({ type: 'Established', status: 'True' }))
  }
  const config = parse(api.kubeconfig('hub1', api.adminToken)) as { clusters: unknown[]; 'current-context': string }
  expect(config['current-context']).toBe('hub1')
  expect(config.clusters).toEqual([
    {
      name: 'hub1',
      cluster: { server: api.url, 'certificate-authority-data': Buffer.from(api.ca).toString('base64') },
    },
  ])
})

test('a user has the rights of RBAC and no more, and none once shut out', async () => {
  api.addUser({ token: 'reader-token', name: 'reader' })
  const rbac = '/apis/rbac.authorization.k8s.io/v1'
  await api.client.apply(`${rbac}/clusterroles/vm-reader`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'vm-reader' },
    rules: [{ apiGroups: ['kubevirt.io'], resources: ['virtualmachines'], verbs: ['list'] }],
  })
  await api.client.apply(`${rbac}/clusterrolebindings/vm-reader`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'vm-reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'vm-reader' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'reader' }],
  })
  const as = (token: string, path: string): Promise<number> =>
    api.client.request('GET', path, { token }).then(a => a.status)

  await expect.poll(() => as('reader-token', vms), { timeout: 60_000 }).toBe(200)
  expect(await as('reader-token', '/api/v1/secrets')).toBe(403)
  expect(await as('nobody', vms)).toBe(401)

  // A token that was let in is remembered for 10 s, so one that was not used yet shows the effect at once.
  api.addUser({ token: 'late-token', name: 'reader' })
  api.removeUser('late-token')
  expect(await as('late-token', vms)).toBe(401)

  const token = await api.createServiceAccountToken('virtbridge', 'virtbridge')
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  expect(await api.client.expect('POST', path, { body: review, token })).toMatchObject({
    status: { userInfo: { username: 'system:serviceaccount:virtbridge:virtbridge' } },
  })
})

test('a restart, gentle or not, keeps the URL, the certificate and the data', async () => {
  const path = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines'
  await api.client.apply(`${path}/web-1`, vm('web-1'))

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const before = api.pid()
    await api.restart(signal)
    expect(api.pid()).not.toBe(before)
    await using fresh = new KubeClient({ url: api.url, ca: api.ca, token: api.adminToken })
    await expect.poll(() => fresh.request('GET', `${path}/web-1`).then(a => a.status), { timeout: 60_000 }).toBe(200)
  }
})

test('clusters that share an etcd are strangers, and a compaction makes an old resourceVersion Gone', async () => {
  await using etcd = await startEtcd()
  const options = { etcd, crds: ['virtualmachines.kubevirt.io'], watchCache: false }
  await using one = await startKubeApiserver(options)
  await using other = await startKubeApiserver(options)
  const path = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines'
  const identity = (client: KubeClient): Promise<unknown> =>
    client.get('/api/v1/namespaces/kube-system').then(namespace => namespace.metadata.uid)
  expect(await identity(one.client)).not.toBe(await identity(other.client))

  const first = await one.client.create(path, vm('web-1'))
  await one.client.create(path, vm('web-2'))
  await one.client.create(path, vm('web-3'))
  expect(await other.client.get(path)).toMatchObject({ items: [] })

  await etcd.compact()
  const old = `${path}?watch=1&timeoutSeconds=1&resourceVersion=${first.metadata.resourceVersion}`
  expect(JSON.stringify(await one.client.request('GET', old))).toMatch(/"code":\s*410|\\"code\\":410/)
})

test('nothing is left after a stop', async () => {
  const api = await startKubeApiserver()
  const pid = api.pid()
  await access(api.logFile)

  await api[Symbol.asyncDispose]()

  expect(alive(pid)).toBe(false)
  await expect(access(dirname(api.logFile))).rejects.toThrow('ENOENT')
  await expect(api.client.request('GET', '/readyz')).rejects.toThrow(/./)
})

test('nothing is left when the process that started a server is killed', async () => {
  const script = `
    import { startEtcd } from ${JSON.stringify(join(import.meta.dirname, '../servers/etcd.ts'))}
    const etcd = await startEtcd()
    console.log(etcd.url)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const health = `${line.toString().trim()}/health`
  expect((await fetch(health)).ok).toBe(true)

  child.kill('SIGKILL')

  await expect
    .poll(
      () =>
        fetch(health).then(
          () => 'answers',
          () => 'gone',
        ),
      { timeout: 60_000 },
    )
    .toBe('gone')
})

test('ansible-core and ansible-rulebook are the versions that are pinned', async () => {
  const core = await ansible()
  expect(await run(join(core.bin, 'ansible'), ['--version'], { env: core.env })).toContain('ansible [core 2.19.14]')

  const rules = await rulebook()
  const told = await run(join(rules.bin, 'ansible-rulebook'), ['--version'], { env: rules.env })
  expect(told).toContain('ansible-rulebook [1.3.2]')
  const older = await rulebook({ version: '1.1.7' })
  expect(await run(join(older.bin, 'ansible-rulebook'), ['--version'], { env: older.env })).toContain('[1.1.7]')
  expect(told).toContain('Drools_jpy version = 0.4.1')
})
