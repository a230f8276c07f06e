import { numberColumn, textColumn } from './filter.ts'
import { namedUrl } from './named-url.ts'
import { listReply } from './page.ts'
import { byId, isoTime, ok, relatedOf } from './route.ts'
import { EXECUTION_ENVIRONMENT, organizationSummary, REVISION } from './summary-fields.ts'
import type { Project } from './records.ts'
import type { Call, Reply, Route } from './route.ts'

export const projectRoutes: readonly Route[] = [
  { path: 'projects/', allow: 'GET, POST, HEAD, OPTIONS', get: getProjects },
  {
    path: 'projects/:id/',
    allow: 'GET, PUT, PATCH, DELETE, HEAD, OPTIONS',
    get: call => ok(renderProject(call, byId(call, call.store.projects, 'Project'), true)),
  },
]

const RELATED = [
  'teams',
  'playbooks',
  'update',
  'project_updates',
  'scm_inventory_sources',
  'schedules',
  'activity_stream',
  'notification_templates_started',
  'notification_templates_success',
  'notification_templates_error',
  'access_list',
  'object_roles',
  'copy',
]

function getProjects(call: Call): Reply {
  const { store } = call
  return listReply<Project>(call, {
    model: 'Project',
    rows: store.projects.all(),
    columns: {
      id: numberColumn(row => row.id),
      name: textColumn(row => row.name),
      status: textColumn(row => row.status),
      organization: numberColumn(row => row.organization),
      organization__name: textColumn(row => store.organizations.get(row.organization)?.name),
    },
    render: row => renderProject(call, row, false),
  })
}

function renderProject({ base, store }: Call, project: Project, detail: boolean): unknown {
  const url = `${base}projects/${project.id}/`
  const organization = store.organizations.must(project.organization)
  return {
    id: project.id,
    type: 'project',
    url,
    related: {
      ...(detail ? { named_url: `${base}projects/${namedUrl(project.name, organization.name)}/` } : {}),
      ...relatedOf(url, RELATED),
      inventory_files: `${url}inventories/`,
      organization: `${base}organizations/${project.organization}/`,
    },
    summary_fields: {
      organization: organizationSummary(store, project.organization),
      object_roles: objectRoles('project', ['admin', 'use', 'update', 'read'], project.id),
      user_capabilities: { edit: true, delete: true, start: true, schedule: true, copy: true },
      ...(detail ? { resolved_environment: EXECUTION_ENVIRONMENT } : {}),
    },
    created: isoTime(project.created),
    modified: isoTime(project.created),
    name: project.name,
    description: project.description,
    local_path: `_${project.id}__${project.name.toLowerCase().replaceAll(' ', '_')}`,
    scm_type: project.scm_type,
    scm_url: project.scm_url,
    scm_branch: project.scm_branch,
    scm_refspec: '',
    scm_clean: false,
    scm_track_submodules: false,
    scm_delete_on_update: false,
    credential: null,
    timeout: 0,
    scm_revision: REVISION,
    last_job_run: null,
    last_job_failed: project.status === 'failed',
    next_job_run: null,
    status: project.status,
    organization: project.organization,
    scm_update_on_launch: false,
    scm_update_cache_timeout: 0,
    allow_override: false,
    custom_virtualenv: null,
    default_environment: null,
    signature_validation_credential: null,
    last_update_failed: project.status === 'failed',
    last_updated: null,
  }
}

/** The roles that can be given on an object, as its `summary_fields` lists them. Role ids are made up: nothing is granted through the API. */
export function objectRoles(kind: string, names: readonly string[], id: number): unknown {
  return Object.fromEntries(
    names.map((name, index) => [
      `${name}_role`,
      { description: `${name} role on the ${kind}`, name: name[0]?.toUpperCase() + name.slice(1), id: id * 10 + index },
    ]),
  )
}
