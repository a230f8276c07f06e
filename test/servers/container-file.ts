import { chmod, cp, mkdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { run } from './run.ts'

/** One instruction of a Containerfile: `RUN`, and what stands behind it, of lines that are continued the whole. */
export interface Instruction {
  readonly name: string
  readonly rest: string
}

/** What a container of a stage is started with. */
export interface Image {
  /** Its root folder. */
  readonly root: string
  readonly env: Readonly<Record<string, string>>
  readonly workdir: string
  /** Empty for root. */
  readonly user: string
  readonly entrypoint: readonly string[]
}

/** Where a Containerfile is played, and on what. */
export interface Stagecraft {
  /** The build context: what `COPY` copies. */
  readonly context: string
  /** The root of the base image. */
  readonly base: string
  /** Where the stages get their roots, each below its name. */
  readonly folder: string
  /** What every `RUN` has beside what the file says. */
  readonly env: Readonly<Record<string, string>>
  readonly say: (line: string) => void
}

/** The instructions of a Containerfile, in order, as far as ansible-builder writes them: no here-documents, no other escape than `\` at the end of a line. */
export function readContainerfile(text: string): readonly Instruction[] {
  const lines = text.replaceAll(/^\s*#.*\n/gm, '').replaceAll(/\\\n/g, ' ')
  return lines.split('\n').flatMap(line => {
    const [, name, rest] = /^\s*([A-Z]+)\s+(.*\S)\s*$/.exec(line) ?? []
    return name === undefined || rest === undefined ? [] : [{ name, rest }]
  })
}

/**
 * Plays a Containerfile without a container: each stage is a folder, and what it runs is run there by `chroot`, as root, with the network
 * of the machine. Gives the last stage. Rejects with the Fault of the first command that fails; an instruction that is not known is one.
 */
export async function playContainerfile(text: string, at: Stagecraft): Promise<Image> {
  const said: Record<string, string> = {}
  const stages = new Map<string, Image>()
  let stage: Image = { root: at.base, env: {}, workdir: '/', user: '', entrypoint: [] }
  for (const { name, rest } of readContainerfile(text)) {
    const value = name === 'RUN' ? rest : filled(rest, { ...said, ...stage.env })
    if (name === 'ARG') argued(said, value)
    else if (name === 'FROM') {
      at.say(`${name} ${value}`)
      stage = await begun(value, stages, at)
      stages.set(basename(stage.root), stage)
    } else if (name === 'ENV') stage = amended(stages, stage, { env: { ...stage.env, ...pair(value) } })
    else if (name === 'USER') stage = amended(stages, stage, { user: value === 'root' ? '' : value })
    else if (name === 'WORKDIR') {
      await mkdir(join(stage.root, value), { recursive: true })
      stage = amended(stages, stage, { workdir: value })
    } else if (name === 'COPY') await copied(value, stage, stages, at)
    else if (name === 'RUN') {
      at.say(`RUN ${filled(rest, said)}`.slice(0, 160))
      await run('chroot', inside(stage, ['/bin/sh', '-c', rest]), { env: { ...at.env, ...said, ...stage.env } })
    } else if (name === 'ENTRYPOINT') stage = amended(stages, stage, { entrypoint: JSON.parse(value) as string[] })
    else if (name !== 'LABEL' && name !== 'CMD') throw new Error(`${name} is not played`)
  }
  return stage
}

/** The arguments of `chroot` for a command in a container of an image: by its user, in its folder. */
export function inside(
  { root, user, workdir }: Image,
  command: readonly string[],
  folder = workdir,
): readonly string[] {
  const as = user === '' ? [] : [`--userspec=${user}:0`, '--groups=0']
  return [...as, root, '/bin/sh', '-c', 'cd "$0" && exec "$@"', folder, ...command]
}

/** An argument that was given counts more than the one that only says that it is taken. */
function argued(said: Record<string, string>, value: string): void {
  if (value.includes('=')) Object.assign(said, pair(value))
  else said[value] ??= ''
}

async function begun(value: string, stages: ReadonlyMap<string, Image>, at: Stagecraft): Promise<Image> {
  const [from = '', , name = 'last'] = value.split(/\s+/)
  const before = stages.get(from) ?? { root: at.base, env: {}, workdir: '/', user: '', entrypoint: [] }
  const root = join(at.folder, name)
  await run('cp', ['--archive', '--reflink=auto', before.root, root])
  return { ...before, root }
}

function amended(stages: Map<string, Image>, stage: Image, change: Partial<Image>): Image {
  const next = { ...stage, ...change }
  stages.set(basename(stage.root), next)
  return next
}

/** `COPY [--from=STAGE] SOURCE… PLACE`; of a folder its content goes to the place. */
async function copied(value: string, stage: Image, stages: ReadonlyMap<string, Image>, at: Stagecraft): Promise<void> {
  const words = value.split(/\s+/)
  const from = words[0]?.startsWith('--from=') === true ? (words.shift() ?? '').slice('--from='.length) : ''
  const place = words.pop() ?? '/'
  const source = from === '' ? at.context : (stages.get(from)?.root ?? at.base)
  for (const word of words) {
    const path = join(source, word)
    const into = join(stage.root, resolve(stage.workdir, place))
    const isFolder = (await stat(path)).isDirectory()
    const target = !isFolder && place.endsWith('/') ? join(into, basename(word)) : into
    await mkdir(join(target, '..'), { recursive: true })
    await cp(path, target, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
    if (!isFolder) await chmod(target, (await stat(path)).mode)
  }
}

/** `KEY=value`, `KEY="value"` or `KEY value`. */
function pair(text: string): Record<string, string> {
  const [, key = '', value = ''] = /^([A-Za-z_]\w*)[= ]\s*(.*)$/.exec(text) ?? []
  return { [key]: value.replace(/^(["'])(.*)\1$/, '$2') }
}

function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{?([A-Za-z_]\w*)\}?/g, (_, key: string) => values[key] ?? '')
}
