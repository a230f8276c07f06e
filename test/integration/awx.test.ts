import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readObjectFiles } from '../../src/simulator/controller/index.ts'
import { awxCollection } from '../servers/awx-collection.ts'
import { ansible } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'
import { startAnyController } from '../support/any-controller.ts'
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

test('deploy/awx.yml makes every kind of object by the modules of awx.awx, as the files have it', async () => {
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
  const { status, stdout, stderr } = await runToEnd(
    'ansible-playbook',
    ['awx.yml', `--extra-vars=${JSON.stringify(await variables())}`],
    {
      cwd: folder.path,
      env: {
        ...env,
        ANSIBLE_COLLECTIONS_PATH: await awxCollection(),
        CONTROLLER_HOST: controller.url,
        CONTROLLER_OAUTH_TOKEN: 'any',
      },
    },
  )
  expect(status, stdout + stderr).toBe(0)
  const objects = Object.assign({}, ...readObjectFiles(new URL('../../deploy/aap/', import.meta.url))) as {
    controller_templates: { name: string; limit?: string; ask_limit_on_launch?: boolean; survey_spec?: object }[]
  }
  const made = controller.made('job_templates')
  expect(made.map(each => each['name'] as string).toSorted()).toEqual(KEPT.toSorted())
  const meant = objects.controller_templates.filter(({ name }) => KEPT.includes(name))
  for (const { name, limit = '', ask_limit_on_launch: asks = false, survey_spec: survey } of meant) {
    const one = made.find(each => each['name'] === name)
    expect(
      { limit: one?.['limit'] ?? '', asks: one?.['ask_limit_on_launch'], survey: one?.['survey_spec'] },
      name,
    ).toEqual({
      limit,
      asks,
      survey,
    })
  }
  const sources = controller.made('inventory_sources')
  expect(sources.map(each => each['name'])).toContain('virtbridge')
  for (const source of sources) expect(source).toMatchObject({ enabled_var: 'kubevirt_enabled', overwrite: true })
  expect(controller.made('workflow_job_template_nodes')).toHaveLength(7)
  expect(controller.made('schedules').map(each => each['enabled'])).toEqual([false, false])
  expect(controller.writes.filter(path => path.includes('/roles/')).length).toBeGreaterThan(8)
})
