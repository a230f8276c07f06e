import { Fault } from '../../errors.ts'
import {
  isEntry,
  memberObjects,
  notificationObject,
  roleObjects,
  sourceObject,
  templateObject,
} from './object-entries.ts'
import type { Entry } from './object-entries.ts'
import type { ControllerObjects, InventoryObject } from './authored.ts'

/**
 * The objects in variable files of the collection infra.aap_configuration, merged in the order given.
 *
 * Read are organizations, credential types, credentials, projects, inventories, inventory sources, hosts, job templates, notification templates
 * roles of users, and users with their organizations, under their `controller_` and `aap_` names. Other variables, and keys the simulator has no use for, are ignored.
 * Every reference to an object that is not there, and every entry without a name, is told at once in one `Fault`.
 */
export function loadObjects(documents: readonly unknown[]): ControllerObjects {
  const faults: string[] = []
  const read = (...names: string[]): Entry[] => names.flatMap(name => entries(documents, name, faults))

  const objects: ControllerObjects = {
    organizations: read('controller_organizations', 'aap_organizations') as ControllerObjects['organizations'],
    credential_types: read('controller_credential_types') as ControllerObjects['credential_types'],
    credentials: read('controller_credentials') as ControllerObjects['credentials'],
    projects: read('controller_projects') as ControllerObjects['projects'],
    inventories: read('controller_inventories') as InventoryObject[],
    inventory_sources: read('controller_inventory_sources').map(sourceObject),
    templates: read('controller_templates').map(templateObject),
    notifications: read('controller_notifications', 'controller_notification_templates').map(notificationObject),
    roles: [
      ...lists(documents, 'controller_roles', faults).flatMap(roleObjects),
      ...lists(documents, 'aap_user_accounts', faults).flatMap(memberObjects),
    ],
  }
  // A controller's own installation makes these, so files refer to them without declaring them.
  for (const name of BUILT_IN_TYPES) {
    if (!objects.credential_types.some(type => type.name === name)) objects.credential_types.unshift({ name })
  }
  if (!objects.organizations.some(({ name }) => name === 'Default')) objects.organizations.unshift({ name: 'Default' })
  addHosts(objects, read('controller_hosts'), faults)
  faults.push(...danglingReferences(objects))
  if (faults.length > 0) {
    throw new Fault('controller_objects', `the controller objects do not fit together:\n  ${faults.join('\n  ')}`, {
      hint: 'Mend the names in the variable files (deploy/aap), or add the object that is missing.',
    })
  }
  return objects
}

const BUILT_IN_TYPES = [
  'Machine',
  'Source Control',
  'Vault',
  'Container Registry',
  'Red Hat Ansible Automation Platform',
]

/** The entries of a list variable, each with a name. */
function entries(documents: readonly unknown[], variable: string, faults: string[]): Entry[] {
  return lists(documents, variable, faults).filter((entry, index) => {
    const named = typeof entry['name'] === 'string' && entry['name'] !== ''
    if (!named) faults.push(`${variable}[${index}]: expected an object with a name`)
    return named
  })
}

function lists(documents: readonly unknown[], variable: string, faults: string[]): Entry[] {
  const found: Entry[] = []
  for (const document of documents) {
    const value = isEntry(document) ? document[variable] : undefined
    if (value === undefined || value === null) continue
    if (!Array.isArray(value)) {
      faults.push(`${variable}: expected a list`)
      continue
    }
    found.push(...(value as unknown[]).map(entry => (isEntry(entry) ? entry : {})))
  }
  return found
}

function addHosts(objects: ControllerObjects, hosts: Entry[], faults: string[]): void {
  for (const host of hosts) {
    const inventory = objects.inventories.find(({ name }) => name === host['inventory'])
    if (inventory === undefined) faults.push(missing(`host "${String(host['name'])}"`, 'inventory', host['inventory']))
    else (inventory.hosts ??= []).push(host as unknown as { name: string })
  }
}

function danglingReferences(objects: ControllerObjects): string[] {
  const faults: string[] = []
  const check = (owner: string, kind: string, name: unknown, known: readonly { name: string }[]): void => {
    if (name !== undefined && !known.some(each => each.name === name)) faults.push(missing(owner, kind, name))
  }
  const { organizations, projects, inventories } = objects
  for (const project of projects)
    check(`project "${project.name}"`, 'organization', project.organization, organizations)
  for (const each of inventories) check(`inventory "${each.name}"`, 'organization', each.organization, organizations)
  for (const { name, organization, credential_type } of objects.credentials) {
    check(`credential "${name}"`, 'organization', organization, organizations)
    check(`credential "${name}"`, 'credential type', credential_type, objects.credential_types)
  }
  for (const source of objects.inventory_sources) {
    check(`inventory source "${source.name}"`, 'inventory', source.inventory ?? '', inventories)
    check(`inventory source "${source.name}"`, 'project', source.source_project, projects)
  }
  for (const template of objects.templates) {
    const owner = `job template "${template.name}"`
    check(owner, 'organization', template.organization, organizations)
    check(owner, 'project', template.project, projects)
    check(owner, 'inventory', template.inventory, inventories)
    const { notification_templates_started: begun = [], notification_templates_success: done = [] } = template
    for (const name of [...begun, ...done, ...(template.notification_templates_error ?? [])])
      check(owner, 'notification template', name, objects.notifications ?? [])
    for (const credential of template.credentials ?? []) check(owner, 'credential', credential, objects.credentials)
  }
  const owners = { organization: organizations, inventory: inventories, job_template: objects.templates }
  for (const { user, on, name } of objects.roles ?? [])
    check(`role of "${user}"`, on.replace('_', ' '), name, owners[on])
  return faults
}

function missing(owner: string, kind: string, name: unknown): string {
  return `${owner}: there is no ${kind} named "${String(name)}"`
}
