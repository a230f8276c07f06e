import { readFileSync } from 'node:fs'
import { copyFile, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { bundle } from './bundle.ts'
import { provision, type Recipe, type Say } from './cache.ts'
import { collectionTools, collectionToolsRecipe } from './collection-tools.ts'
import { type Image, inside, playContainerfile, readContainerfile } from './container-file.ts'
import { debianMirror } from './debian-mirror.ts'
import { guestRecipe } from './guest-root.ts'
import { run } from './run.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const DEFINITION = join(ROOT, 'deploy', 'execution-environment')
const COLLECTION = join(ROOT, 'inventory-plugin', 'ansible_collections', 'virtbridge', 'fleet')
const FILES = ['execution-environment.yml', 'requirements.txt', 'bindep.txt'] as const

/** Of Debian, what bindep.txt names of the family of Red Hat. */
const BINDEP = [
  'openssh-client',
  'sshpass',
  'bind9-dnsutils',
  'krb5-user',
  'libkrb5-dev [compile]',
  'gcc [compile]',
  'python3-dev [compile]',
]
/** What an image has that ansible-builder builds on. */
const BASE = ['python3-pip', 'python3-venv']
/** The collections that come from a galaxy, by the bundle of PyPI instead. */
const OTHERS = { 'ansible.windows': 'ansible/windows', 'community.general': 'community/general' }
const LEFT = 'image.json'
/** Wheels are made to be there, not to be fast. */
const CFLAGS = '-O0 -g0'
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * The execution environment of deploy/execution-environment with our collection in it, as deploy/aap/README.md says: the Containerfile that
 * the real ansible-builder writes, played on a Debian root. What is Debian's instead of CentOS': the base, the name of its Python, its package
 * manager, and the names of system packages. Only what the definition says makes it another; the collection in it is that of its build.
 */
export const executionEnvironmentRecipe: Recipe = {
  name: 'execution-environment',
  why: 'the execution environment of deploy/execution-environment, by ansible-builder, on a Debian root (150 MB to download, 1 GB on disk)',
  takes: '4 minutes',
  tools: [...guestRecipe.tools, ...collectionToolsRecipe.tools],
  inputs: [
    ...FILES.map(file => readFileSync(join(DEFINITION, file), 'utf8')),
    JSON.stringify([BINDEP, BASE, OTHERS, CFLAGS]),
    ...guestRecipe.inputs,
  ],
  async build(into, { say }) {
    const folder = await mkdtemp(join(tmpdir(), 'virtbridge-builder-'))
    try {
      const base = await baseImage(join(folder, 'base-image'), say)
      const context = await builderContext(folder)
      const text = await readFile(join(context, 'Containerfile'), 'utf8')
      const image = await playContainerfile(text, { context, base, folder, env: environment(), say })
      await rename(image.root, join(into, 'root')).catch(() => run('cp', ['--archive', image.root, join(into, 'root')]))
      await cp(context, join(into, 'context'), { recursive: true })
      await writeFile(join(into, LEFT), JSON.stringify(image))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

/** A throw-away copy of it with the collection as it is now, put in by the same command of its Containerfile. */
export async function executionEnvironment(folder: string, options: { say?: Say } = {}): Promise<Image> {
  const built = await provision(executionEnvironmentRecipe, options)
  const root = join(folder, 'execution-environment')
  await run('cp', ['--archive', '--reflink=auto', join(built, 'root'), root])
  const image = { ...(JSON.parse(await readFile(join(built, LEFT), 'utf8')) as Image), root }
  const build = join(root, 'build')
  await cp(join(built, 'context', '_build'), build, { recursive: true })
  await rm(join(build, 'virtbridge'), { recursive: true })
  await cp(COLLECTION, join(build, 'virtbridge'), { recursive: true })
  const text = await readFile(join(built, 'context', 'Containerfile'), 'utf8')
  const [install] = readContainerfile(text).filter(({ rest }) => rest.includes('ansible-galaxy collection install'))
  const command = (install?.rest ?? 'false').replace('$ANSIBLE_GALAXY_CLI_COLLECTION_OPTS', '--offline --force')
  await run('chroot', [...inside({ ...image, user: '' }, ['/bin/sh', '-c', command], '/build')], { env: environment() })
  await rm(build, { recursive: true })
  return image
}

/** The guests' Debian with what an image has that is built on: Python with pip, and a mirror. */
async function baseImage(root: string, say: Say): Promise<string> {
  await run('cp', ['--archive', '--reflink=auto', await provision(guestRecipe, { say }), root])
  await writeFile(join(root, 'etc/apt/sources.list'), `deb ${await debianMirror('bookworm')} bookworm main\n`)
  await copyFile('/etc/resolv.conf', join(root, 'etc/resolv.conf'))
  // Whom this machine trusts: a registry may be reached through a proxy of its own.
  await copyFile('/etc/ssl/certs/ca-certificates.crt', join(root, 'etc/ssl/certs/ca-certificates.crt'))
  const env = environment()
  await run('chroot', [root, 'apt-get', '--quiet', 'update'], { env })
  await run('chroot', [root, 'apt-get', 'install', '--quiet', '--yes', '--no-install-recommends', ...BASE], { env })
  // Debian's refuses to work outside of a virtual environment; pip is there.
  await mkdir(join(root, 'usr/lib/python3.11/ensurepip'), { recursive: true })
  await writeFile(join(root, 'usr/lib/python3.11/ensurepip/__main__.py'), '')
  return root
}

/** What ansible-builder makes of the definition, for Debian. */
async function builderContext(folder: string): Promise<string> {
  const definition = join(folder, 'definition')
  await cp(DEFINITION, definition, { recursive: true })
  const others = Object.entries(OTHERS).map(([name, path]) => ({ name, path }))
  const from = await bundle()
  const text = (await readFile(join(definition, FILES[0]), 'utf8')).replaceAll('python3.12', 'python3')
  const said = parse(text) as { images: object; options: object }
  const sources = [
    { src: COLLECTION, dest: 'virtbridge' },
    ...others.map(({ name, path }) => ({ src: join(from, 'ansible_collections', path), dest: name })),
  ]
  const names = ['virtbridge', ...others.map(({ name }) => name)]
  const file = {
    ...said,
    images: { base_image: { name: 'localhost/debian:12' } },
    options: { ...said.options, package_manager_path: '/usr/bin/apt-get' },
    additional_build_files: sources,
  }
  await writeFile(join(definition, FILES[0]), stringify(file))
  const collections = names.map(name => ({ name: `./${name}`, type: 'dir' }))
  await writeFile(join(definition, 'requirements.yml'), stringify({ collections }))
  await writeFile(
    join(definition, 'bindep.txt'),
    `${await readFile(join(DEFINITION, 'bindep.txt'), 'utf8')}\n${BINDEP.join('\n')}\n`,
  )
  const { bin, env } = await collectionTools(collectionToolsRecipe)
  const context = join(folder, 'context')
  const args = ['create', '--file', FILES[0], '--context', context, '--output-filename', 'Containerfile']
  await run(join(bin, 'ansible-builder'), args, { cwd: definition, env })
  return context
}

/** What a build has of this machine: the way to its registries. */
function environment(): Record<string, string> {
  const own = Object.entries(process.env).filter(([key]) => /^(PIP_(?!FIND_LINKS)|https?_proxy$|no_proxy$)/i.test(key))
  return {
    ...(Object.fromEntries(own) as Record<string, string>),
    PATH,
    LANG: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive',
    CFLAGS,
  }
}

/** The environment of a process in the image, which has nothing of this machine. */
export function environmentIn(image: Image, more: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH, LANG: 'C.UTF-8', ...image.env, ...more }
}
