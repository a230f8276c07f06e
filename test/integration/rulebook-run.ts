import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { rulebook, type RulebookVersion } from '../servers/python-environment.ts'
import { ServerProcess } from '../servers/server-process.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** ansible-rulebook says so when its rules are loaded and its sources run. */
const READY = 'Waiting for events'

/** A rulebook that a real ansible-rulebook runs, as an activation of the controller would: without a disk of its own that outlives it. */
export interface RulebookRun extends AsyncDisposable {
  readonly process: ServerProcess
  /** All that it printed. */
  log(): Promise<string>
  /** Polls until what it printed holds; a Fault with the end of the log when it ended or the deadline passed first. */
  said(holds: (log: string) => boolean, what: string, timeoutMs?: number): Promise<void>
}

interface RulebookOptions {
  readonly version: RulebookVersion
  /** Rulesets, as a rulebook has them. */
  readonly rulebook: readonly object[]
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
}

/** Starts it, with the collection of this checkout. Does not wait for it. */
export async function startRulebook(options: RulebookOptions): Promise<RulebookRun> {
  await using starting = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-rulebook-'))
  starting.defer(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'rulebook.yml')
  const logFile = join(folder, 'log')
  await writeFile(file, stringify(options.rulebook))
  await writeFile(logFile, '')
  const { bin, env } = await rulebook({ version: options.version })
  const own = {
    ANSIBLE_COLLECTIONS_PATH: join(ROOT, 'inventory-plugin'),
    DROOLS_JPY_JVM_MAXMEM: '256m',
    PYTHONDONTWRITEBYTECODE: '1',
  }
  const process = starting.use(
    new ServerProcess({
      program: join(bin, 'ansible-rulebook'),
      args: [`--rulebook=${file}`, '--verbose', ...(options.args ?? [])],
      env: { ...env, ...own, ...options.env },
      logFile,
      folder,
    }),
  )
  const log = (): Promise<string> => readFile(logFile, 'utf8')
  const running = starting.move()
  return {
    process,
    log,
    said: (holds, what, timeoutMs) => process.waitUntil(async () => holds(await log()), what, timeoutMs),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** As `startRulebook`, and waits until it takes events. */
export async function runningRulebook(options: RulebookOptions): Promise<RulebookRun> {
  const run = await startRulebook(options)
  try {
    await run.said(log => log.includes(READY), 'ready')
    return run
  } catch (error) {
    await run[Symbol.asyncDispose]()
    throw error
  }
}
