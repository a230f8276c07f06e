import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RESOURCES, USUAL } from '../../src/cluster/resources.ts'
import { PATHS, placementDecisionsIn, secretPath } from '../../src/kube/index.ts'
import { shipped } from '../support/shipped-rights.ts'

const root = join(import.meta.dirname, '..', '..')

interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  readonly resourceNames?: readonly string[]
}

/** What a folder of `deploy/kubernetes` lets a bridge do, one right a line: `list virtualmachines.kubevirt.io`. */
async function granted(folder: string): Promise<readonly string[]> {
  const roles = (await shipped(folder)).filter(({ kind }) => kind === 'ClusterRole')
  const rules = roles.flatMap(role => role['rules'] as readonly Rule[])
  return rules
    .flatMap(({ apiGroups, resources, verbs, resourceNames = [''] }) =>
      apiGroups.flatMap(group =>
        resources.flatMap(resource =>
          verbs.flatMap(verb => resourceNames.map(name => rightOf(verb, group, resource, name))),
        ),
      ),
    )
    .sort()
}

function rightOf(verb: string, group: string, resource: string, name = ''): string {
  return `${verb} ${resource}${group === '' ? '' : `.${group}`}${name === '' ? '' : ` ${name}`}`
}

/** What a reflector of this path asks for: a list, and a watch from there. */
function reflected(path: string): readonly string[] {
  const group = path.startsWith('/api/') ? '' : (path.split('/')[2] ?? '')
  return ['list', 'watch'].map(verb => rightOf(verb, group, path.split('/').at(-1) ?? ''))
}

/** Before each list and each watch. */
const IDENTITY = 'get namespaces kube-system'
/** At each new watch of VMs, where a view shows hosts by it. */
const BASE_DOMAIN = 'get dnses.config.openshift.io cluster'
const source = globSync('src/**/*.ts', { cwd: root }).map(file => readFileSync(join(root, file), 'utf8'))

describe('what is granted is what is asked for, no less and no more', () => {
  test.each(['base', 'managed-rbac'])('of a cluster: %s', async folder => {
    const asked = USUAL.flatMap(of => reflected(RESOURCES[of].path))
    expect(await granted(folder)).toEqual([...asked, BASE_DOMAIN, IDENTITY].sort())
    expect(PATHS.clusterdns).toBe('/apis/config.openshift.io/v1/dnses/cluster')
  })

  test('of a cluster whose Services are watched too', async () => {
    const more = Object.values(RESOURCES).filter(resource => resource.optIn === true)
    expect(await granted('services-rbac')).toEqual(more.flatMap(({ path }) => reflected(path)).sort())
  })

  test('of a hub', async () => {
    const { managedclusters, managedclustersets, plans } = PATHS
    const asked = [managedclusters, managedclustersets, placementDecisionsIn('ops'), plans].flatMap(reflected)
    expect(await granted('hub-rbac')).toEqual([...asked, IDENTITY].sort())
  })

  test('of the Secrets of a hub', async () => {
    expect(secretPath('prod-1', 'virtbridge-reader')).toBe('/api/v1/namespaces/prod-1/secrets/virtbridge-reader')
    const names = ['virtbridge-kubeconfig', 'virtbridge-reader']
    expect(await granted('hub-secrets-rbac')).toEqual(names.map(name => rightOf('get', '', 'secrets', name)))
  })

  test('every path that is known is read by something', () => {
    const unread = Object.keys(PATHS).filter(name => !source.some(text => text.includes(`PATHS.${name}`)))
    expect(unread).toEqual([])
  })

  test('no other path of an API server stands in the source, outside of the simulator', () => {
    const files = globSync('src/**/*.ts', { cwd: root }).filter(file => !file.startsWith('src/simulator/'))
    const wild = files.flatMap(file => {
      // Of the core group only what the client of Kubernetes itself says: our own API begins alike.
      const path = file.startsWith('src/kube/') ? /['"`](\/apis?\/[a-z][^'"`]+)['"`]/g : /['"`](\/apis\/[^'"`]+)['"`]/g
      return [...readFileSync(join(root, file), 'utf8').matchAll(path)].map(match => match[1] ?? '')
    })
    const known: readonly string[] = [...Object.values(PATHS), '/api/v1/namespaces/kube-system']
    expect(wild.filter(path => !known.includes(path)).sort()).toEqual([
      '/api/v1/namespaces/${namespace}/secrets/${name}',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      '/apis/cluster.open-cluster-management.io/v1beta1/namespaces/${namespace}/placementdecisions',
    ])
  })
})
