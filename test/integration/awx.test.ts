import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readObjectFiles } from '../../src/simulator/controller/index.ts'
import { awxCollection } from '../servers/awx-collection.ts'
import { ansible } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'
import { type AnyController, type Made, startAnyController } from '../support/any-controller.ts'
import { temporaryFolder } from '../support/bridge.ts'

const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy')
/** One template of each kind: each call of a module takes a second. */
const KEPT = [
  'Day2 | Onboard',
  'Operators | Run a verb',
  'Operators | Go back',
  'Operators | Tell how it went',
  'Break glass | Precheck',
]

/** What a site gives; the values are of no interest, but for where they may stand. */
async function variables(): Promise<Record<string, string>> {
  const readme = await readFile(join(DEPLOY, 'aap', 'README.md'), 'utf8')
  const names = [...readme.matchAll(/`(virtbridge_[a-z_]+)`/g)].map(([, name = '']) => name)
  return Object.fromEntries(names.map(name => [name, `the-${name}`]))
}

test('deploy/awx.yml makes every kind of object by the modules of awx.awx, as the files have it; a second time it changes nothing', async () => {
  await using folder = await temporaryFolder()
  await using controller = await startAnyController()
  await cp(DEPLOY, folder.path, { recursive: true })
  const templates = join(folder.path, 'aap', 'job_templates.yml')
  const parts = (await readFile(templates, 'utf8')).split(/^(?= {2}- (?:<<: |name: ))/m)
  const kept = parts.filter((part, index) => index === 0 || KEPT.some(name => part.includes(`name: ${name}\n`)))
  await writeFile(templates, kept.join(''))
  const roles = join(folder.path, 'aap', 'roles.yml')
  const names = [...KEPT, 'Operators | Patch with a way back']
  const lines = (await readFile(roles, 'utf8')).split('\n')
  const named = lines.filter(line => !/^ {6}- .* \| /.test(line) || names.some(name => line.endsWith(`- ${name}`)))
  await writeFile(roles, named.join('\n'))
  const { env } = await ansible()
  const given = JSON.stringify({ ...(await variables()), virtbridge_rulebook_verbs: ['onboard'] })
  const apply = async (): Promise<string> => {
    const { status, stdout, stderr } = await runToEnd('ansible-playbook', ['awx.yml', `--extra-vars=${given}`], {
      cwd: folder.path,
      env: {
        ...env,
        ANSIBLE_COLLECTIONS_PATH: await awxCollection(),
        ANSIBLE_PIPELINING: 'true',
        CONTROLLER_HOST: controller.url,
        CONTROLLER_OAUTH_TOKEN: 'any',
      },
    })
    expect(status, stdout + stderr).toBe(0)
    return stdout
  }
  await apply()
  const objects = Object.assign(
    {},
    ...readObjectFiles(new URL('../../deploy/aap/', import.meta.url), ['onboard']),
  ) as Record<string, readonly Authored[]>
  const kinds = {
    controller_templates: 'job_templates',
    controller_inventory_sources: 'inventory_sources',
    controller_inventories: 'inventories',
    controller_projects: 'projects',
  }
  for (const [variable, kind] of Object.entries(kinds)) {
    const meant = (objects[variable] ?? []).filter(({ name }) => kind !== 'job_templates' || KEPT.includes(name))
    const made = controller.made(kind).map(one => asAuthored(controller, kind, one))
    expect(made.map(({ name }) => name).toSorted()).toEqual(meant.map(({ name }) => name).toSorted())
    for (const one of meant) expect(made.find(({ name }) => name === one.name)).toMatchObject(withoutIdle(kind, one))
  }
  expect(controller.made('workflow_job_template_nodes')).toHaveLength(7)
  expect(controller.made('schedules').map(each => each['enabled'])).toEqual([false, false])
  expect(controller.writes.filter(path => path.includes('/roles/')).length).toBeGreaterThan(8)

  const written = controller.writes.length
  expect(changedBy(await apply())).toEqual({})
  expect(controller.writes.slice(written)).toEqual([])
})

interface Authored {
  readonly name: string
  readonly [field: string]: unknown
}

/** Where names stand for other objects in the files, by the field. */
const REFERENCES: Readonly<Record<string, string>> = {
  organization: 'organizations',
  project: 'projects',
  source_project: 'projects',
  inventory: 'inventories',
  execution_environment: 'execution_environments',
  credential: 'credentials',
  credentials: 'credentials',
  notification_templates_success: 'notification_templates',
  notification_templates_error: 'notification_templates',
}

/** An object as the files would have it: with the names of others instead of their ids, and what is attached to it. */
function asAuthored(controller: AnyController, kind: string, one: Made): Authored {
  const nameOf = (of: string, id: unknown): unknown => controller.made(of).find(other => other.id === id)?.['name']
  const named = Object.entries(REFERENCES).flatMap(([field, of]) => {
    const several = controller.attachedTo(kind, one.id, field).map(id => nameOf(of, id))
    if (several.length > 0) return [[field, several]]
    return one[field] === undefined ? [] : [[field, nameOf(of, one[field])]]
  })
  const { source_vars: vars } = one
  const parsed = typeof vars === 'string' ? { source_vars: JSON.parse(vars) as unknown } : {}
  return { ...one, ...(Object.fromEntries(named) as object), ...parsed, name: String(one['name']) }
}

/** Without what is no field of an object there (an empty text, how long to wait for it, of a source the organization of its inventory), and what a site says. */
function withoutIdle(kind: string, one: Authored): object {
  const idle = kind === 'inventory_sources' ? ['wait', 'organization'] : ['wait']
  const isSaid = ([field, value]: [string, unknown]): boolean =>
    !idle.includes(field) && value !== '' && !String(value).includes('{{')
  return Object.fromEntries(Object.entries(one).filter(isSaid))
}

/** How many things each task of a play changed, by its name; those that changed nothing are left out. */
function changedBy(stdout: string): Record<string, number> {
  const tasks = stdout.split(/^TASK \[/m).slice(1)
  const counts = tasks.map(text => [text.split(']')[0], text.match(/^changed: /gm)?.length ?? 0] as const)
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}
