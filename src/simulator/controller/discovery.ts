import { ok } from './route.ts'
import type { Call, Reply, Route } from './route.ts'

/** The version that the recordings are of. */
export const VERSION = '24.6.2'
export const NODE = 'simulator-1'

const ROOT_NAMES = [
  'ping',
  'config',
  'me',
  'organizations',
  'users',
  'projects',
  'credentials',
  'credential_types',
  'tokens',
  'inventory_sources',
  'inventory_updates',
  'groups',
  'hosts',
  'job_templates',
  'jobs',
  'labels',
  'unified_job_templates',
  'unified_jobs',
  'workflow_job_templates',
  'workflow_jobs',
]

export const discoveryRoutes: readonly Route[] = [
  { path: '', allow: 'GET, HEAD, OPTIONS', get: getRoot },
  { path: 'ping/', allow: 'GET, HEAD, OPTIONS', get: getPing, open: true },
  { path: 'config/', allow: 'GET, POST, DELETE, HEAD, OPTIONS', get: getConfig },
]

/** The answer to `GET /api/` and, behind a gateway, to `GET /api/controller/`; undefined for any other path. No token is asked for. */
export function discover(path: string, base: string): Reply | undefined {
  const wanted = path.endsWith('/') ? path : `${path}/`
  const root = base.replace(/v2\/$/, '')
  const versions = { description: 'AWX REST API', current_version: base, available_versions: { v2: base } }
  if (root !== '/api/' && wanted === '/api/') {
    return ok({ description: 'AAP gateway', apis: { gateway: '/api/gateway/', controller: root, eda: '/api/eda/' } })
  }
  if (wanted !== root) return undefined
  return ok({ ...versions, oauth2: '/api/o/', custom_logo: '', custom_login_info: '', login_redirect_override: '' })
}

function getRoot({ base }: Call): Reply {
  return ok({
    ...Object.fromEntries(ROOT_NAMES.map(name => [name, `${base}${name}/`])),
    inventory: `${base}inventories/`,
  })
}

function getPing(): Reply {
  return ok({
    ha: false,
    version: VERSION,
    active_node: NODE,
    install_uuid: 'da97c41d-2f50-4ccc-8af3-1fa8afc29e06',
    instances: [
      {
        node: NODE,
        node_type: 'hybrid',
        uuid: 'c51a3df3-9397-4259-8b92-4118631241e8',
        heartbeat: null,
        capacity: 0,
        version: '',
      },
    ],
    instance_groups: [
      { name: 'controlplane', capacity: 0, instances: [] },
      { name: 'default', capacity: 0, instances: [] },
    ],
  })
}

function getConfig(): Reply {
  return ok({
    time_zone: 'UTC',
    license_info: { license_type: 'open', valid_key: true, subscription_name: 'OPEN', product_name: 'AWX' },
    version: VERSION,
    eula: '',
    analytics_status: 'off',
    analytics_collectors: {},
    become_methods: [['sudo', 'Sudo']],
    project_base_dir: '/var/lib/awx/projects',
    project_local_paths: [],
    custom_virtualenvs: [],
  })
}
