import type { User } from './records.ts'
import type { Job, JobTemplate } from './job-records.ts'
import type { Store } from './store.ts'

/**
 * Who may do what, for the objects that the simulator has. A superuser may do all.
 *
 * role                     | opens
 * template read            | the template and its jobs
 * template execute         | the same, and launching it
 * inventory read           | the inventory, its hosts, script and sources
 * inventory use            | the same, and naming it at launch
 * inventory update         | read, and updating its sources
 * organization auditor     | reading everything below it
 * organization execute     | its templates and jobs, no inventories
 * organization member      | its labels
 * admin of anything        | all of the above on it
 */
const GRANTS: { [need: string]: readonly string[] } = {
  'job_template read': ['read', 'execute', 'admin'],
  'job_template execute': ['execute', 'admin'],
  'job_template admin': ['admin'],
  'inventory read': ['read', 'use', 'update', 'admin'],
  'inventory use': ['use', 'admin'],
  'inventory update': ['update', 'admin'],
}

/** The organization roles that count as the role below. */
const INHERITED: { [need: string]: readonly string[] } = {
  'job_template read': ['auditor', 'execute', 'admin'],
  'job_template execute': ['execute', 'admin'],
  'job_template admin': ['admin'],
  'inventory read': ['auditor', 'admin'],
  'inventory use': ['admin'],
  'inventory update': ['admin'],
}

type Need = keyof typeof GRANTS & string

function holds(
  user: User,
  on: 'job_template' | 'inventory',
  row: { id: number; organization: number },
  need: Need,
): boolean {
  if (user.is_superuser) return true
  return user.roles.some(
    role =>
      (role.on === on && role.id === row.id && GRANTS[need]?.includes(role.role)) ||
      (role.on === 'organization' && role.id === row.organization && INHERITED[need]?.includes(role.role)),
  )
}

export function mayReadTemplate(user: User, template: JobTemplate): boolean {
  return holds(user, 'job_template', template, 'job_template read')
}

export function mayLaunch(user: User, template: JobTemplate): boolean {
  return holds(user, 'job_template', template, 'job_template execute')
}

/** Whether the user may do `what` with an inventory, by its id. */
export function mayWithInventory(
  store: Store,
  user: User,
  what: 'read' | 'use' | 'update',
  id: number | null,
): boolean {
  const inventory = store.inventories.get(id)
  return inventory !== undefined && holds(user, 'inventory', inventory, `inventory ${what}`)
}

/** Jobs are seen by those who see their template, and by the organization's auditors when the template is gone. */
export function mayReadJob(store: Store, user: User, job: Job): boolean {
  return holds(user, 'job_template', ownerOf(store, job), 'job_template read')
}

/** Jobs are cancelled by who started them and by the template's admins; executing the template is not enough. */
export function mayCancelJob(store: Store, user: User, job: Job): boolean {
  return job.created_by === user.id || holds(user, 'job_template', ownerOf(store, job), 'job_template admin')
}

function ownerOf(store: Store, job: Job): { id: number; organization: number } {
  return store.templates.get(job.job_template) ?? { id: -1, organization: job.organization }
}

/** Labels are made and used by members of their organization. */
export function mayUseLabels(user: User, organization: number): boolean {
  return (
    user.is_superuser ||
    user.roles.some(
      ({ on, id, role }) => on === 'organization' && id === organization && ['member', 'admin'].includes(role),
    )
  )
}
