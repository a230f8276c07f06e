import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { PythonEnvironment } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { type InventoryServer, startInventoryServer, token } from './ansible-inventory-server.ts'
import { type Outcome, readAll } from './inventory-driver.ts'
import { DB, DOCUMENT, HOSTILE, OFF, playViews, pluginCases, WEB } from './plugin-cases.ts'

const COLLECTIONS = join(import.meta.dirname, '..', '..', 'inventory-plugin')
const SCRIPT = join(COLLECTIONS, 'virtbridge-inventory')
/** What both plays begin with: the first task tells something. */
const TELLING = `---
- name: Tell what the inventory says
  hosts: all
  gather_facts: false
  connection: local
  tasks:
    - name: Tell it
`
const PLAY = `${TELLING}\
      ansible.builtin.debug:
        msg: "<{{ inventory_hostname }}|{{ ansible_host }}|{{ kubevirt_os.name }}|{{ again | default(kubevirt_os.name) }}|{{ [kubevirt_os] | map(attribute='name') | first }}>"
    - name: Use it in a condition
      ansible.builtin.assert:
        that: "'42' not in [kubevirt_os.name, again | default(), hostvars[inventory_hostname].kubevirt_os.name]"
    - name: Keep it
      ansible.builtin.set_fact:
        kept: "{{ kubevirt_os.name }}"
        tried: "{{ 6*7 }}"
    - name: Tell what was kept
      ansible.builtin.debug:
        msg: "<kept {{ inventory_hostname }}|{{ kept }}|{{ tried }}>"
`

/** Ansible takes the first line of a text for how the template in the others is written. */
const HEADER = "#jinja2: variable_start_string:'<<', variable_end_string:'>>'\n<< 6*7 >>"
const SAYING = `${TELLING}\
      ansible.builtin.debug:
        msg: "<{{ said }}|{{ within[0].said }}|{{ cut }}>"
`

/** A vars plugin that renders what others gave hosts, as one that somebody put beside their inventory may. */
const RENDERING = `from ansible.plugins.vars import BaseVarsPlugin
from ansible.template import Templar

try:
    from ansible.template import trust_as_template
except ImportError:
    trust_as_template = str


class VarsModule(BaseVarsPlugin):
    def get_vars(self, loader, path, entities, cache=True):
        super().get_vars(loader, path, entities)
        hosts = [entity.vars for entity in entities if "kubevirt_os" in entity.vars]
        texts = {"seen_node": "{{ kubevirt_node }}", "seen_name": "{{ kubevirt_os.name }}", "seen_both": "{{ kubevirt_node }}-{{ kubevirt_os.name }}"}
        return {
            name: Templar(loader=loader, variables=dict(given)).template(trust_as_template(text))
            for given in hosts
            for name, text in texts.items()
        }
`

/** Holds one version of ansible-core to all cases of the plugin, and to a playbook that would run a template of a guest if it could. */
export function pluginSuite(version: string, environmentOf: () => Promise<PythonEnvironment>): void {
  describe(`the plugin on ansible-core ${version}`, () => {
    const stack = new AsyncDisposableStack()
    let folder: string
    let bridge: InventoryServer
    let environment: PythonEnvironment
    let outcomes: readonly Outcome[]
    // The readings are made before any test runs, when the folder has its name; the titles are the same whatever it is.
    const titles = pluginCases('').map(({ title }) => title)
    const cases = () => pluginCases(folder)

    beforeAll(async () => {
      environment = await environmentOf()
      folder = stack.use(await temporaryFolder()).path
      await writeFile(join(folder, 'netrc'), 'machine 127.0.0.1 login me password other\n', { mode: 0o600 })
      bridge = stack.use(await startInventoryServer(DOCUMENT))
      bridge.answer(playViews(() => bridge.requests.at(-1)))
      outcomes = await readAll(
        environment,
        bridge,
        folder,
        cases().flatMap(({ readings }) => readings),
      )
    })
    afterAll(() => stack.disposeAsync())

    test.each(titles.map((title, index) => [title, index] as const))('%s', (_, index) => {
      const before = cases().slice(0, index)
      const from = before.reduce((sum, { readings }) => sum + readings.length, 0)
      const one = cases()[index]
      expect(one).toBeDefined()
      one?.check(...outcomes.slice(from, from + one.readings.length))
    })

    test('every request bears the token and nothing else', () => {
      const borne = new Set(bridge.requests.map(({ headers }) => headers.authorization))
      expect([...borne]).toEqual([`Bearer ${token}`])
    })

    const env = () => ({
      ...environment.env,
      ANSIBLE_COLLECTIONS_PATH: COLLECTIONS,
      ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
      VIRTBRIDGE_URL: bridge.url,
      VIRTBRIDGE_TOKEN: token,
    })
    const start = (program: string, ...args: readonly string[]) =>
      runToEnd(program, args, { env: { ...env(), PYTHONDONTWRITEBYTECODE: '1' }, cwd: folder })

    test.each([
      ['the plugin', 'play.virtbridge.yml'],
      ['the script', SCRIPT],
    ])('a playbook shows a template of a guest that %s brought, and does not run it', async (_, from) => {
      const play = join(folder, 'play.yml')
      const compose = { again: 'kubevirt_os.name' }
      await writeFile(join(folder, 'play.virtbridge.yml'), stringify({ plugin: 'virtbridge.fleet.vms', compose }))
      await writeFile(play, PLAY)
      const { status, stdout, stderr } = await start('ansible-playbook', '-i', resolve(folder, from), play)
      expect(status, `${stdout}\n${stderr}`).toBe(0)
      const rhel = 'Red Hat Enterprise Linux'
      expect(stdout).toContain(`<${WEB}|10.1.2.3|${rhel}|${rhel}|${rhel}>`)
      expect(stdout).toContain(`<${DB}|10.1.2.4|${HOSTILE}|${HOSTILE}|${HOSTILE}>`)
      expect(stdout).toContain(`<${OFF}|`)
      // Templates are run here: it is the guest's that is not.
      expect(stdout).toContain(`<kept ${DB}|${HOSTILE}|42>`)
    })

    test.each([
      ['the plugin', 'header.virtbridge.yml'],
      ['the script', SCRIPT],
    ])('a text that would give a template other delimiters is shown too, and not obeyed: %s', async (_, from) => {
      const hosts = { [WEB]: { said: HEADER, within: [{ said: HEADER }], cut: HEADER.replaceAll('\n', ' ') } }
      await using said = await startInventoryServer({ _meta: { hostvars: hosts }, all: {} })
      const play = join(folder, 'header.yml')
      await writeFile(join(folder, 'header.virtbridge.yml'), 'plugin: virtbridge.fleet.vms\n')
      await writeFile(play, SAYING)
      const args = ['-i', resolve(folder, from), play]
      const more = { VIRTBRIDGE_URL: said.url, PYTHONDONTWRITEBYTECODE: '1' }
      const { status, stdout, stderr } = await runToEnd('ansible-playbook', args, { env: { ...env(), ...more } })
      expect(status, `${stdout}\n${stderr}`).toBe(0)
      const shown = HEADER.replaceAll('\n', '\\n')
      expect(stdout).toContain(`<${shown}|${shown}|${HEADER.replaceAll('\n', ' ')}>`)
    })

    test('max_shrink that nothing is remembered for, and a filter on labels that may not have been kept, are warned of, and the inventory is given', async () => {
      const options = { max_shrink: 20, view: 'crowded', filters: { selector: '!zone, label-1' } }
      await writeFile(join(folder, 'void.virtbridge.yml'), stringify({ plugin: 'virtbridge.fleet.vms', ...options }))
      const { status, stdout, stderr } = await start(
        'ansible-inventory',
        '-i',
        join(folder, 'void.virtbridge.yml'),
        '--list',
      )
      expect([status, Object.keys((JSON.parse(stdout) as typeof DOCUMENT)._meta.hostvars)]).toEqual([0, [WEB]])
      const said = stderr.replaceAll(/\s+/g, ' ')
      expect(said).toContain('max_shrink has nothing to compare with, as cache_plugin is memory')
      expect(said).toContain(
        `of 1 host with 64 labels or more (${WEB}, …) the bridge may have kept none called zone, and it counts as without`,
      )
    })

    test('an export is the same, byte for byte, of this source alone and of one beside which there is another, also where a vars plugin renders it', async () => {
      await writeFile(join(folder, 'alone.virtbridge.yml'), 'plugin: virtbridge.fleet.vms\n')
      await writeFile(join(folder, 'nothing.yml'), 'all: {}\n')
      const beside = join(folder, 'beside')
      await mkdir(join(beside, 'vars_plugins'), { recursive: true })
      await writeFile(join(beside, 'vars_plugins', 'rendering.py'), RENDERING)
      const exported = async (...form: readonly string[]): Promise<string> => {
        const { status, stdout, stderr } = await start('ansible-inventory', '--list', '--export', ...form)
        expect(status, stderr).toBe(0)
        expect(stderr).not.toContain('WARNING')
        return stdout
      }
      const alone = ['-i', join(folder, 'alone.virtbridge.yml')]
      for (const form of [[], ['--yaml'], ['--playbook-dir', beside]]) {
        const said = await exported(...form, ...alone)
        expect(said).toContain(HOSTILE)
        expect(said).not.toContain('42')
        expect(said.includes('seen_both')).toBe(form.length === 2)
        expect(said).toBe(await exported(...form, ...alone, '-i', join(folder, 'nothing.yml')))
      }
    })

    test('ansible-inventory lists the same through the plugin, the script, and a file of what the bridge says', async () => {
      await writeFile(join(folder, 'list.virtbridge.yml'), 'plugin: virtbridge.fleet.vms\n')
      await writeFile(join(folder, 'curl'), `#!/bin/sh\ncat ${join(folder, 'document.json')}\n`, { mode: 0o755 })
      await writeFile(join(folder, 'document.json'), JSON.stringify(DOCUMENT))
      const listed: unknown[] = []
      for (const from of ['list.virtbridge.yml', SCRIPT, 'curl']) {
        const { status, stdout, stderr } = await start('ansible-inventory', '-i', resolve(folder, from), '--list')
        expect(status, stderr).toBe(0)
        listed.push(ordered(JSON.parse(stdout)))
      }
      const [plugin, script, curl] = listed
      expect(plugin).toMatchObject({ _meta: { hostvars: { [WEB]: { ansible_host: '10.1.2.3' } } } })
      expect(script).toEqual(plugin)
      // Only the plugin and the script mark what the bridge did not.
      expect(JSON.stringify(curl).replaceAll('"a {% raw %} b"', '{"__ansible_unsafe":"a {% raw %} b"}')).toBe(
        JSON.stringify(plugin),
      )
    })
  })
}

/** Ansible orders groups and hosts as it met them, which differs between its ways of reading. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, ordered(item)]))
}
