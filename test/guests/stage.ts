import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { explainedBy } from '../../src/day2/returned.ts'
import { bundle } from '../servers/bundle.ts'
import type { Recipe } from '../servers/cache.ts'
import { ansible, type PythonEnvironment } from '../servers/python-environment.ts'
import { run, type RunOptions, type RunResult } from '../servers/run.ts'
import { type Beside, startGuestNetwork, type Guest, type GuestNetwork } from './guest-network.ts'

const root = join(import.meta.dirname, '..', '..')
/** A name that Ansible would run, were it not marked. */
export const HOSTILE = '{{ lookup("pipe", "touch /tmp/pwned") }}'

/** What a play is asked for: as a controller launches it. */
export interface Asked {
  readonly limit?: readonly string[]
  /** Empty: without a run. */
  readonly run?: string
  readonly count?: number
  readonly reason?: string
  readonly vars?: Record<string, unknown>
  readonly tags?: readonly string[]
  readonly check?: boolean
  /** A folder with programs that the machine of Ansible has beside its own. */
  readonly programs?: string
  /** What the environment of the job has beside. */
  readonly env?: Readonly<Record<string, string>>
  /** Names that the machine of Ansible can resolve, with their addresses; its own are lost then. */
  readonly names?: Readonly<Record<string, string>>
  /** A folder with collections beside those of the bundle. */
  readonly collections?: string
  /** What the inventory says of hosts beside what every host has. A host without a guest has an address that nobody has. */
  readonly hostvars?: Record<string, Record<string, unknown>>
}

export type Played = RunResult & {
  /** Per host: how many tasks were ok, changed, failed, … */
  readonly recap: Record<string, Record<string, number>>
  /** What the play left by `set_stats` under the key `virtbridge`. */
  readonly result: Record<string, unknown>
}

/** Guests, and plays on them as a controller runs them: limit, extra variables, an inventory. */
export class Stage implements AsyncDisposable {
  readonly network: GuestNetwork
  readonly #guests: Readonly<Record<string, Guest>>
  readonly #uuids: Readonly<Record<string, string>>
  readonly #folder: string
  readonly #env: Readonly<Record<string, string>>

  private constructor(network: GuestNetwork, guests: Record<string, Guest>, at: StagePlace) {
    this.network = network
    this.#guests = guests
    this.#uuids = at.uuids
    this.#folder = at.folder
    this.#env = at.env
  }

  /** Boots a guest for each host, with its SMBIOS UUID, from the Debian root or another. */
  static async set(uuids: Readonly<Record<string, string>>, recipe?: Recipe, wish: StageWish = {}): Promise<Stage> {
    const env = { ...(wish.ansible ?? (await ansible({}))).env, ANSIBLE_COLLECTIONS_PATH: await bundle() }
    const folder = await mkdtemp(join(tmpdir(), 'virtbridge-plays-'))
    const network = await startGuestNetwork()
    const guests: Record<string, Guest> = {}
    for (const [host, uuid] of Object.entries(uuids))
      guests[host] = await network.boot(uuid.toUpperCase(), wish.recipes?.[host] ?? recipe, wish.beside?.[host])
    return new Stage(network, guests, { uuids, folder, env })
  }

  guest(host: string): Guest {
    const guest = this.#guests[host]
    if (guest === undefined) throw new Error(`no guest ${host}`)
    return guest
  }

  async play(verb: string, asked: Asked): Promise<Played> {
    const inventory = join(this.#folder, 'inventory.json')
    await writeFile(inventory, JSON.stringify(this.#inventory(asked.hostvars ?? {})))
    const id = asked.run ?? 'run-1'
    const extra = {
      ...(id === '' ? {} : { virtbridge_run_id: id, virtbridge_expected_count: asked.count ?? 1 }),
      ...(asked.reason === undefined ? {} : { virtbridge_break_glass_reason: asked.reason }),
      ...asked.vars,
    }
    const args = [
      join(root, 'playbooks', `${verb}.yml`),
      `--inventory=${inventory}`,
      `--private-key=${this.network.key}`,
      `--extra-vars=${JSON.stringify(extra)}`,
      '--skip-tags=virtbridge-0123456789abcdef0123456789abcdef',
      ...(asked.limit === undefined ? [] : ['--limit', asked.limit.join(',')]),
      ...(asked.tags === undefined ? [] : ['--tags', asked.tags.join(',')]),
      ...(asked.check === true ? ['--check'] : []),
    ]
    const env = {
      ...this.#env,
      ANSIBLE_HOST_KEY_CHECKING: '0',
      ANSIBLE_SHOW_CUSTOM_STATS: '1',
      // As it is when nothing is said, one connection for all tasks; but guests of other stages have the same addresses.
      ANSIBLE_SSH_ARGS: '-o UserKnownHostsFile=/dev/null -o ControlMaster=auto -o ControlPersist=60s',
      ANSIBLE_SSH_CONTROL_PATH_DIR: join(this.#folder, 'connections'),
      ANSIBLE_PIPELINING: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      PATH: [asked.programs, this.#env['PATH']].filter(Boolean).join(':'),
      ANSIBLE_COLLECTIONS_PATH: [asked.collections, this.#env['ANSIBLE_COLLECTIONS_PATH']].filter(Boolean).join(':'),
    }
    const ended = await this.#run(args, { cwd: this.#folder, env: { ...env, ...asked.env } }, asked.names)
    const result = resultOf(ended.stdout, { id, check: asked.check ?? false })
    return { ...ended, recap: recapOf(ended.stdout), result }
  }

  /** A play of a verb with this, in check mode or for real. */
  asking(asked: Asked): (verb: string, check: boolean) => Promise<Played> {
    return (verb, check) => this.play(verb, { ...asked, check })
  }

  /** What a shell in the guest says, from where its daemons are reached too. */
  async inside(host: string, script: string): Promise<RunResult> {
    return this.network.shell(this.guest(host).address, script)
  }

  /** The version of a package; empty when it is not installed. */
  async versionOf(host: string, name: string): Promise<string> {
    const query = ['dpkg-query', '--show', '--showformat=${Version}', name]
    const found = await this.network.run('chroot', [this.guest(host).root, ...query])
    return found.status === 0 ? found.stdout : ''
  }

  /** A sum over whatever a play could change: every file under /etc, /usr and /var/lib/dpkg with its size, time and mode. */
  async stateOf(host: string): Promise<string> {
    const list = `find etc usr var/lib/dpkg -name 'lock*' -o -name __pycache__ -prune -o -printf '%p %s %T@ %m\\n'`
    return run('sh', ['-c', `cd "$1" && ${list} | sort | sha256sum`, 'state', this.guest(host).root])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #run(args: readonly string[], options: RunOptions, names: Asked['names']): Promise<RunResult> {
    if (names === undefined) return this.network.run('ansible-playbook', args, options)
    const hosts = join(this.#folder, 'hosts')
    const lines = Object.entries({ localhost: '127.0.0.1', ...names }).map(([name, address]) => `${address} ${name}\n`)
    await writeFile(hosts, lines.join(''))
    const bound = 'mount --bind "$0" /etc/hosts && exec ansible-playbook "$@"'
    return this.network.run('unshare', ['--mount', 'sh', '-c', bound, hosts, ...args], options)
  }

  #inventory(hostvars: Record<string, Record<string, unknown>>): unknown {
    const names = new Set([...Object.keys(this.#uuids), ...Object.keys(hostvars)])
    const hosts = [...names].map(host => [
      host,
      {
        ansible_host: this.#guests[host]?.address ?? '192.0.2.1',
        ansible_user: 'root',
        ansible_python_interpreter: '/usr/bin/python3',
        kubevirt_cluster: 'prod-1',
        kubevirt_namespace: 'shop',
        kubevirt_name: { __ansible_unsafe: HOSTILE },
        kubevirt_uid: '0b5a5c1e-6f0e-4d5e-9a39-0f3f0a1b2c3d',
        kubevirt_firmware_uuid: this.#uuids[host] ?? '',
        ...hostvars[host],
      },
    ])
    return { all: { hosts: Object.fromEntries(hosts) as unknown } }
  }
}

/** What else a stage may have. */
export interface StageWish {
  /** Another environment than that with ansible-core alone. */
  readonly ansible?: PythonEnvironment
  /** By host, a root of its own, so that one play goes over several families. */
  readonly recipes?: Readonly<Record<string, Recipe>>
  /** By host, what lives beside it. */
  readonly beside?: Readonly<Record<string, Beside>>
}

interface StagePlace {
  readonly uuids: Readonly<Record<string, string>>
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
}

/** All that was printed when a play failed, so that a broken test shows why. */
export function faultOf({ status, stdout, stderr }: RunResult): string {
  return status === 0 ? '' : stdout + stderr
}

/** Per host how many tasks were ok, changed, failed, …, of what `ansible-playbook` printed. */
export function recapOf(stdout: string): Played['recap'] {
  const lines = stdout.slice(stdout.indexOf('PLAY RECAP')).matchAll(/^(\S+)\s+: (ok=.*)$/gm)
  return Object.fromEntries(
    [...lines].map(([, host = '', counts = '']) => [
      host,
      Object.fromEntries([...counts.matchAll(/(\w+)=(\d+)/g)].map(([, key = '', value]) => [key, Number(value)])),
    ]),
  )
}

/** What a play left by `set_stats` under the key `virtbridge`, of what `ansible-playbook` printed; an Error where virtbridge itself would leave some of it out. */
export function resultOf(stdout: string, { id, check }: { id: string; check: boolean }): Played['result'] {
  const stats = /CUSTOM STATS: \*+\s+RUN: (\{[^]*\})\s*$/.exec(stdout)?.[1]
  if (stats === undefined) return {}
  const artifacts = JSON.parse(stats) as { virtbridge: Played['result'] }
  const told = Object.keys(artifacts.virtbridge)
  const outcomes = new Map(told.map(host => [host, { outcome: 'unknown' as const, detail: '' }]))
  const { misfit } = explainedBy(outcomes, new Map(), artifacts, { id, ...(check && { check }) })
  if (misfit !== '') throw new Error(misfit)
  return artifacts.virtbridge
}
