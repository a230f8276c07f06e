import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

const folder = join(import.meta.dirname, '..', '..', 'playbooks', 'roles')
const roles = readdirSync(folder)

interface Option {
  readonly description: string
  readonly default?: unknown
  readonly required?: boolean
  readonly choices?: readonly string[]
}

function read(role: string, path: string): string {
  const file = join(folder, role, path)
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

function optionsOf(role: string): Readonly<Record<string, Option>> {
  const specs = parse(read(role, 'meta/argument_specs.yml')) as {
    argument_specs: { main: { options?: Record<string, Option> } }
  }
  return specs.argument_specs.main.options ?? {}
}

/** A task of a README, or a play with such. */
interface Example {
  readonly tasks?: readonly Example[]
  readonly vars?: Readonly<Record<string, unknown>>
  readonly 'ansible.builtin.import_role'?: { readonly name: string }
  readonly 'ansible.builtin.include_role'?: { readonly name: string }
}

const OPTIONS = new Set(roles.flatMap(role => Object.keys(optionsOf(role))))

describe.each(roles)('the role %s', role => {
  const options = optionsOf(role)
  const defaults = (parse(read(role, 'defaults/main.yml')) ?? {}) as Record<string, unknown>
  const readme = read(role, 'README.md')

  test('has a default for each option that need not be given, the one that its specification tells', () => {
    const told = Object.entries(options).flatMap(([name, option]) =>
      'default' in option ? [[name, option.default]] : [],
    )
    expect(defaults).toEqual(Object.fromEntries(told))
  })

  test('explains each default where it stands', () => {
    const lines = read(role, 'defaults/main.yml').split('\n')
    for (const name of Object.keys(defaults)) {
      const at = lines.findIndex(line => line.startsWith(`${name}:`))
      expect(lines[at - 1], name).toMatch(/^# .+[.:;,)]$/)
    }
  })

  test('takes what nobody may read to nobody else: a request with it follows no redirect', () => {
    const tasks = readdirSync(join(folder, role, 'tasks')).flatMap(file =>
      read(role, join('tasks', file)).split('- name: '),
    )
    const secret = tasks.filter(
      task => task.includes('ansible.builtin.uri:') && /no_log: true|url_password:/.test(task),
    )
    for (const task of secret) expect(task).toContain('follow_redirects: none')
  })

  test('has a README that names each option, and shows how to use it', () => {
    for (const name of Object.keys(options)) expect(readme, name).toContain(`\`${name}\``)
    expect(readme).toMatch(new RegExp(`\`\`\`yaml\n[^]*name: (${role}|verb)\n[^]*\`\`\``))
  })

  test('has a README that tells the default of each option as it is, and what there is to choose from', () => {
    const rows = Object.entries(options).map(([name, option]) => {
      const row = new RegExp(`^\\| \`${name}\` \\|([^|]*)\\|(.*)\\|$`, 'm').exec(readme)
      return { name, option, told: row?.[1]?.trim().replaceAll('`', '') ?? '', row: row?.[0] ?? '' }
    })
    // What is worked out is told in words.
    const plain = rows.filter(({ option }) => 'default' in option && !String(option.default).includes('{{'))
    for (const { name, option, told } of plain) expect([told, parse(told)], name).toContainEqual(option.default)
    for (const { name, option, row } of rows)
      for (const choice of option.choices ?? []) expect(row, name).toContain(choice)
  })

  test('has an example that is YAML, with roles and options that there are', () => {
    const examples = [...readme.matchAll(/```yaml\n([^]*?)```/g)].flatMap(([, text = '']) => parse(text) as Example[])
    const tasks = examples.flatMap(example => example.tasks ?? [example])
    expect(tasks.length).toBeGreaterThan(0)
    for (const task of tasks) {
      const used = task['ansible.builtin.import_role'] ?? task['ansible.builtin.include_role']
      expect(roles).toContain(used?.name)
      expect(Object.keys(task.vars ?? {}).filter(name => !OPTIONS.has(name))).toEqual([])
    }
  })

  test('has a README that tells the tags by which it can be chosen, and those it has', () => {
    const told = /^Tags: (?:none|(.*)\.$)/m.exec(readme)
    expect(told).not.toBeNull()
    const names = [...(told?.[1] ?? '').matchAll(/`([a-z_]+)`/g)].map(([, name]) => name)
    const text = readdirSync(join(folder, role, 'tasks'))
      .map(file => read(role, join('tasks', file)))
      .join('\n')
    const itself = names.filter(name => name === role)
    for (const name of itself) expect(text).toMatch(new RegExp(`tags: \\[(always, )?${name}\\]`))
    // `configure` is a list of roles, each of which is chosen by its own.
    expect(role === 'configure' || names.length === 0 || itself.length > 0).toBe(true)
    expect(itself.length > 0 || !text.includes(`tags: [${role}]`)).toBe(true)
  })

  test('uses no variable of its own that nobody may set', () => {
    const names = new Set(Object.keys(options))
    const text = readdirSync(join(folder, role, 'tasks'))
      .map(file => read(role, join('tasks', file)))
      .join('\n')
    const used = [...text.matchAll(new RegExp(`(?<![\\w.'/])${role}_[a-z0-9_]+`, 'g'))].map(([name]) => name)
    const made = [...text.matchAll(new RegExp(`^ *(?:loop_var: |register: )?(${role}_[a-z0-9_]+)(?::|$)`, 'gm'))].map(
      ([, name]) => name,
    )
    expect(used.filter(name => !names.has(name) && !made.includes(name) && !name.endsWith('_result'))).toEqual([])
  })
})

test('configure tells each of its roles by its name when it changes something', () => {
  const { __configure_known: known } = parse(read('configure', 'vars/main.yml')) as { __configure_known: string[] }
  const defaults = parse(read('configure', 'defaults/main.yml')) as { configure_roles: string[] }
  const handlers = parse(read('configure', 'handlers/main.yml')) as { name: string; [module: string]: unknown }[]
  expect(known).toEqual([...defaults.configure_roles, 'retire'])
  expect(handlers.map(({ name }) => name)).toEqual(
    [...known, 'another role'].map(role => `Remember that ${role} changes something`),
  )
  for (const [index, handler] of handlers.entries())
    expect(JSON.stringify(handler)).toContain(`+ ['${known[index] ?? 'other'}']`)
})
