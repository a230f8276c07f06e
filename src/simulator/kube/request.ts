/** What is asked of the API server, as its authorizer sees it. */
export interface KubeRequest {
  verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'
  group: string
  version: string
  plural: string
  namespace: string
  name: string
  subresource: string
  query: URLSearchParams
}

/**
 * Reads method and URL as the API server does; null for a path that names no resource, such as `/version`.
 *
 * `/api/v1/namespaces/x` is the namespace itself, `/api/v1/namespaces/x/configmaps` is what lives in it.
 */
export function parseRequest(method: string, url: URL): KubeRequest | null {
  const parts = url.pathname
    .split('/')
    .filter(part => part !== '')
    .map(decodeURIComponent)
  const [root, ...rest] = parts
  const prefix = root === 'api' ? ['', rest[0] ?? ''] : root === 'apis' ? [rest[0] ?? '', rest[1] ?? ''] : null
  if (prefix === null) return null
  const [group = '', version = ''] = prefix
  const path = rest.slice(root === 'api' ? 1 : 2)
  if (path.length === 0) return null
  const scoped = path[0] === 'namespaces' && path.length > 2 && path[2] !== 'status' && path[2] !== 'finalize'
  const [plural = '', name = '', subresource = ''] = scoped ? path.slice(2) : path
  const namespace = scoped ? (path[1] ?? '') : ''
  return {
    verb: verbOf(method, name, url.searchParams),
    group,
    version,
    plural,
    namespace,
    name,
    subresource,
    query: url.searchParams,
  }
}

function verbOf(method: string, name: string, query: URLSearchParams): KubeRequest['verb'] {
  switch (method) {
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return name === '' ? 'deletecollection' : 'delete'
    default:
      if (name !== '') return 'get'
      return ['1', 'true'].includes(query.get('watch') ?? '') ? 'watch' : 'list'
  }
}
