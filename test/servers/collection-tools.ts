import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { provision, type BuildContext, type Recipe, type Say } from './cache.ts'
import {
  buildEnvironment,
  environmentOf,
  lockOf,
  type OlderCore,
  type PythonEnvironment,
} from './python-environment.ts'
import { run } from './run.ts'
import { python } from './toolchain.ts'

const COLLECTION = join(
  import.meta.dirname,
  '..',
  '..',
  'inventory-plugin',
  'ansible_collections',
  'virtbridge',
  'fleet',
)
/** The sanity tests that need more than PyPI has: shellcheck is a program of its own, and there is no shell in the collection. */
export const NOT_HERE = ['shellcheck']

/** ansible-test fetches pip from a server of its own; Python brings one along. It gives this the arguments of get-pip. */
const GET_PIP = `
import subprocess, sys
packages = [given for given in sys.argv[1:] if not given.startswith("--no-")]
for module in (["ensurepip"], ["pip", "install", "--quiet", *packages]):
    subprocess.run([sys.executable, "-m", *module], check=True)
`

/** ansible-test, ansible-lint, yamllint, antsibull and galaxy-importer with ansible-core 2.19, as `python/collection.txt` pins them. */
export const collectionToolsRecipe: Recipe = toolsRecipe(
  'collection',
  'the tools that an Ansible collection is held to',
)

/** ansible-test of an older ansible-core, with the pytest that its units are run by. */
export function olderToolsRecipe(version: OlderCore): Recipe {
  return toolsRecipe(`core-${version}`, `ansible-test of ansible-core ${version}`, ['units'])
}

/** The programs of a recipe of this file; what ansible-test keeps at home is there. */
export async function collectionTools(recipe: Recipe, options: { say?: Say } = {}): Promise<PythonEnvironment> {
  const folder = await provision(recipe, options)
  return { bin: join(folder, 'bin'), env: { ...environmentOf(folder), HOME: join(folder, 'home') } }
}

/** The version of Python as ansible-test wants it told: `3.11`. */
export async function pythonVersion({ bin, env }: PythonEnvironment): Promise<string> {
  const program = 'import sys; print("%d.%d" % sys.version_info[:2])'
  return (await run(join(bin, 'python'), ['-c', program], { env })).trim()
}

/** A copy of the collection as a checkout has it, at `folder`/ansible_collections/virtbridge/fleet, whose path it returns. */
export async function copyOfCollection(folder: string): Promise<string> {
  const path = join(folder, 'ansible_collections', 'virtbridge', 'fleet')
  await cp(COLLECTION, path, { recursive: true, filter: source => !source.includes('__pycache__') })
  return path
}

function toolsRecipe(lock: string, why: string, more: readonly string[] = []): Recipe {
  const locks = [lock, ...more]
  return {
    name: `tools-${lock}`,
    why: `${why} (a Python environment of 400 MB)`,
    takes: '2 minutes',
    tools: [python],
    inputs: [...locks.map(lockOf), GET_PIP, NOT_HERE.join()],
    async build(into, context) {
      await buildEnvironment(locks, into, context)
      await prime(into, context)
    },
  }
}

/** Lets ansible-test make the environments of its sanity tests, so that a run of them needs no network. */
async function prime(into: string, { say }: BuildContext): Promise<void> {
  const environment = { bin: join(into, 'bin'), env: { ...environmentOf(into), HOME: join(into, 'home') } }
  const cache = join(into, 'home', '.ansible', 'test', 'cache')
  const settings = join(into, 'home', '.config', 'pip')
  for (const folder of [cache, settings]) await mkdir(folder, { recursive: true })
  for (const version of ['23_1_2', '24_2']) await writeFile(join(cache, `get_pip_${version}.py`), GET_PIP)
  await writeFile(join(settings, 'pip.conf'), await pipSettings(environment), { mode: 0o600 })
  say('ansible-test sanity --prime-venvs')
  const copy = join(into, 'copy')
  const skip = NOT_HERE.flatMap(test => ['--skip-test', test])
  // By its interpreter, as its first line names the place where all of this will be.
  const program = join(into, 'bin', 'ansible-test')
  const args = [program, 'sanity', '--prime-venvs', '--python', await pythonVersion(environment), ...skip]
  await run(join(into, 'bin', 'python'), args, { cwd: await copyOfCollection(copy), env: environment.env })
  for (const folder of [copy, settings]) await rm(folder, { recursive: true })
}

/** What pip is told here, in the environment too, which ansible-test keeps from it. */
async function pipSettings({ bin }: PythonEnvironment): Promise<string> {
  const listed = await run(join(bin, 'python'), ['-m', 'pip', 'config', 'list'])
  const found = new Map<string, string>()
  for (const [, scope, key = '', value = ''] of listed.matchAll(/^(:env:|\w+)\.([\w-]+)='(.*)'$/gm))
    if (scope === ':env:' || !found.has(key)) found.set(key, value)
  return ['[global]', ...[...found].map(([key, value]) => `${key} = ${value}`), ''].join('\n')
}
