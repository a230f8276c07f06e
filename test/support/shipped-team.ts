import { readObjectFiles } from '../../src/simulator/controller/index.ts'

/** Where the objects are that an operator loads into a controller. */
export const SHIPPED_OBJECTS = new URL('../../deploy/aap/', import.meta.url)

interface HeldRole {
  readonly team?: string
  readonly role?: string
  readonly job_templates?: readonly string[]
  readonly inventories?: readonly string[]
}

/** What a team of the shipped objects may do at the controller, as the simulator is told: that, and nothing else. */
export function rolesOf(team: string): { on: 'job_template' | 'inventory'; name: string; role: string }[] {
  const documents = readObjectFiles(SHIPPED_OBJECTS) as { controller_roles?: readonly HeldRole[] }[]
  const held = documents.flatMap(document => document.controller_roles ?? []).filter(entry => entry.team === team)
  return held.flatMap(({ role = '', job_templates = [], inventories = [] }) => [
    ...job_templates.map(name => ({ on: 'job_template' as const, name, role })),
    ...inventories.map(name => ({ on: 'inventory' as const, name, role })),
  ])
}
