import { numberColumn, textColumn } from './filter.ts'
import { namedUrl } from './named-url.ts'
import { listReply } from './page.ts'
import { byId, isoTime, ok, relatedOf } from './route.ts'
import type { Organization } from './records.ts'
import type { Call, Reply, Route } from './route.ts'

export const organizationRoutes: readonly Route[] = [
  { path: 'organizations/', allow: 'GET, POST, HEAD, OPTIONS', get: getOrganizations },
  {
    path: 'organizations/:id/',
    allow: 'GET, PUT, PATCH, DELETE, HEAD, OPTIONS',
    get: call => ok(renderOrganization(call, byId(call, call.store.organizations, 'Organization'))),
  },
]

function getOrganizations(call: Call): Reply {
  return listReply<Organization>(call, {
    model: 'Organization',
    rows: call.store.organizations.all(),
    columns: { id: numberColumn(row => row.id), name: textColumn(row => row.name) },
    render: row => renderOrganization(call, row),
  })
}

function renderOrganization({ base }: Call, organization: Organization): unknown {
  const url = `${base}organizations/${organization.id}/`
  return {
    id: organization.id,
    type: 'organization',
    url,
    related: {
      named_url: `${base}organizations/${namedUrl(organization.name)}/`,
      ...relatedOf(url, ['projects', 'inventories', 'job_templates', 'users', 'object_roles']),
    },
    summary_fields: { user_capabilities: { edit: true, delete: true } },
    created: isoTime(organization.created),
    modified: isoTime(organization.created),
    name: organization.name,
    description: organization.description,
    max_hosts: 0,
    custom_virtualenv: null,
    default_environment: null,
  }
}
