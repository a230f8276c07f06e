import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/index.ts'
import { HUB_SECRETS, HUB_VIEW, SERVICES_VIEW, VIEW } from '../../src/simulator/kube/access.ts'
import { startKubeApiserver, type KubeApiserver } from '../servers/kube-apiserver.ts'
import { kubeBinaries } from '../servers/kube-binaries.ts'
import type { KubeObject } from '../servers/kube-client.ts'
import { run } from '../servers/run.ts'

const folder = join(import.meta.dirname, '..', '..', 'deploy', 'kubernetes')
const overlays = [
  'base',
  'openshift',
  'hub-rbac',
  'hub-secrets-rbac',
  'managed-rbac',
  'managed-account-rbac',
  'services-rbac',
  'day2-rbac',
]
const kubevirt = '/apis/kubevirt.io/v1'

interface Rule {
  verbs?: string[]
  apiGroups?: string[]
  resources?: string[]
  resourceNames?: string[]
}

let api: KubeApiserver
let home = ''

beforeAll(async () => {
  api = await startKubeApiserver({ crds: 'all' })
  home = await mkdtemp(join(tmpdir(), 'virtbridge-kubectl-'))
  await writeFile(join(home, 'kubeconfig'), api.kubeconfig('test', api.adminToken), { mode: 0o600 })
  await kubectl('create', 'namespace', 'virtbridge')
  await kubectl('create', 'namespace', 'virtbridge-day2')
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

async function kubectl(...args: string[]): Promise<string> {
  const env = { HOME: home, KUBECONFIG: join(home, 'kubeconfig'), PATH: process.env['PATH'] }
  return run((await kubeBinaries()).kubectl, args, { env })
}

async function build(overlay: string): Promise<KubeObject[]> {
  const text = await kubectl('kustomize', join(folder, overlay))
  return parseAllDocuments(text).map(document => document.toJS() as KubeObject)
}

async function find(overlay: string, kind: string): Promise<KubeObject> {
  const found = (await build(overlay)).find(object => object.kind === kind)
  if (found === undefined) throw new Error(`no ${kind} in ${overlay}`)
  return found
}

async function status(token: string, method: string, path: string, body?: unknown): Promise<number> {
  return (await api.client.request(method, path, { token, ...(body === undefined ? {} : { body }) })).status
}

describe('the manifests', () => {
  test.each(overlays)('%s: the API server takes every object, and knows every field of it', async overlay => {
    const objects = await build(overlay)

    const flags = ['--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict']
    const told = await kubectl('apply', ...flags, '-k', join(folder, overlay))

    expect(objects.length).toBeGreaterThan(1)
    expect(told.trim().split('\n')).toHaveLength(objects.length)
    for (const line of told.trim().split('\n')) expect(line).toMatch(/serverside-applied \(server dry run\)$/)
  })

  test.each(['base', 'openshift'])(
    '%s: its pod is within the restricted standard that its namespace enforces',
    async overlay => {
      const namespace = await find(overlay, 'Namespace')
      await api.client.apply('/api/v1/namespaces/virtbridge', namespace)
      const deployment = await find(overlay, 'Deployment')
      const { template } = deployment['spec'] as { template: { metadata: object; spec: { containers: object[] } } }
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...template.metadata, name: 'one' },
        spec: template.spec,
      }
      const create = (body: unknown): Promise<number> =>
        status(api.adminToken, 'POST', '/api/v1/namespaces/virtbridge/pods?dryRun=All', body)

      expect(await create(pod)).toBe(201)
      const lax = { ...pod.spec, containers: [{ ...pod.spec.containers[0], securityContext: {} }] }
      expect(await create({ ...pod, spec: lax })).toBe(403)
    },
  )

  test('OpenShift is asked for no group of ours', async () => {
    expect(JSON.stringify(await find('base', 'Deployment'))).toContain('fsGroup')
    expect(JSON.stringify(await find('openshift', 'Deployment'))).not.toContain('fsGroup')
  })

  test('the old pod is gone before the new one opens the log', async () => {
    expect((await find('base', 'Deployment'))['spec']).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } })
  })

  test('the configuration in it is valid, and every secret it names is mounted', async () => {
    const configMap = await find('base', 'ConfigMap')
    const { 'virtbridge.yaml': source } = configMap['data'] as Record<string, string>
    const config = parseConfig(source ?? '', '/etc/virtbridge/config/virtbridge.yaml')

    expect(config.clusters).toMatchObject([{ in_cluster: true }])
    for (const { token } of config.http.tokens)
      expect(token).toMatchObject({ file: expect.stringMatching(/^\/etc\/virtbridge\/secrets\//) })
    const deployment = JSON.stringify(await find('base', 'Deployment'))
    for (const path of ['/etc/virtbridge/config', '/etc/virtbridge/secrets', '/var/lib/virtbridge']) {
      expect(deployment).toContain(`"mountPath":"${path}"`)
    }
    // A file that is mounted by its subPath never changes.
    expect(deployment).not.toContain('subPath')
    expect(deployment).toContain('"args":["serve","--config","/etc/virtbridge/config/virtbridge.yaml"]')
    expect(config.log.path).toMatch(/^\/var\/lib\/virtbridge\//)
  })
})

describe('the rights as shipped', () => {
  const allowed = [
    ['GET', `${kubevirt}/virtualmachines?limit=1`],
    ['GET', `${kubevirt}/virtualmachines?watch=1&timeoutSeconds=1`],
    ['GET', `${kubevirt}/virtualmachineinstances?limit=1`],
    ['GET', `${kubevirt}/virtualmachineinstances?watch=1&timeoutSeconds=1`],
    ['GET', `${kubevirt}/virtualmachineinstancemigrations?limit=1`],
    ['GET', '/apis/snapshot.kubevirt.io/v1beta1/virtualmachinesnapshots?limit=1'],
    ['GET', '/apis/snapshot.kubevirt.io/v1beta1/virtualmachinerestores?limit=1'],
    ['GET', '/api/v1/persistentvolumeclaims?limit=1'],
    ['GET', '/api/v1/namespaces/kube-system'],
    ['GET', '/version'],
  ] as const
  /** Nobody installed them here: who may not is told so before anybody looks. */
  const absent = [
    '/apis/clone.kubevirt.io/v1beta1/virtualmachineclones?limit=1',
    '/apis/cdi.kubevirt.io/v1beta1/datavolumes?limit=1',
  ]
  const vm = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name: 'a' },
    spec: { runStrategy: 'Halted', template: {} },
  }
  const forbidden = [
    ['POST', `${kubevirt}/namespaces/default/virtualmachines`],
    ['DELETE', `${kubevirt}/namespaces/default/virtualmachines/a`],
    ['GET', '/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/a/console'],
    ['GET', '/api/v1/namespaces/default/secrets'],
    ['GET', '/api/v1/secrets'],
    ['GET', '/api/v1/pods'],
    ['GET', '/api/v1/services'],
    ['GET', `${kubevirt}/namespaces/default/virtualmachines/a`],
    ['GET', '/api/v1/namespaces'],
    ['GET', '/api/v1/namespaces/default'],
  ] as const

  /** What a SelfSubjectRulesReview lists for the token beyond what any service account may. */
  async function rulesOf(token: string): Promise<Rule[]> {
    const body = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectRulesReview',
      spec: { namespace: 'default' },
    }
    const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews'
    const review = async (token: string): Promise<Rule[]> =>
      (await api.client.expect<{ status: { resourceRules: Rule[] } }>('POST', path, { body, token })).status
        .resourceRules
    const anybody = (await review(await api.createServiceAccountToken('default', 'anybody'))).map(rule =>
      JSON.stringify(rule),
    )
    return (await review(token)).filter(rule => !anybody.includes(JSON.stringify(rule)))
  }

  async function prove(token: string, rules: Rule[]): Promise<void> {
    await expect.poll(() => status(token, 'GET', `${kubevirt}/virtualmachines`), { timeout: 60_000 }).toBe(200)
    for (const [method, path] of allowed)
      expect([method, path, await status(token, method, path)]).toEqual([method, path, 200])
    for (const path of absent) expect([path, await status(token, 'GET', path)]).toEqual([path, 404])
    for (const [method, path] of forbidden) {
      const body = method === 'POST' ? vm : undefined
      expect([method, path, await status(token, method, path, body)]).toEqual([method, path, 403])
    }
    const ask = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb: 'list', group: 'kubevirt.io', resource: 'virtualmachines' } },
    }
    expect(
      await api.client.expect('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { body: ask, token }),
    ).toMatchObject({ status: { allowed: true } })
    const sorted = (list: Rule[]): unknown[] =>
      list
        .map(rule =>
          JSON.stringify(
            rule,
            Object.keys(rule).sort((a, b) => a.localeCompare(b)),
          ),
        )
        .sort((a, b) => a.localeCompare(b))
    expect(sorted(await rulesOf(token))).toEqual(sorted(rules))
  }

  test('the service account reads VMs of its cluster and nothing else', async () => {
    await kubectl('apply', '--server-side', '--force-conflicts', '-k', join(folder, 'base'))
    const token = await api.createServiceAccountToken('virtbridge', 'virtbridge')
    const { rules } = (await find('base', 'ClusterRole')) as unknown as { rules: Rule[] }

    await prove(token, rules)
    expect(await status(token, 'GET', '/apis/cluster.open-cluster-management.io/v1/managedclusters')).toBe(403)

    await kubectl('apply', '--server-side', '-k', join(folder, 'hub-rbac'))
    const clusters = '/apis/cluster.open-cluster-management.io/v1/managedclusters'
    await expect.poll(() => status(token, 'GET', clusters), { timeout: 60_000 }).toBe(200)
    expect(await status(token, 'GET', `${clusters}?watch=1&timeoutSeconds=1`)).toBe(200)
    expect(await status(token, 'POST', clusters, {})).toBe(403)
    for (const path of [
      '/apis/cluster.open-cluster-management.io/v1beta2/managedclustersets',
      '/apis/cluster.open-cluster-management.io/v1beta1/namespaces/ops/placementdecisions',
      '/apis/forklift.konveyor.io/v1beta1/plans',
    ])
      expect([path, await status(token, 'GET', path)]).toEqual([path, 200])

    const secret = (name: string): string => `/api/v1/namespaces/prod-1/secrets/${name}`
    expect(await status(token, 'GET', secret('virtbridge-reader'))).toBe(403)
    await kubectl('apply', '--server-side', '-k', join(folder, 'hub-secrets-rbac'))
    for (const name of ['virtbridge-reader', 'virtbridge-kubeconfig'])
      await expect.poll(() => status(token, 'GET', secret(name)), { timeout: 60_000 }).toBe(404)
    expect(await status(token, 'GET', secret('pull-secret'))).toBe(403)
    expect(await status(token, 'GET', '/api/v1/namespaces/prod-1/secrets')).toBe(403)
    expect(await status(token, 'PUT', secret('virtbridge-reader'), {})).toBe(403)
  })

  test('on a managed cluster, the same service account under the name of the cluster-proxy reads no more', async () => {
    const user = await find('managed-rbac', 'ClusterRoleBinding')
    const [subject] = user['subjects'] as { name: string }[]
    expect(subject?.name).toBe('cluster:hub:system:serviceaccount:virtbridge:virtbridge')
    api.addUser({ token: 'via-hub', name: subject?.name ?? '' })
    await kubectl('apply', '--server-side', '--force-conflicts', '-k', join(folder, 'managed-rbac'))
    const { rules } = (await find('managed-rbac', 'ClusterRole')) as unknown as { rules: Rule[] }

    await prove('via-hub', rules)
    expect(rules).toEqual(((await find('base', 'ClusterRole')) as unknown as { rules: Rule[] }).rules)
  })
})

describe('what delivers the rights to managed clusters', () => {
  const bound = async (overlay: string): Promise<readonly unknown[]> =>
    (await build(overlay)).map(({ kind, metadata, rules, roleRef, subjects }) => {
      return { kind, name: metadata.name, rules, roleRef, subjects }
    })
  const read = async (file: string): Promise<KubeObject> =>
    parse(await readFile(join(folder, 'delivery', file), 'utf8')) as KubeObject

  test.each([
    ['manifestwork.yaml', 'managed-account-rbac'],
    ['manifestwork-services.yaml', 'services-rbac'],
  ])('%s carries the same roles and bindings as %s, which is shipped for a person to apply', async (file, overlay) => {
    const work = (await read(file)) as unknown as { spec: { workload: { manifests: KubeObject[] } } }
    const carried = work.spec.workload.manifests.map(({ kind, metadata, rules, roleRef, subjects }) => {
      return { kind, name: metadata.name, rules, roleRef, subjects }
    })
    const all = await bound(overlay)
    expect(carried).toHaveLength(all.length)
    expect(carried).toEqual(expect.arrayContaining([...all]))
  })

  test('a ClusterPermission gives the same rules to the same two', async () => {
    const { spec } = (await read('clusterpermission.yaml')) as unknown as {
      spec: { clusterRole: { rules: Rule[] }; clusterRoleBinding: { subjects: { kind: string; name: string }[] } }
    }
    expect(spec.clusterRole.rules).toEqual((await find('managed-rbac', 'ClusterRole'))['rules'])
    expect(spec.clusterRoleBinding.subjects.map(({ kind, name }) => [kind, name])).toEqual([
      ['User', 'cluster:hub:system:serviceaccount:virtbridge:virtbridge'],
      ['ManagedServiceAccount', 'virtbridge-reader'],
    ])
  })

  /** Whether the hub takes an object of `delivery` in a cluster's namespace, every field of it known; a fault when it is changed so. */
  async function deliver(file: string, path: string, change: (object: KubeObject) => KubeObject): Promise<number> {
    const object = await read(file)
    expect(object.metadata.namespace).toBe('CLUSTER')
    const body = change({ ...object, metadata: { ...object.metadata, namespace: 'default' } })
    const answer = await api.client.request('POST', `${path}?dryRun=All&fieldValidation=Strict`, { body })
    return answer.status
  }

  test.each([
    ['managedserviceaccount.yaml', 'authentication.open-cluster-management.io/v1beta1', 'managedserviceaccounts'],
    ['manifestwork.yaml', 'work.open-cluster-management.io/v1', 'manifestworks'],
    ['manifestwork-services.yaml', 'work.open-cluster-management.io/v1', 'manifestworks'],
    ['clusterpermission.yaml', 'rbac.open-cluster-management.io/v1alpha1', 'clusterpermissions'],
  ])('the hub takes %s, and knows every field of it', async (file, group, plural) => {
    const path = `/apis/${group}/namespaces/default/${plural}`
    expect(await deliver(file, path, object => object)).toBe(201)
    const strange = (object: KubeObject): KubeObject => {
      return { ...object, spec: { ...(object['spec'] as object), strange: true } }
    }
    expect(await deliver(file, path, strange)).toBe(400)
  })

  test('a ClusterPermission that binds the role to nobody is refused, as it would be there', async () => {
    const path = '/apis/rbac.open-cluster-management.io/v1alpha1/namespaces/default/clusterpermissions'
    const nobody = (object: KubeObject): KubeObject => {
      return { ...object, spec: { ...(object['spec'] as object), clusterRoleBinding: {} } }
    }
    expect(await deliver('clusterpermission.yaml', path, nobody)).toBe(422)
  })

  test('the simulated clusters and hub give the bridge the rights that are shipped, and no others', async () => {
    const rulesOf = async (overlay: string): Promise<unknown> =>
      ((await find(overlay, 'ClusterRole'))['rules'] as Rule[]).map(rule => {
        return {
          groups: rule.apiGroups,
          resources: rule.resources,
          ...(rule.resourceNames === undefined ? {} : { names: rule.resourceNames }),
          verbs: rule.verbs,
        }
      })
    expect(VIEW).toEqual(await rulesOf('base'))
    expect(HUB_VIEW).toEqual(await rulesOf('hub-rbac'))
    expect(SERVICES_VIEW).toEqual(await rulesOf('services-rbac'))
    expect(HUB_SECRETS).toEqual(await rulesOf('hub-secrets-rbac'))
  })
})

test('no bridge of a test, of the chaos or of a benchmark is cluster-admin', async () => {
  const root = join(import.meta.dirname, '..', '..')
  const files = await Promise.all(['test', 'bench'].map(async of => await readdir(join(root, of), { recursive: true })))
  const paths = ['test', 'bench'].flatMap((of, n) => (files[n] ?? []).map(file => join(root, of, file)))
  const sources = paths.filter(path => path.endsWith('.ts') && path !== import.meta.filename)
  const wrong: string[] = []
  for (const path of sources) {
    const text = await readFile(path, 'utf8')
    // What another program reads as an admin stands in a file of that name, which no bridge is given.
    const admin =
      /\.kubeconfig\((?!'admin')[^)]*\.adminToken|withToken\([^)]*adminToken|kubeconfig: ['"`]admin|token: [^,\n]*\.adminToken/.test(
        text,
      )
    const bridge = /startBridge\(|startService\(|new ClusterWatch\(|startWatcher\(|startSubject\(|new Prey\(/.test(text)
    const simulator = /\/simulator[-/]/.test(path)
    // On a simulated API server too: `startWorld` grants what the roles that are shipped do.
    const everything = /rules: EVERYTHING|(resources|apiGroups|groups): \['\*'\]/.test(text) && !simulator
    if ((admin && bridge) || everything) wrong.push(relative(root, path))
  }
  expect(wrong).toEqual([])
})

describe('the Containerfile', () => {
  let instructions: [string, string][] = []
  beforeAll(async () => {
    const text = await readFile(join(folder, '..', 'container', 'Containerfile'), 'utf8')
    const lines = text
      .replace(/^#.*\n/gm, '')
      .replace(/\\\n/g, ' ')
      .split('\n')
      .filter(line => line.trim() !== '')
    instructions = lines.map(line => {
      const [, word = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
      return [word, rest.replace(/\s+/g, ' ')]
    })
  })
  const all = (word: string): string[] => instructions.filter(([name]) => name === word).map(([, rest]) => rest)

  test('has only instructions that there are', () => {
    const known = [
      'FROM',
      'WORKDIR',
      'COPY',
      'RUN',
      'ENV',
      'USER',
      'EXPOSE',
      'STOPSIGNAL',
      'HEALTHCHECK',
      'ENTRYPOINT',
      'CMD',
    ]
    for (const [word] of instructions) expect(known).toContain(word)
  })

  test('stands on the Node that the project pins, ends as a user that is not root, and starts what the package calls its program', async () => {
    const { devDependencies, bin } = parse(await readFile(join(folder, '..', '..', 'package.json'), 'utf8')) as {
      devDependencies: { node: string }
      bin: { virtbridge: string }
    }
    const major = /(\d+)\./.exec(devDependencies.node)?.[1]
    for (const from of all('FROM')) expect(from).toMatch(new RegExp(`^node:${major}-slim( AS \\w+)?$`))
    expect(all('USER')).toEqual(['10001:0'])
    expect(instructions.findIndex(([word]) => word === 'USER')).toBeGreaterThan(
      instructions.findLastIndex(([word]) => word === 'RUN'),
    )
    expect(all('RUN').join('\n')).toContain(`/opt/virtbridge/${bin.virtbridge} /usr/local/bin/virtbridge`)
    expect(JSON.parse(all('ENTRYPOINT')[0] ?? '')).toEqual(['virtbridge'])
    expect(JSON.parse(all('CMD')[0] ?? '')).toEqual(['serve', '--config', '/etc/virtbridge/virtbridge.yaml'])
  })

  test('takes the tarball and the lock file, no source and no development dependency, and asks /livez for its health', async () => {
    const copied = all('COPY').filter(rest => !rest.startsWith('--from'))
    expect(copied).toEqual(['virtbridge-*.tgz /tmp/virtbridge.tgz', 'package-lock.json ./'])
    expect(all('RUN').join('\n')).toContain('npm ci --omit=dev')
    expect(all('HEALTHCHECK')[0]).toContain('/livez')
    const ignore = await readFile(join(folder, '..', '..', '.containerignore'), 'utf8')
    expect(ignore.trim().split('\n')).toEqual(['*', '!virtbridge-*.tgz', '!package-lock.json'])
  })
})
