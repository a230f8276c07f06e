import type { Resource } from './resource.ts'

/** What `/version` says. */
export const VERSION = {
  major: '1',
  minor: '34',
  gitVersion: 'v1.34.2',
  gitTreeState: 'clean',
  goVersion: 'go1.24.9',
  compiler: 'gc',
  platform: 'linux/amd64',
}

/** Groups that every API server says it has, and of which nothing is served here. */
const BUILT_IN = [
  { group: 'apps', version: 'v1' },
  { group: 'apiextensions.k8s.io', version: 'v1' },
]

/** The answer to a path that names no resource: version, health, discovery; null when there is nothing there. */
export function discover(path: string, resources: readonly Resource[]): unknown {
  const trimmed = path.replace(/\/+$/, '')
  if (trimmed === '/version') return VERSION
  if (trimmed === '/api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
  if (trimmed === '/apis') return groupList([...BUILT_IN, ...resources])
  const match = /^\/(?:api|apis\/([^/]+))(?:\/([^/]+))?$/.exec(trimmed)
  if (match === null) return null
  const [, group = '', version] = match
  const served = resources.filter(resource => resource.group === group)
  if (served.length === 0) return null
  if (version === undefined) return groupList(served).groups[0]
  const here = served.filter(resource => resource.version === version)
  return here.length === 0 ? null : resourceList(group === '' ? version : `${group}/${version}`, here)
}

function groupList(resources: readonly Pick<Resource, 'group' | 'version'>[]) {
  const versions = new Map<string, Set<string>>()
  for (const { group, version } of resources) {
    if (group !== '') versions.set(group, (versions.get(group) ?? new Set()).add(version))
  }
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: [...versions].map(([name, served]) => {
      const list = [...served].map(version => ({ groupVersion: `${name}/${version}`, version }))
      return { name, versions: list, preferredVersion: list[0] }
    }),
  }
}

function resourceList(groupVersion: string, resources: readonly Resource[]) {
  const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.flatMap(({ plural, kind, namespaced, statusSubresource }) => [
      { name: plural, singularName: kind.toLowerCase(), namespaced, kind, verbs },
      ...(statusSubresource
        ? [{ name: `${plural}/status`, singularName: '', namespaced, kind, verbs: ['get', 'patch', 'update'] }]
        : []),
    ]),
  }
}
