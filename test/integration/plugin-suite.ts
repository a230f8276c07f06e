import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { PythonEnvironment } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { type InventoryServer, startInventoryServer, token } from './ansible-inventory-server.ts'
import { type Outcome, readAll } from './inventory-driver.ts'
import { DB, DOCUMENT, HOSTILE, OFF, playViews, pluginCases, WEB } from './plugin-cases.ts'

const COLLECTIONS = join(import.meta.dirname, '..', '..', 'inventory-plugin')
const PLAY = `---
- name: Tell what the inventory says
  hosts: all
  gather_facts: false
  connection: local
  tasks:
    - name: Tell it
      ansible.builtin.debug:
        msg: "<{{ inventory_hostname }}|{{ ansible_host }}|{{ kubevirt_os.name }}|{{ again }}|{{ [kubevirt_os] | map(attribute='name') | first }}>"
    - name: Use it in a condition
      ansible.builtin.assert:
        that: "'42' not in [kubevirt_os.name, again, hostvars[inventory_hostname].kubevirt_os.name]"
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
      bridge.answer(playViews(() => bridge.requests.at(-1)?.path ?? ''))
      outcomes = await readAll(
        environment,
        bridge,
        folder,
        cases().flatMap(({ readings }) => readings),
      )
    }, 180_000)
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

    test('a playbook shows a template of a guest, and does not run it', async () => {
      const [source, play] = [join(folder, 'play.virtbridge.yml'), join(folder, 'play.yml')]
      const compose = { again: 'kubevirt_os.name' }
      await writeFile(source, stringify({ plugin: 'virtbridge.fleet.vms', compose }))
      await writeFile(play, PLAY)
      const env = {
        ...environment.env,
        ANSIBLE_COLLECTIONS_PATH: COLLECTIONS,
        ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
        VIRTBRIDGE_URL: bridge.url,
        VIRTBRIDGE_TOKEN: token,
      }
      const { status, stdout, stderr } = await runToEnd('ansible-playbook', ['-i', source, play], { env, cwd: folder })
      expect(status, `${stdout}\n${stderr}`).toBe(0)
      const rhel = 'Red Hat Enterprise Linux'
      expect(stdout).toContain(`<${WEB}|10.1.2.3|${rhel}|${rhel}|${rhel}>`)
      expect(stdout).toContain(`<${DB}|10.1.2.4|${HOSTILE}|${HOSTILE}|${HOSTILE}>`)
      expect(stdout).toContain(`<${OFF}|`)
    })
  })
}
