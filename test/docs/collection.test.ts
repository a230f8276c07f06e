import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { page, ROOT } from './documents.ts'

const COLLECTION = 'inventory-plugin/ansible_collections/virtbridge/fleet'
const guide = read(`${COLLECTION}/docs/docsite/rst/controller.rst`)

interface Option {
  readonly default?: unknown
  readonly env?: readonly { readonly name: string }[]
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

function parsed(text: string): readonly unknown[] {
  const unsafe = { tag: '!unsafe', resolve: (value: string) => `unsafe ${value}` }
  return parseAllDocuments(text, { customTags: [unsafe] }).map(document => document.toJS() as unknown)
}

/** The options of the plugin, with those of the fragment beside it; not those that Ansible's own fragments bring. */
function options(): Readonly<Record<string, Option>> {
  const files = [`${COLLECTION}/plugins/inventory/vms.py`, `${COLLECTION}/plugins/doc_fragments/bridge.py`]
  return Object.assign(
    {},
    ...files.map(file => {
      const [, yaml = ''] = /DOCUMENTATION = r"""\n([\s\S]*?)"""/.exec(read(file)) ?? []
      return (parsed(yaml)[0] as { options: Record<string, Option> }).options
    }),
  ) as Record<string, Option>
}

const variables = Object.values(options()).flatMap(({ env = [] }) => env.map(({ name }) => name))

test('the examples of the guide for controllers are the objects of deploy/aap', () => {
  const blocks = [...guide.matchAll(/^\.\. code-block:: yaml\S*\n\n((?: {3}.*\n|\n)+)/gm)]
  const shown = Object.assign({}, ...blocks.flatMap(([, text = '']) => parsed(text))) as Record<string, unknown[]>
  const kept = (file: string): unknown => parsed(read(`deploy/aap/${file}.yml`))[0]
  const { controller_credential_types: types } = kept('credential_types') as { controller_credential_types: unknown[] }
  expect(shown['controller_credential_types']).toEqual([types[0]])
  const { controller_inventory_sources: sources } = kept('inventory_sources') as {
    controller_inventory_sources: unknown[]
  }
  expect(shown['controller_inventory_sources']).toEqual([sources[0]])
  const { controller_credentials: credentials } = kept('credentials') as { controller_credentials: unknown[] }
  expect(shown['controller_credentials']).toEqual([credentials[0]])
  expect(shown['plugin']).toBe('virtbridge.fleet.vms')
})

test('what the credential type hands over are variables of the plugin, and of the script', () => {
  const [{ injectors } = { injectors: { env: {} } }] = (
    parsed(read('deploy/aap/credential_types.yml'))[0] as {
      controller_credential_types: { injectors: { env: Record<string, string> } }[]
    }
  ).controller_credential_types
  const names = Object.keys(injectors.env)
  expect(names).toContain('VIRTBRIDGE_CLIENT_CERT')
  expect(names.filter(name => !variables.includes(name))).toEqual([])
  const script = read('inventory-plugin/virtbridge-inventory')
  expect(names.filter(name => !script.includes(`"${name}"`))).toEqual([])
})

test('inventory.md has every option of the plugin with its variable and its default, and the guides name no other variable', () => {
  const inventory = page('docs/inventory.md')
  for (const [name, { env = [], default: usual }] of Object.entries(options()).filter(([one]) => one !== 'plugin')) {
    const row = inventory.text.split('\n').find(line => line.startsWith('| `') && line.includes(`\`${name}\``)) ?? ''
    const told = [...env.map(one => one.name), ...(['number', 'boolean'].includes(typeof usual) ? [String(usual)] : [])]
    expect(env.length, name).toBeGreaterThan(0)
    expect(
      told.filter(word => !row.includes(`\`${word}\``)),
      name,
    ).toEqual([])
  }
  for (const text of [guide, read('deploy/aap/README.md'), read(`${COLLECTION}/README.md`), inventory.text]) {
    const named = [...text.matchAll(/\bVIRTBRIDGE_[A-Z_]+/g)].map(([found]) => found)
    expect(named.filter(found => !variables.includes(found))).toEqual([])
  }
})

test('the collection, its README and its tests name the same versions of ansible-core', () => {
  const { text } = page('docs/testing.md')
  const versions = ['2.16', '2.17', '2.18', '2.19']
  expect(read(`${COLLECTION}/meta/runtime.yml`)).toContain('requires_ansible: ">=2.16.0"')
  expect(read(`${COLLECTION}/README.md`)).toContain('ansible-core 2.16, 2.17, 2.18 and 2.19')
  for (const version of versions.slice(0, -1)) {
    expect(text).toContain(`core-${version}`)
    expect(read(`test/servers/python/core-${version}.txt`)).toContain(`ansible-core==${version}.`)
  }
  expect(read('test/servers/python/ansible.txt')).toContain('ansible-core==2.19.')
})

test('the event filter knows every fact that is published, and no other', () => {
  const [, listed = ''] =
    /_FACTS = tuple\(\s*\(([^)]*)\)/.exec(read(`${COLLECTION}/extensions/eda/plugins/event_filter/select.py`)) ?? []
  const known = [...listed.matchAll(/[a-z0-9_]+/g)].map(([fact]) => fact)
  const facts = ['vm', 'cluster', 'day2'].flatMap(kind => {
    const { properties } = JSON.parse(read(`schemas/${kind}-event-v1.json`)) as {
      properties: { data: { properties: { fact: { enum: string[] } } } }
    }
    return properties.data.properties.fact.enum
  })
  expect(known).toEqual([...new Set(facts)].sort())
})
