import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { NO_DEFAULT_LIMIT } from '../../src/aap/index.ts'
import { readObjectFiles } from '../../src/simulator/controller/index.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const DEPLOY = new URL('../../deploy/aap/', import.meta.url)
const documents = readObjectFiles(DEPLOY) as Readonly<Record<string, unknown>>[]
const objects = Object.assign({}, ...documents) as Readonly<Record<string, readonly Entry[]>>
/** The verbs that rulebooks can start. */
const STARTED = ['onboard', 'configure', 'patch', 'offboard']
const plays = readdirSync(join(ROOT, 'playbooks')).filter(name => name.endsWith('.yml'))
const templates = listed('controller_templates')

interface Entry {
  readonly name: string
  readonly [key: string]: unknown
}
interface Node {
  readonly identifier: string
  readonly unified_job_template: string
  readonly extra_data?: Readonly<Record<string, unknown>>
  readonly always_nodes?: readonly string[]
}
interface EdaType {
  readonly inputs: { readonly required: readonly string[] }
  readonly injectors: {
    readonly file: Readonly<Record<string, string>>
    readonly extra_vars: Readonly<Record<string, string>>
  }
}
interface Question {
  readonly variable: string
  readonly type: string
  readonly required: boolean
  readonly default: unknown
  readonly choices: readonly string[]
}

function listed(variable: string): readonly Entry[] {
  return objects[variable] ?? []
}

function named(prefix: string): readonly Entry[] {
  return templates.filter(({ name }) => name.startsWith(prefix))
}

function titleOf(play: string): string {
  const words = play.replace('.yml', '').split('_')
  return words.map(word => word.slice(0, 1).toUpperCase() + word.slice(1)).join(' ')
}

function surveyOf(template: Entry): readonly Question[] {
  return (template['survey_spec'] as { spec: readonly Question[] } | undefined)?.spec ?? []
}

/** Who holds a role on which job templates. */
function holders(who: 'user' | 'team', name: string, role: string): readonly string[] {
  const held = listed('controller_roles').filter(
    entry => entry[who] === name && [entry['roles'] ?? entry['role']].flat().includes(role),
  )
  return held.flatMap(entry => (entry['job_templates'] ?? []) as string[])
}

describe('the variable files of deploy/aap', () => {
  test('say each variable in one file alone: of two, Ansible would take the last', () => {
    const names = documents.flatMap(document => Object.keys(document))
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  test('name each object once', () => {
    for (const [variable, entries] of Object.entries(objects)) {
      if (!Array.isArray(entries) || variable === 'controller_roles') continue
      const all = (entries as Entry[]).map(({ name, username }) => name ?? username)
      expect(new Set(all).size, variable).toBe(all.length)
    }
  })

  test('hold no secret: what is one comes from a variable of the site', () => {
    const secret = /token|password|key$|key_data|secret/i
    const credentials = [...listed('controller_credentials'), ...listed('eda_credentials')]
    const inputs = credentials.flatMap(({ inputs: given }) => Object.entries((given ?? {}) as Record<string, unknown>))
    const secrets = inputs.filter(([field]) => secret.test(field))
    expect(secrets.length).toBeGreaterThan(2)
    expect(secrets.filter(([, value]) => !/^\{\{ \w+.* \}\}$/.test(String(value)))).toEqual([])
  })

  test('are told in their README, each with each variable that it wants', () => {
    const readme = readFileSync(new URL('README.md', DEPLOY), 'utf8')
    for (const file of readdirSync(DEPLOY).filter(each => each.endsWith('.yml'))) {
      expect(readme, file).toContain(`\`${file}\``)
      const text = readFileSync(new URL(file, DEPLOY), 'utf8')
      const wanted = [...text.matchAll(/\{\{ (virtbridge_\w+)/g)].map(([, name = '']) => name)
      for (const name of wanted) expect(readme, `${file}: ${name}`).toContain(`\`${name}\``)
    }
  })
})

describe('the templates that virtbridge launches', () => {
  test('are one for each play, by its name', () => {
    const told = named('Day2 | ').map(({ name, playbook }) => `${name}: ${String(playbook)}`)
    const meant = plays.map(play => `Day2 | ${titleOf(play)}: playbooks/${play}`)
    expect(told.toSorted()).toEqual(meant.toSorted())
  })

  test.each(named('Day2 | '))('$name prompts for what a launch sends, and names nobody by itself', template => {
    for (const prompt of ['limit', 'variables', 'skip_tags', 'job_type', 'diff_mode', 'timeout', 'labels'])
      expect(template[`ask_${prompt}_on_launch`], prompt).toBe(true)
    expect(template).toMatchObject({
      limit: NO_DEFAULT_LIMIT,
      job_slice_count: 1,
      allow_simultaneous: true,
    })
    expect(template['timeout']).toBeGreaterThan(0)
    expect(template['survey_spec']).toBeUndefined()
  })

  test('run in an inventory in which a stopped VM is enabled only where their play never connects to the guest', () => {
    const beside = plays.filter(play => /verb_place: (?!guest)/.test(readFileSync(join(ROOT, 'playbooks', play), 'utf8')))
    expect(beside.length).toBeGreaterThan(5)
    for (const { name, playbook, inventory } of named('Day2 | ')) {
      const isBeside = beside.some(play => playbook === `playbooks/${play}`)
      expect(inventory, name).toBe(isBeside ? 'virtbridge beside guests' : 'virtbridge fleet')
    }
  })

  test('log in to Linux and to Windows, each by its own credential, and have no two of one type, which a controller refuses', () => {
    const types = new Map(listed('controller_credentials').map(each => [each.name, each['credential_type']]))
    for (const { name, credentials } of templates) {
      const own = (credentials ?? []) as string[]
      expect(new Set(own.map(each => types.get(each))).size, name).toBe(own.length)
      expect(own.includes('virtbridge Windows guests'), name).toBe(own.includes('virtbridge guests'))
    }
  })

  test('are all that the bridge may launch; it sees those of break glass, and holds no other role', () => {
    expect(holders('user', 'virtbridge', 'execute').toSorted()).toEqual(
      named('Day2 | ')
        .map(({ name }) => name)
        .toSorted(),
    )
    expect(holders('user', 'virtbridge', 'read').toSorted()).toEqual(
      named('Break glass | ')
        .map(({ name }) => name)
        .toSorted(),
    )
    const all = listed('controller_roles').filter(({ user }) => user === 'virtbridge')
    const roles = all.flatMap(entry => [entry['roles'] ?? entry['role']].flat().map(String))
    expect([...new Set(roles)].toSorted()).toEqual(['execute', 'read', 'update'])
  })
})

describe('workflows and schedules', () => {
  const workflows = listed('controller_workflows')
  const known = new Map([...templates, ...workflows].map(entry => [entry.name, entry]))
  const nodes = workflows.flatMap(({ simplified_workflow_nodes: all }) => all as readonly Node[])

  test('launch templates that are there, and say what their surveys must be told', () => {
    const told = nodes.map(node => [node.unified_job_template, node.extra_data ?? {}, Object.keys(surveyAnswers())])
    const timed = listed('controller_schedules').map(each => [each['unified_job_template'], each['extra_data'], []])
    for (const [name, variables, answered] of [...told, ...timed] as [string, object, readonly string[]][]) {
      const given = [...Object.keys(variables), ...answered]
      const wanted = surveyOf(known.get(name) ?? { name }).filter(({ required, default: usual }) => required && usual === '')
      expect(known.has(name), name).toBe(true)
      expect(wanted.map(({ variable }) => variable).filter(each => !given.includes(each) && each !== 'ask_verb')).toEqual([])
      expect(known.get(name)?.['ask_variables_on_launch'] === true || known.get(name)?.['survey_enabled']).toBe(true)
    }
  })

  test('of patching go from a snapshot to verify, in a line, with hosts that go back only to the snapshot of the same workflow', () => {
    const line: string[] = []
    for (let next: Node | undefined = nodes[0]; next !== undefined; ) {
      line.push(next.identifier)
      const [after] = next.always_nodes ?? []
      next = nodes.find(({ identifier }) => identifier === after)
    }
    expect(line).toEqual(['snapshot', 'precheck', 'patch', 'reboot', 'verify', 'restore', 'tell'])
    const backs = nodes.filter(({ extra_data: data }) => data?.['ask_way_back'] === true)
    expect(backs.map(({ identifier }) => identifier)).toEqual(['patch', 'reboot', 'verify'])
  })

  test('go on only when the step before said how it ended, and end as failed when any did not', () => {
    const steps = nodes.slice(0, -1).map(({ identifier }) => identifier)
    for (const { identifier, extra_data: data } of nodes.slice(0, -2)) expect(data?.['ask_verb']).toBe(identifier)
    const forward = nodes.flatMap(({ extra_data: data }, index) => (data?.['ask_of_step'] === 'ok' ? [[index, data]] : []))
    expect(forward).toHaveLength(4)
    for (const [index, data] of forward as [number, Record<string, unknown>][])
      expect(data['ask_after'], String(data['ask_verb'])).toBe(steps[index - 1])
    expect(nodes.at(-1)?.extra_data).toEqual({ tell_steps: steps })
  })

  test('hand what was answered, a dry run among it, to every step: no template of a step drops it', () => {
    const asked = workflows.flatMap(surveyOf).map(({ variable }) => variable)
    expect(asked).toEqual(expect.arrayContaining(['ask_hosts', 'ask_ring', 'run_verb_reboot', 'ask_dry_run']))
    for (const { identifier, unified_job_template: name } of nodes)
      expect(known.get(name)?.['ask_variables_on_launch'], identifier).toBe(true)
    // What stands in a step itself must not say otherwise.
    for (const { extra_data: data } of nodes) expect(Object.keys(data ?? {})).not.toContain('ask_dry_run')
  })

  test('that are shipped as examples are switched off', () => {
    expect(listed('controller_schedules').map(({ enabled }) => enabled)).toEqual([false, false])
  })

  function surveyAnswers(): Record<string, unknown> {
    return Object.fromEntries(workflows.flatMap(surveyOf).map(({ variable }) => [variable, '']))
  }
})

describe('the templates that people launch', () => {
  test('run plays that are there, on no guest when they ask virtbridge', () => {
    for (const { name, playbook, inventory } of templates) {
      expect(existsSync(join(ROOT, String(playbook))), name).toBe(true)
      if (!name.startsWith('Operators | ')) continue
      expect(inventory).toBe('virtbridge localhost')
      const [play] = parse(readFileSync(join(ROOT, String(playbook)), 'utf8')) as { hosts: string }[]
      expect(play?.hosts).toBe('localhost')
    }
    const own = readdirSync(join(ROOT, 'playbooks', 'operators')).filter(name => name.endsWith('.yml'))
    const used = new Set(named('Operators | ').map(({ playbook }) => playbook))
    expect(own.filter(play => !used.has(`playbooks/operators/${play}`))).toEqual([])
  })

  test('are launched by those whom they are for, and by nobody else', () => {
    for (const [team, prefix] of [
      ['virtbridge operators', 'Operators | '],
      ['virtbridge break glass', 'Break glass | '],
    ] as const) {
      expect(listed('aap_teams').map(({ name }) => name)).toContain(team)
      expect(holders('team', team, 'execute').toSorted()).toEqual(
        named(prefix)
          .map(({ name }) => name)
          .toSorted(),
      )
    }
  })

  test.each(named('Break glass | '))('$name wants a limit, a reason and a number, and names nobody by itself', entry => {
    expect(entry).toMatchObject({ limit: NO_DEFAULT_LIMIT, ask_limit_on_launch: true, survey_enabled: true })
    const required = surveyOf(entry).filter(question => question.required && question.default === '')
    expect(required.map(({ variable }) => variable)).toEqual([
      'virtbridge_break_glass_reason',
      'virtbridge_expected_count',
    ])
  })

  test.each(templates.filter(entry => surveyOf(entry).length > 0))('the survey of $name can be answered', entry => {
    for (const { variable, type, choices, default: usual } of surveyOf(entry)) {
      expect(['text', 'textarea', 'integer', 'multiplechoice']).toContain(type)
      // A choice that YAML takes for something else than a text (no, yes) is no choice of the controller's.
      for (const choice of choices) expect(typeof choice, variable).toBe('string')
      expect(choices.length > 0, variable).toBe(type === 'multiplechoice')
      expect(['', ...choices], variable).toContain(usual)
    }
  })

  test('ask only for variables that somebody reads', () => {
    const text = readdirSync(join(ROOT, 'playbooks'), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.yml'))
      .map(name => readFileSync(join(ROOT, 'playbooks', name), 'utf8'))
      .join('\n')
    for (const { variable } of templates.flatMap(surveyOf)) expect(text).toMatch(new RegExp(`\\b${variable}\\b`))
  })
})

describe('the objects of Event-Driven Ansible', () => {
  const activations = listed('eda_rulebook_activations')
  const rulebook = (name: unknown): string => readFileSync(join(ROOT, 'rulebooks', String(name)), 'utf8')

  test('activate each rulebook of one generation, and none that starts a verb', () => {
    const [generation = ''] = String(activations[0]?.['rulebook']).split('/')
    const there = readdirSync(join(ROOT, 'rulebooks', generation)).map(file => `${generation}/${file}`)
    expect(activations.map(each => String(each['rulebook'])).toSorted()).toEqual(there.toSorted())
    // `enabled: false` creates one that runs: the module goes by its state alone.
    for (const each of activations) {
      expect(each['state'], each.name).toBe(/eda-/.test(String(each['rulebook'])) ? 'disabled' : undefined)
      expect(each['enabled'], each.name).toBeUndefined()
    }
  })

  test.each([[[]], ...STARTED.map(verb => [[verb]]), [STARTED]])('are those of verbs that the site names, and nothing of another verb is theirs: %j', named => {
    const site = Object.assign({}, ...readObjectFiles(DEPLOY, named)) as Readonly<Record<string, readonly Entry[]>>
    const at = (variable: string, name: string): Entry | undefined => site[variable]?.find(each => each.name === name)
    for (const verb of STARTED) {
      const [is, template] = [named.includes(verb), `Day2 | ${titleOf(verb)}`]
      expect(at('eda_rulebook_activations', `virtbridge ${verb}`)?.['state'], verb).toBe(is ? 'enabled' : 'disabled')
      const role = site['controller_roles']?.find(
        each => each['user'] === 'virtbridge-rulebooks' && (each['job_templates'] as string[] | undefined)?.includes(template),
      )
      expect(role, verb).toMatchObject({ role: 'execute', state: is ? 'present' : 'absent', job_templates: [template] })
      const fresh = verb === 'offboard' ? 'virtbridge beside guests' : is ? 'virtbridge rulebooks' : 'virtbridge fleet'
      expect(at('controller_templates', template)?.['inventory'], verb).toBe(fresh)
    }
    expect(at('controller_inventory_sources', 'virtbridge beside guests')?.['update_on_launch']).toBe(named.includes('offboard'))
    expect(JSON.stringify(site)).not.toContain('virtbridge_rulebook_verbs')
  })

  test('give them every variable that they want', () => {
    const [type] = listed('eda_credential_types') as unknown as { injectors: { extra_vars: Record<string, string> } }[]
    const given = [...Object.keys(type?.injectors.extra_vars ?? {}), 'aap_organization']
    for (const each of activations) {
      const wanted = [...rulebook(each['rulebook']).matchAll(/\{\{ ([a-z]+_[a-z_]+)/g)].map(([, name = '']) => name)
      expect(wanted.filter(name => !given.includes(name)), each.name).toEqual([])
    }
  })

  test('name no file of a field that may be left empty without saying what counts then: none is made of it', () => {
    for (const { inputs, injectors } of listed('eda_credential_types') as unknown as EdaType[]) {
      const optional = Object.keys(injectors.file).map(name => name.replace('template.', ''))
      expect(optional.filter(name => inputs.required.includes(name))).toEqual([])
      const named = Object.values(injectors.extra_vars).filter(text => text.includes('eda.filename.'))
      expect(named.toSorted()).toEqual(optional.map(name => `{{ eda.filename.${name} | default('', true) }}`).toSorted())
    }
  })

  test('launch only templates that are there, by an account that may', () => {
    const held = (state: unknown): readonly string[] =>
      listed('controller_roles')
        .filter(each => each['user'] === 'virtbridge-rulebooks' && each['role'] === 'execute' && each['state'] === state)
        .flatMap(each => each['job_templates'] as readonly string[])
    expect(held(undefined)).toEqual(['Rulebooks | Notify'])
    for (const each of activations) {
      // What is switched off may launch nothing either, until a person says so in both places.
      const may = held(each['state'] === 'disabled' ? 'absent' : undefined)
      const launched = [...rulebook(each['rulebook']).matchAll(/run_job_template:\n\s+name: (.+)/g)].map(([, name]) => name)
      expect(launched.length).toBeGreaterThan(0)
      expect(launched.filter(name => name === undefined || !may.includes(name))).toEqual([])
    }
    const all = [...held(undefined), ...held('absent')]
    expect(all.filter(name => !templates.some(template => template.name === name))).toEqual([])
  })

  test('name each other rightly', () => {
    const names = (variable: string): readonly string[] => listed(variable).map(({ name }) => name)
    for (const each of activations) {
      expect(names('eda_projects')).toContain(each['project'])
      expect(names('eda_decision_environments')).toContain(each['decision_environment'])
      for (const name of each['eda_credentials'] as string[]) expect(names('eda_credentials')).toContain(name)
    }
  })
})

describe('environments', () => {
  const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
  const inPlays = new Set(
    readdirSync(join(ROOT, 'playbooks'), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.yml') && name.includes('tasks'))
      .flatMap(name => [...text(join('playbooks', name)).matchAll(/^\s+(?:name: )?([a-z_]+\.[a-z_]+)\.[a-z_]+:?$/gm)])
      .map(([, collection = '']) => collection)
      .filter(collection => collection !== 'ansible.builtin'),
  )
  /** Used when they are there, and else done without. */
  const optional = ['redhat.rhel_system_roles', 'freeipa.ansible_freeipa']

  test('of jobs have each collection that plays need, which the requirements of the project tell of', () => {
    const { collections } = parse(text('deploy/execution-environment/requirements.yml')) as { collections: Entry[] }
    const had = collections.map(({ name }) => name)
    expect([...inPlays].filter(name => !had.includes(name) && !optional.includes(name))).toEqual([])
    for (const name of [...had, ...inPlays]) expect(text('collections/requirements.yml')).toContain(name)
    for (const name of had) expect(text('test/servers/bundle.ts')).toContain(`'${name.replace('.', '/')}'`)
  })

  test('are those that templates name', () => {
    const known = listed('controller_execution_environments').map(({ name }) => name)
    const named = templates.flatMap(({ execution_environment: own }) => (typeof own === 'string' ? [own] : []))
    expect(new Set(named)).toEqual(new Set(known))
  })
})
