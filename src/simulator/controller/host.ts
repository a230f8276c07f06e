import { mayWithInventory } from './access.ts'
import { filterRows, flagColumn, numberColumn, textColumn, timeColumn } from './filter.ts'
import { readableInventory } from './inventory.ts'
import { namedUrl, namedUrlParts } from './named-url.ts'
import { listReply } from './page.ts'
import { pythonJson } from './python-json.ts'
import { forbidden, isoTime, noMatch, ok, relatedOf } from './route.ts'
import { hostsOf } from './store.ts'
import { inventorySummary, present } from './summary-fields.ts'
import type { Columns } from './filter.ts'
import type { Host } from './records.ts'
import type { Call, Reply, Route } from './route.ts'

export const hostRoutes: readonly Route[] = [
  { path: 'hosts/', allow: 'GET, POST, HEAD, OPTIONS', get: call => listHosts(call, visible(call)) },
  {
    path: 'hosts/:id/',
    allow: 'GET, PUT, PATCH, DELETE, HEAD, OPTIONS',
    get: call => ok(renderHost(call, readableHost(call), true)),
  },
  {
    path: 'hosts/:id/variable_data/',
    allow: 'GET, PUT, PATCH, HEAD, OPTIONS',
    get: call => ok(readableHost(call).variables),
  },
  { path: 'inventories/:id/hosts/', allow: 'GET, POST, HEAD, OPTIONS', get: getHostsOfInventory },
]

const RELATED = [
  'variable_data',
  'groups',
  'all_groups',
  'job_events',
  'job_host_summaries',
  'activity_stream',
  'inventory_sources',
  'smart_inventories',
  'ad_hoc_commands',
  'ad_hoc_command_events',
  'ansible_facts',
]

/** Hosts of inventories that may not be read are left out without a word: the list is then 200 and short, not 403. */
function visible({ store, user }: Call): Host[] {
  return store.inventories
    .filter(inventory => mayWithInventory(store, user, 'read', inventory.id))
    .flatMap(inventory => hostsOf(store, inventory.id))
}

function getHostsOfInventory(call: Call): Reply {
  return listHosts(call, hostsOf(call.store, readableInventory(call).id))
}

function listHosts(call: Call, rows: Host[]): Reply {
  const columns = hostColumns(call)
  const filter = call.query.get('host_filter')
  const [name, ...value] = (filter ?? '').split('=')
  // Facts are not simulated: no host has any.
  const selected =
    filter === null
      ? rows
      : name?.startsWith('ansible_facts') === true
        ? []
        : filterRows(rows, new URLSearchParams([[name ?? '', value.join('=')]]), columns, 'Host')
  return listReply(call, { model: 'Host', rows: selected, columns, render: host => renderHost(call, host, false) })
}

function hostColumns({ store }: Call): Columns<Host> {
  return {
    id: numberColumn(host => host.id),
    name: textColumn(host => host.name),
    description: textColumn(host => host.description),
    enabled: flagColumn(host => host.enabled),
    inventory: numberColumn(host => host.inventory),
    inventory__name: textColumn(host => store.inventories.get(host.inventory)?.name),
    instance_id: textColumn(host => host.instance_id),
    variables: textColumn(host => pythonJson(host.variables)),
    created: timeColumn(host => host.created),
    modified: timeColumn(host => host.created),
    groups__name: { type: 'text', values: host => host.groups.map(id => store.groups.get(id)?.name ?? null) },
    last_job: numberColumn(host => host.last_job),
  }
}

function readableHost({ store, params, user }: Call): Host {
  const segment = params['id'] ?? ''
  const [name, inventory] = namedUrlParts(segment)
  const host = /^\d+$/.test(segment)
    ? store.hosts.get(Number(segment))
    : store.hosts.find(row => row.name === name && store.inventories.get(row.inventory)?.name === inventory)
  if (host === undefined) throw noMatch('Host')
  if (!mayWithInventory(store, user, 'read', host.inventory)) throw forbidden()
  return host
}

function renderHost(call: Call, host: Host, detail: boolean): unknown {
  const { base, store } = call
  const url = `${base}hosts/${host.id}/`
  const inventory = store.inventories.must(host.inventory)
  const organization = store.organizations.must(inventory.organization)
  const summary = store.summaries.get(host.last_job_host_summary)
  return {
    id: host.id,
    type: 'host',
    url,
    related: present({
      named_url: detail ? `${base}hosts/${namedUrl(host.name, inventory.name, organization.name)}/` : undefined,
      ...relatedOf(url, RELATED),
      inventory: `${base}inventories/${host.inventory}/`,
      last_job: host.last_job === null ? undefined : `${base}jobs/${host.last_job}/`,
      last_job_host_summary: summary === undefined ? undefined : `${base}job_host_summaries/${summary.id}/`,
    }),
    summary_fields: present({
      inventory: inventorySummary(store, host.inventory),
      last_job: lastJobSummary(call, host),
      last_job_host_summary: summary === undefined ? undefined : { id: summary.id, failed: summary.failed },
      user_capabilities: { edit: true, delete: true },
      groups: {
        count: host.groups.length,
        results: host.groups.map(id => ({ id, name: store.groups.must(id).name })),
      },
      recent_jobs: recentJobs(call, host),
    }),
    created: isoTime(host.created),
    // Imports write hosts in bulk and leave this alone, so it says when the row was made and not when it changed.
    modified: isoTime(host.created),
    name: host.name,
    description: host.description,
    inventory: host.inventory,
    enabled: host.enabled,
    instance_id: host.instance_id,
    variables: pythonJson(host.variables),
    has_active_failures: summary?.failed ?? false,
    has_inventory_sources: host.sources.length > 0,
    last_job: host.last_job,
    last_job_host_summary: host.last_job_host_summary,
    ansible_facts_modified: null,
  }
}

function lastJobSummary({ store }: Call, host: Host): unknown {
  const job = store.jobs.get(host.last_job)
  if (job === undefined) return undefined
  return {
    id: job.id,
    name: job.name,
    description: job.description,
    finished: isoTime(job.finished),
    status: job.status,
    failed: job.failed,
    job_template_id: job.job_template,
    job_template_name: job.name,
  }
}

function recentJobs({ store }: Call, host: Host): unknown[] {
  return store.summaries
    .filter(summary => summary.host === host.id)
    .slice(-5)
    .reverse()
    .flatMap(({ job: id }) => store.jobs.get(id) ?? [])
    .map(job => ({ id: job.id, name: job.name, type: 'job', status: job.status, finished: isoTime(job.finished) }))
}
