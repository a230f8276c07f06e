import { PROMPTS } from './job-records.ts'
import { nextId } from './store.ts'
import type { ControllerObjects, InventoryObject, ProjectObject, SourceObject, TemplateObject } from './authored.ts'
import type { Prompt, SurveyQuestion } from './job-records.ts'
import type { Table } from './table.ts'
import type { Sequence, Store } from './store.ts'

/**
 * Brings objects into the store. An object that is there by its name and organization keeps its id and takes the new settings: a restarted controller
 * is given the same files again. Nothing is deleted. References are names and must exist (see `loadObjects`).
 */
export function seed(store: Store, objects: ControllerObjects, now: number): void {
  for (const each of objects.organizations) {
    upsert(store, 'organization', store.organizations, each, { description: each.description ?? '', created: now })
  }
  for (const each of objects.credential_types) {
    upsert(store, 'credential_type', store.credentialTypes, each, { kind: each.kind ?? 'cloud' })
  }
  for (const each of objects.credentials) {
    upsert(store, 'credential', store.credentials, each, {
      organization: optional(store.organizations, each.organization),
      credential_type: optional(store.credentialTypes, each.credential_type),
    })
  }
  for (const each of objects.projects) seedProject(store, each, now)
  for (const each of objects.inventories) seedInventory(store, each, now)
  for (const each of objects.inventory_sources) seedSource(store, each, now)
  for (const each of objects.templates) seedTemplate(store, each, now)
}

function seedProject(store: Store, object: ProjectObject, now: number): void {
  upsert(store, 'template', store.projects, object, {
    description: object.description ?? '',
    organization: idOf(store.organizations, object.organization ?? 'Default'),
    scm_type: object.scm_type ?? 'git',
    scm_url: object.scm_url ?? '',
    scm_branch: object.scm_branch ?? '',
    status: object.status ?? 'successful',
    created: now,
  })
}

function seedSource(store: Store, object: SourceObject, now: number): void {
  upsert(store, 'template', store.sources, object, {
    description: object.description ?? '',
    inventory: idOf(store.inventories, object.inventory),
    source_project: optional(store.projects, object.source_project),
    source: 'scm',
    source_path: object.source_path ?? '',
    source_vars: object.source_vars === undefined ? '' : JSON.stringify(object.source_vars),
    enabled_var: object.enabled_var ?? '',
    enabled_value: object.enabled_value ?? '',
    overwrite: object.overwrite ?? false,
    overwrite_vars: object.overwrite_vars ?? false,
    update_on_launch: object.update_on_launch ?? false,
    update_cache_timeout: object.update_cache_timeout ?? 0,
    created: now,
    last_update: store.sources.find(row => row.name === object.name)?.last_update ?? null,
  })
}

/** Takes the id of a name; the caller has checked that it exists. */
export function idOf(table: Table<{ id: number; name: string }>, name: string): number {
  const row = table.find(each => each.name === name)
  if (row === undefined) throw new Error(`the simulated controller has no object named "${name}"`)
  return row.id
}

function optional(table: Table<{ id: number; name: string }>, name: string | undefined): number | null {
  return name === undefined ? null : idOf(table, name)
}

type Named = { id: number; name: string }

function upsert<Row extends Named>(
  store: Store,
  sequence: Sequence,
  table: Table<Row>,
  { id, name }: { id?: number; name: string },
  settings: Omit<Row, 'id' | 'name'>,
): Row {
  // Names are unique in their organization only: two organizations may have a template of the same name.
  const { organization } = settings as { organization?: number | null }
  const known = table.find(
    row => row.name === name && (row as { organization?: number | null }).organization === organization,
  )
  return table.add({ ...settings, id: known?.id ?? nextId(store, sequence, id), name } as Row)
}

function seedInventory(store: Store, object: InventoryObject, now: number): void {
  const inventory = upsert(store, 'inventory', store.inventories, object, {
    description: object.description ?? '',
    organization: idOf(store.organizations, object.organization ?? 'Default'),
    created: now,
  })
  for (const host of object.hosts ?? []) {
    const known = store.hosts.find(row => row.inventory === inventory.id && row.name === host.name)
    store.hosts.add({
      id: known?.id ?? nextId(store, 'host', host.id),
      inventory: inventory.id,
      name: host.name,
      description: host.description ?? '',
      enabled: host.enabled ?? true,
      instance_id: '',
      variables: host.variables ?? {},
      groups: known?.groups ?? [],
      sources: [],
      created: known?.created ?? now,
      last_job: known?.last_job ?? null,
      last_job_host_summary: known?.last_job_host_summary ?? null,
    })
  }
}

const TEMPLATE_DEFAULTS = {
  description: '',
  playbook: '',
  job_type: 'run',
  scm_branch: '',
  forks: 0,
  limit: '',
  verbosity: 0,
  extra_vars: '',
  job_tags: '',
  skip_tags: '',
  timeout: 0,
  diff_mode: false,
  job_slice_count: 1,
  use_fact_cache: false,
  become_enabled: false,
  allow_simultaneous: false,
  survey_enabled: false,
  survey: [],
} as const

/** Only known settings are taken: the files may hold keys that the simulator has no use for. */
function seedTemplate(store: Store, object: TemplateObject, now: number): void {
  const settings = Object.entries(TEMPLATE_DEFAULTS).map(([name, fallback]) => [
    name,
    object[name as keyof TemplateObject] ?? fallback,
  ])
  upsert(store, 'template', store.templates, object, {
    ...(Object.fromEntries(settings) as typeof TEMPLATE_DEFAULTS & { survey: SurveyQuestion[] }),
    organization: idOf(store.organizations, object.organization ?? 'Default'),
    inventory: optional(store.inventories, object.inventory),
    project: optional(store.projects, object.project),
    execution_environment: null,
    credentials: (object.credentials ?? []).map(name => idOf(store.credentials, name)),
    labels: [],
    instance_groups: [],
    prompts: Object.fromEntries(PROMPTS.map(name => [name, object.prompts?.[name] ?? false])) as {
      [name in Prompt]: boolean
    },
    created: now,
  })
}
