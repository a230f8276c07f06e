import { createHash } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { messageOf } from '../../src/errors.ts'
import { acquireLock } from './lock.ts'
import { requireTools, type FoundTools, type Tool } from './toolchain.ts'

const reminderMs = 30_000

/** Where the lines of progress go. */
export type Say = (line: string) => void

/** One thing that is provisioned once: what it is, what makes it anew when it changes, and how it is made. */
export interface Recipe {
  readonly name: string
  /** What a person is told it is for. */
  readonly why: string
  /** How long a first build usually takes, for a person. */
  readonly takes: string
  readonly tools: readonly Tool[]
  /** Everything that changes the outcome: versions, flags, the text of lock files. Its hash names the folder. */
  readonly inputs: readonly string[]
  /** Fills the empty folder `into`, which is renamed to `final` when this resolves. */
  build(into: string, context: BuildContext): Promise<void>
}

/** What a build gets: its final place (for what must know its own path), the tools that were found, and where to tell progress. */
export interface BuildContext {
  readonly final: string
  readonly tools: FoundTools
  readonly say: Say
}

/** The cache: `$VIRTBRIDGE_CACHE`, or `virtbridge` in `$XDG_CACHE_HOME`, or in `~/.cache`. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  const own = env['VIRTBRIDGE_CACHE']
  if (own !== undefined && own !== '') return resolve(own)
  const xdg = env['XDG_CACHE_HOME']
  return join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg, 'virtbridge')
}

/** The folder a recipe is provisioned in: its name and a hash of all that makes it what it is. */
export function folderOf(recipe: Recipe, root: string): string {
  const hash = createHash('sha256')
  for (const part of [process.platform, process.arch, recipe.name, ...recipe.inputs])
    hash.update(`${part.length}:${part}`)
  return join(root, `${recipe.name}-${hash.digest('hex').slice(0, 12)}`)
}

/** Whether a recipe is in the cache already, so that its tools are not needed any more. */
export function isProvisioned(recipe: Recipe, root = cacheRoot()): Promise<boolean> {
  return exists(folderOf(recipe, root))
}

/**
 * The folder of a recipe, built when it is not there.
 *
 * Of two processes one builds and the other waits. What is built appears whole or not at all: it is made in a folder beside and
 * renamed. What a killed build left is swept away by the next. A missing tool is a `Fault` before anything is written.
 */
export async function provision(recipe: Recipe, options: { root?: string; say?: Say } = {}): Promise<string> {
  const root = options.root ?? cacheRoot()
  const say: Say = line => (options.say ?? console.error)(`${recipe.name}: ${line}`)
  const final = folderOf(recipe, root)
  if (await exists(final)) return final

  const tools = await requireTools(recipe.tools)
  await mkdir(root, { recursive: true })
  await using stack = new AsyncDisposableStack()
  stack.use(await acquireLock(join(root, `${recipe.name}.lock`), { what: `building ${recipe.name}`, say }))
  if (await exists(final)) return final

  await sweep(root, recipe.name)
  const into = `${final}.building-${process.pid}`
  await mkdir(into)
  const began = performance.now()
  const seconds = (): string => `${Math.round((performance.now() - began) / 1000)} s`
  say(`building ${recipe.why}, once, into ${final}; usually takes ${recipe.takes}`)
  const reminder = setInterval(() => say(`still building (${seconds()}; usually takes ${recipe.takes})`), reminderMs)
  try {
    await recipe.build(into, { final, tools, say })
    await rename(into, final)
    say(`ready after ${seconds()}`)
  } catch (error) {
    await rm(into, { recursive: true, force: true })
    say(`failed after ${seconds()}: ${messageOf(error).split('\n')[0]}`)
    throw error
  } finally {
    clearInterval(reminder)
  }
  return final
}

/** Only the holder of the recipe's lock may call this: every half-built folder of that recipe is then a dead process's. */
async function sweep(root: string, name: string): Promise<void> {
  for (const entry of await readdir(root)) {
    if (entry.startsWith(`${name}-`) && entry.includes('.building-')) {
      await rm(join(root, entry), { recursive: true, force: true })
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
