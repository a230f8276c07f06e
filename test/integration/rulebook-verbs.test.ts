import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { readObjectFiles } from '../../src/simulator/controller/index.ts'
import { ansible, olderAnsible, type PythonEnvironment } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'
import { temporaryFolder } from '../support/bridge.ts'

const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy')
const OBJECTS = new URL('../../deploy/aap/', import.meta.url)

/** What `virtbridge_rulebook_verbs` decides. */
interface Decided {
  readonly activations: Readonly<Record<string, string>>
  readonly inventories: Readonly<Record<string, string>>
  readonly roles: Readonly<Record<string, string>>
  readonly updates: Readonly<Record<string, boolean>>
}

/** As an application reads the files: Ansible works out what they ask of the site's variables. */
const PLAYBOOK = `
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_vars: {dir: ${join(DEPLOY, 'aap')}, extensions: [yml], ignore_unknown_extensions: true}
    - ansible.builtin.copy: {dest: "{{ into }}", content: "{{ decided | to_json }}", mode: "0600"}
      vars:
        roles: "{{ controller_roles | selectattr('state', 'defined') }}"
        decided:
          activations: "{{ dict(eda_rulebook_activations | map(attribute='name') | zip(eda_rulebook_activations | map(attribute='state', default='present'))) }}"
          inventories: "{{ dict(controller_templates | map(attribute='name') | zip(controller_templates | map(attribute='inventory'))) }}"
          roles: "{{ dict(roles | map(attribute='job_templates') | map('first') | zip(roles | map(attribute='state'))) }}"
          updates: "{{ dict(controller_inventory_sources | map(attribute='name') | zip(controller_inventory_sources | map(attribute='update_on_launch') | map('bool'))) }}"
`

let all: Record<string, string>
beforeAll(async () => {
  const readme = await readFile(join(DEPLOY, 'aap', 'README.md'), 'utf8')
  const names = [...readme.matchAll(/`(virtbridge_[a-z_]+)`/g)].map(([, name = '']) => name)
  all = Object.fromEntries(names.map(name => [name, `the-${name}`]))
  delete all['virtbridge_rulebook_verbs']
})

async function byAnsible({ env }: PythonEnvironment, given: object): Promise<Decided> {
  await using folder = await temporaryFolder()
  const [file, into] = [join(folder.path, 'read.yml'), join(folder.path, 'decided.json')]
  await writeFile(file, PLAYBOOK)
  const args = [file, `--extra-vars=${JSON.stringify({ ...all, aap_hostname: 'aap.example.com', ...given, into })}`]
  const { status, stdout, stderr } = await runToEnd('ansible-playbook', args, { env })
  expect(status, stdout + stderr).toBe(0)
  return JSON.parse(await readFile(into, 'utf8')) as Decided
}

/** The same, as the simulated controller and the tests of these files read them. */
function byReader(verbs: readonly string[]): Decided {
  const site = Object.assign({}, ...readObjectFiles(OBJECTS, verbs)) as Record<
    string,
    readonly Record<string, unknown>[]
  >
  const of = (variable: string, value: (entry: Record<string, unknown>) => unknown): Record<string, never> =>
    Object.fromEntries((site[variable] ?? []).map(each => [each['name'], value(each)])) as Record<string, never>
  const roles = (site['controller_roles'] ?? []).filter(({ state }) => state !== undefined)
  return {
    activations: of('eda_rulebook_activations', ({ state = 'present' }) => state),
    inventories: of('controller_templates', ({ inventory }) => inventory),
    roles: Object.fromEntries(
      roles.map(each => [(each['job_templates'] as string[])[0], each['state']]),
    ) as Decided['roles'],
    updates: of('controller_inventory_sources', each => each['update_on_launch']),
  }
}

describe('which verbs rulebooks start', () => {
  test.each<[string, object, readonly string[]]>([
    ['none when the site says nothing', {}, []],
    ['one that it names', { virtbridge_rulebook_verbs: ['patch'] }, ['patch']],
    [
      'all',
      { virtbridge_rulebook_verbs: ['onboard', 'configure', 'patch', 'offboard'] },
      ['onboard', 'configure', 'patch', 'offboard'],
    ],
  ])('is %s, to Ansible as to who reads the files here', async (_, given, verbs) => {
    const decided = await byAnsible(await ansible(), given)
    expect(decided).toEqual(byReader(verbs))
    expect(Object.values(decided.activations).filter(state => state === 'enabled')).toHaveLength(verbs.length)
  })

  test('is the same to an older Ansible, to which what a template yields is text', async () => {
    expect(await byAnsible(await olderAnsible('2.16'), { virtbridge_rulebook_verbs: ['offboard'] })).toEqual(
      byReader(['offboard']),
    )
  })

  test.each(['aap.yml', 'awx.yml'])(
    'is refused by deploy/%s when it names another, before anything is applied',
    async play => {
      const { env } = await ansible()
      const args = [
        join(DEPLOY, play),
        `--extra-vars=${JSON.stringify({ virtbridge_rulebook_verbs: ['patch', 'pach'] })}`,
      ]
      const { status, stdout } = await runToEnd('ansible-playbook', args, { env })
      expect(status).not.toBe(0)
      expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
        'virtbridge_rulebook_verbs is a list of some of onboard, configure, patch, offboard, and names pach.',
      )
      expect(stdout).not.toContain('Read the objects')
    },
  )
})
