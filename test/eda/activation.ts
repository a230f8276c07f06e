import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { rulebook, type RulebookVersion } from '../servers/python-environment.ts'
import type { PostgresServer } from '../servers/postgres.ts'
import { ServerProcess } from '../servers/server-process.ts'

const ROOT = join(import.meta.dirname, '..', '..')

export interface ActivationOptions {
  readonly version: RulebookVersion
  /** Paths below `rulebooks`: all of them run in one process, each as it is written. */
  readonly rulebooks: readonly string[]
  /** Rulebooks that are not of this repository, beside those. */
  readonly others?: readonly string[]
  /** `host:port` */
  readonly broker: string
  readonly controller: string
  readonly token: string
  /** Of its own. */
  readonly folder: string
  /** Where what it keeps is, with persistence: as a controller gives it to the rulebooks of `ha`, and to no others. */
  readonly database: PostgresServer | null
}

/** An activation: a real ansible-rulebook over rulebooks of this repository, reading a real Kafka. It may be stopped and started again. */
export class Activation implements AsyncDisposable {
  readonly #options: ActivationOptions
  readonly #log: string
  #process: ServerProcess | null = null
  #starts = 0

  constructor(options: ActivationOptions) {
    this.#options = options
    this.#log = join(options.folder, `${basename(options.folder)}.log`)
  }

  /** All it said since it was first started. */
  log(): Promise<string> {
    return readFile(this.#log, 'utf8')
  }

  /** Starts it, and resolves when every rulebook reads its topic. */
  async start(): Promise<void> {
    const { version, rulebooks, folder, controller, token } = this.#options
    const ours = await Promise.all(rulebooks.map(name => readFile(join(ROOT, 'rulebooks', name), 'utf8')))
    const texts = [...ours, ...(this.#options.others ?? [])]
    const file = join(folder, 'rulebooks.yml')
    // Lists of rule sets: one after the other they are one list.
    await writeFile(file, texts.map(text => text.replace(/^---\n/, '')).join('\n'))
    await writeFile(join(folder, 'vars.yml'), this.#variables())
    const { env } = await rulebook({ version })
    const args = [
      `--rulebook=${file}`,
      `--vars=${join(folder, 'vars.yml')}`,
      `--source-dir=${join(import.meta.dirname, 'sources')}`,
      `--controller-url=${controller}`,
      `--controller-token=${token}`,
      ...(this.#options.database !== null ? ['--id=1', '--persistence-id=virtbridge'] : []),
      '--verbose',
    ]
    const own = {
      EDA_JOB_TEMPLATE_REFRESH_DELAY: '0.2',
      DROOLS_JPY_JVM_MAXMEM: '256m',
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUNBUFFERED: '1',
    }
    this.#starts += 1
    const wanted = this.#starts * texts.length
    const process = new ServerProcess({
      program: 'ansible-rulebook',
      args,
      env: { ...env, ...own },
      logFile: this.#log,
      folder,
    })
    this.#process = process
    const readers = async (): Promise<number> => (await this.log()).split('reads from its position').length - 1
    await process.waitUntil(async () => (await readers()) >= wanted, 'ready')
  }

  /** Ends it: as a controller does (SIGTERM), or as a machine that dies (SIGKILL). */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#process?.signal(signal)
    await this.#process?.[Symbol.asyncDispose]()
    this.#process = null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
  }

  #variables(): string {
    const { broker, database } = this.#options
    const [host = '', port = ''] = broker.split(':')
    const kept =
      database === null
        ? {}
        : {
            drools_db_host: database.host,
            drools_db_port: database.port,
            drools_db_name: database.database,
            drools_db_user: database.user,
            drools_db_password: database.password,
          }
    return JSON.stringify({ kafka_host: host, kafka_port: port, ...kept })
  }
}
