import { readFileSync } from 'node:fs'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { cacheRoot, provision, type BuildContext, type Recipe, type Say } from './cache.ts'
import { run } from './run.ts'
import { java, python } from './toolchain.ts'

const lockFolder = join(import.meta.dirname, 'python')

/** Unpacks the named collections of the one wheel in a folder to where Ansible finds them. */
const UNPACK = `
import pathlib, sys, sysconfig, zipfile
[wheel] = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as bundle:
    for collection in sys.argv[2:]:
        names = [name for name in bundle.namelist() if name.startswith(f"ansible_collections/{collection}/")]
        if not names:
            sys.exit(f"no collection {collection} in {wheel.name}")
        bundle.extractall(sysconfig.get_paths()["purelib"], names)
`

/**
 * A Python environment of the cache: the folder of its programs, and the whole environment to run them in.
 *
 * Nothing of the caller's `ANSIBLE_*`, `PYTHON*` or `EDA_*` is in it; what Ansible keeps for itself goes to the cache, not to `~/.ansible`.
 */
export interface PythonEnvironment {
  readonly bin: string
  readonly env: Readonly<Record<string, string>>
}

/** ansible-core, as `python/ansible.txt` pins it. */
export const ansibleRecipe: Recipe = {
  name: 'ansible',
  why: 'ansible-core 2.19 (a Python environment of 70 MB)',
  takes: '10 seconds',
  tools: [python],
  inputs: [lockOf('ansible')],
  build: (into, context) => buildEnvironment('ansible', into, context),
}

/** The oldest ansible-core that the collection takes, and the two between it and the one that all else runs on. */
export const OLDER_CORES = ['2.16', '2.17', '2.18'] as const
export type OlderCore = (typeof OLDER_CORES)[number]

/** An older ansible-core, as `python/core-<version>.txt` pins it. */
export function olderCoreRecipe(version: OlderCore): Recipe {
  const name = `core-${version}`
  return {
    name,
    why: `ansible-core ${version} (a Python environment of 70 MB)`,
    takes: '10 seconds',
    tools: [python],
    inputs: [lockOf(name)],
    build: (into, context) => buildEnvironment(name, into, context),
  }
}

/** The programs of an older ansible-core. */
export async function olderAnsible(version: OlderCore, options: { say?: Say } = {}): Promise<PythonEnvironment> {
  const folder = await provision(olderCoreRecipe(version), options)
  return { bin: join(folder, 'bin'), env: environmentOf(folder) }
}

/** The bundle `ansible`, of which only these collections are kept: the whole is 700 MB. */
const BUNDLE = { release: 'ansible==12.3.0', collections: ['kubevirt/core', 'kubernetes/core'] }

/** The inventory plugin `kubevirt.core.kubevirt` as people use it today, with all that it needs. */
export const kubevirtCoreRecipe: Recipe = {
  name: 'kubevirt-core',
  why: `kubevirt.core with the client of Kubernetes (a Python environment of 180 MB, and 2 MB of the bundle ${BUNDLE.release})`,
  takes: '30 seconds',
  tools: [python],
  inputs: [lockOf('kubevirt-core'), JSON.stringify(BUNDLE), UNPACK],
  async build(into, context) {
    await buildEnvironment('kubevirt-core', into, context)
    context.say(`pip download ${BUNDLE.release}`)
    const program = join(into, 'bin', 'python')
    const flags = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-deps', '--dest', join(into, 'bundle')]
    await run(program, ['-m', 'pip', 'download', ...flags, BUNDLE.release])
    await run(program, ['-c', UNPACK, join(into, 'bundle'), ...BUNDLE.collections])
    await rm(join(into, 'bundle'), { recursive: true })
  },
}

/** ansible-core with the collection kubevirt.core. */
export async function kubevirtCore(options: { say?: Say } = {}): Promise<PythonEnvironment> {
  const folder = await provision(kubevirtCoreRecipe, options)
  return { bin: join(folder, 'bin'), env: environmentOf(folder) }
}

/** ansible-core with the clients of WinRM and of PowerShell remoting, and psrpcore for the other end of the latter. */
export const windowsRecipe: Recipe = {
  name: 'windows',
  why: 'ansible-core 2.19 with pywinrm and pypsrp (a Python environment of 80 MB)',
  takes: '20 seconds',
  tools: [python],
  inputs: [lockOf('windows')],
  build: (into, context) => buildEnvironment('windows', into, context),
}

/** ansible-core that reaches guests by `winrm` and `psrp` too. */
export async function windowsAnsible(options: { say?: Say } = {}): Promise<PythonEnvironment> {
  const folder = await provision(windowsRecipe, options)
  return { bin: join(folder, 'bin'), env: environmentOf(folder) }
}

/** ansible-rulebook with the rule engine, aiokafka and ansible-core, as `python/rulebook.txt` pins them. */
export const rulebookRecipe: Recipe = {
  name: 'rulebook',
  why: 'ansible-rulebook 1.3 (a Python environment of 135 MB)',
  takes: '20 seconds',
  tools: [python, java],
  inputs: [lockOf('rulebook')],
  build: (into, context) => buildEnvironment('rulebook', into, context),
}

/** ansible-core's programs (`ansible`, `ansible-inventory`, `ansible-playbook` …). */
export async function ansible(options: { say?: Say } = {}): Promise<PythonEnvironment> {
  const folder = await provision(ansibleRecipe, options)
  return { bin: join(folder, 'bin'), env: environmentOf(folder) }
}

/** The ansible-rulebook of AAP 2.5, as `python/rulebook-1.1.txt` pins it. */
export const olderRulebookRecipe: Recipe = {
  name: 'rulebook-1.1',
  why: 'ansible-rulebook 1.1 (a Python environment of 130 MB)',
  takes: '20 seconds',
  tools: [python, java],
  inputs: [lockOf('rulebook-1.1')],
  build: (into, context) => buildEnvironment('rulebook-1.1', into, context),
}

/** The versions of ansible-rulebook that rulebooks and event plugins are run on: that of AAP 2.5, and the newest. */
export const RULEBOOKS = ['1.1.7', '1.3.2'] as const
export type RulebookVersion = (typeof RULEBOOKS)[number]

/** ansible-rulebook's programs (the newest unless told), with `JAVA_HOME` of the Java it was built for. */
export async function rulebook(options: { say?: Say; version?: RulebookVersion } = {}): Promise<PythonEnvironment> {
  const folder = await provision(options.version === '1.1.7' ? olderRulebookRecipe : rulebookRecipe, options)
  const javaHome = await readFile(join(folder, 'java-home'), 'utf8')
  const env = environmentOf(folder)
  return {
    bin: join(folder, 'bin'),
    env: { ...env, JAVA_HOME: javaHome, PATH: `${env['PATH']}${delimiter}${javaHome}/bin` },
  }
}

/** The text of `python/<name>.txt`. */
export function lockOf(name: string): string {
  return readFileSync(join(lockFolder, `${name}.txt`), 'utf8')
}

/** What programs of an environment of the cache run in. */
export function environmentOf(folder: string): Record<string, string> {
  const inherited: Record<string, string> = {}
  for (const name of ['HOME', 'USER', 'TMPDIR']) {
    const value = process.env[name]
    if (value !== undefined) inherited[name] = value
  }
  return {
    ...inherited,
    PATH: [join(folder, 'bin'), process.env['PATH'] ?? ''].join(delimiter),
    // Ansible refuses to start in a locale that is not UTF-8.
    LC_ALL: 'C.UTF-8',
    PYTHONUNBUFFERED: '1',
    ANSIBLE_HOME: join(cacheRoot(), 'ansible-home'),
    ANSIBLE_NOCOLOR: '1',
  }
}

/** Fills a folder of the cache with the Python environment that `python/<name>.txt`, or several of them together, pins. */
export async function buildEnvironment(
  name: string | readonly string[],
  into: string,
  { final, tools, say }: BuildContext,
): Promise<void> {
  await run(tools.get('python3') ?? 'python3', ['-m', 'venv', into])
  const locks = [name].flat()
  say(`pip install ${locks.map(lock => `-r python/${lock}.txt`).join(' ')}`)
  const flags = ['--quiet', '--no-input', '--disable-pip-version-check']
  const pins = locks.flatMap(lock => ['-r', join(lockFolder, `${lock}.txt`)])
  await run(join(into, 'bin', 'python'), ['-m', 'pip', 'install', ...flags, ...pins])
  const javaHome = tools.get('java')
  if (javaHome !== undefined) await writeFile(join(into, 'java-home'), javaHome)
  await relocate(join(into, 'bin'), into, final)
}

/** A Python environment writes its own path into the first line of its programs; they have to name the folder it will be renamed to. */
async function relocate(bin: string, from: string, to: string): Promise<void> {
  for (const entry of await readdir(bin)) {
    const path = join(bin, entry)
    // The interpreter itself is a link out of the environment: nothing to rewrite, and not ours.
    if (/^python[\d.]*$/.test(entry) || !(await stat(path)).isFile()) continue
    const bytes = await readFile(path)
    if (bytes.includes(0) || !bytes.includes(from)) continue
    await writeFile(path, bytes.toString('utf8').replaceAll(from, to))
  }
}
