import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { page } from '../docs/documents.ts'
import { startKubeApiserver } from '../servers/kube-apiserver.ts'
import { kubevirtCore } from '../servers/python-environment.ts'
import { run, runToEnd } from '../servers/run.ts'
import { fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'
import { shippedToken } from '../support/shipped-rights.ts'
import { enact } from './kubevirt-core-cast.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const GUIDE = page('docs/migrating-from-kubevirt-core.md').text

/** A file that the guide shows. */
function shown(name: string): string {
  const [, content = ''] = new RegExp(`^\\$ cat ${name}\\n([\\s\\S]*?)^\\$ `, 'm').exec(GUIDE) ?? []
  expect(content).toContain('plugin: ')
  return content
}

/** The first block of YAML. */
function shownView(): { inventory: { views: readonly object[] }; watch: object } {
  return parse(/^```yaml\n([\s\S]*?)^```/m.exec(GUIDE)?.[1] ?? '') as ReturnType<typeof shownView>
}

/** A file of the guide that asks for the third namespace too. */
function withThird(content: string): string {
  return content
    .replace('namespaces: [shop, desk]', 'namespaces: [shop, desk, odd]')
    .replace('view: prod-vms', 'view: third')
}

/** What the guide says that a command answers, each time that it is given. */
function answersTo(command: string): readonly string[] {
  return GUIDE.split(`$ ${command}\n`)
    .slice(1)
    .map(rest => rest.slice(0, rest.indexOf('```')))
}

test('the guide from kubevirt.core, followed step by step, ends where it says', async () => {
  await using stack = new AsyncDisposableStack()
  const api = stack.use(
    await startKubeApiserver({ crds: ['virtualmachines.kubevirt.io', 'virtualmachineinstances.kubevirt.io'] }),
  )
  await enact(api.client)
  const { path } = stack.use(await temporaryFolder())
  const { bin, env } = await kubevirtCore()
  await fileIn(path, 'admin.kubeconfig', api.kubeconfig('admin', api.adminToken))
  await fileIn(path, 'kubeconfig', api.kubeconfig('prod-1', await shippedToken(api, ['base', 'services-rbac'])))
  await fileIn(path, 'vms.kubevirt.yml', shown('vms.kubevirt.yml'))
  await fileIn(path, 'vms.virtbridge.yml', shown('vms.virtbridge.yml'))
  await fileIn(path, 'third.kubevirt.yml', withThird(shown('vms.kubevirt.yml')))
  await fileIn(path, 'third.virtbridge.yml', withThird(shown('vms.virtbridge.yml')))

  const list = async (source: string, output: string, more: Readonly<Record<string, string>> = {}): Promise<void> => {
    const args = ['-i', source, '--list', '--output', output]
    const given = { ...env, ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1', ...more }
    await run(join(bin, 'ansible-inventory'), args, { cwd: path, env: given })
  }
  await list('vms.kubevirt.yml', 'old.json')
  await list('third.kubevirt.yml', 'third-old.json')

  const { watch, inventory } = shownView()
  const third = inventory.views.map(view => ({ ...view, name: 'third', namespaces: ['shop', 'desk', 'odd'] }))
  const bridge = stack.use(
    await startBridge(path, {
      clusters: [{ name: 'prod-1', kubeconfig: 'kubeconfig', context: 'prod-1' }],
      watch: { ...watch, heartbeat_seconds: 0.5 },
      inventory: { ...inventory, views: [...inventory.views, ...third] },
    }),
  )
  const compare = join(ROOT, 'inventory-plugin', 'compare-inventories')
  const [answer = '', withOdd = ''] = answersTo('inventory-plugin/compare-inventories old.json new.json')
  expect([answer, withOdd]).toEqual([expect.stringContaining('nothing differs'), expect.stringContaining('odd-bare')])
  const ours = {
    VIRTBRIDGE_URL: bridge.url,
    VIRTBRIDGE_TOKEN: bridge.token,
    ANSIBLE_COLLECTIONS_PATH: join(ROOT, 'inventory-plugin'),
  }
  const compared = async (old: string, fresh: string): Promise<string> =>
    (await runToEnd(join(bin, 'python'), [compare, old, fresh], { cwd: path })).stdout
  // Services come after VMs.
  await vi.waitUntil(
    async () => {
      if ((await bridge.api.get('/api/v1/inventory/prod-vms').catch(() => null)) === null) return false
      await list('vms.virtbridge.yml', 'new.json', ours)
      return (await compared('old.json', 'new.json')) === answer
    },
    { timeout: 60_000, interval: 500 },
  )
  await list('third.virtbridge.yml', 'third-new.json', ours)
  const lines = (await compared('third-old.json', 'third-new.json')).trimEnd().split('\n')
  // The guide shows some of them.
  expect(lines).toEqual(expect.arrayContaining(withOdd.trimEnd().split('\n')))
  for (const line of lines.slice(1)) expect(line).toMatch(/: odd-[a-z-]+(, odd-[a-z-]+)*( and \d+ more)?$/)

  const all = await runToEnd(join(bin, 'python'), [compare, '--all', 'old.json', 'new.json'], { cwd: path })
  expect(all.status).toBe(1)
  expect(all.stdout).toContain('variable vm_resource_version: ')
})

test('the guide says of each option of the plugin where it goes', async () => {
  const { bin, env } = await kubevirtCore()
  const args = ['-t', 'inventory', '--json', 'kubevirt.core.kubevirt']
  const documented = JSON.parse(await run(join(bin, 'ansible-doc'), args, { env })) as Record<
    string,
    { doc: { options: Record<string, unknown> } }
  >
  // Those of every plugin, and the many ways to an API server, are said in a word each.
  const common = /^(plugin|cache.*|compose|groups|keyed_groups|strict|leading_separator|use_extra_vars)$/
  const reach =
    /^(kubeconfig|context|host|api_key|username|password|.*_cert|client_key|validate_certs|.*proxy.*|persist_config|impersonate_.*)$/
  const options = Object.keys(documented['kubevirt.core.kubevirt']?.doc.options ?? {})
  expect(options.length).toBeGreaterThan(15)
  const missing = options.filter(name => !common.test(name) && !reach.test(name) && !GUIDE.includes(`\`${name}\``))
  expect(missing).toEqual([])
})
