import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recapOf, resultOf, type Played } from '../guests/stage.ts'
import { ansible } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'

const root = join(import.meta.dirname, '..', '..')

/** A play that connects to no guest, as a controller launches it. */
export interface LocalPlay {
  /** What the inventory says of each host beside how it would be connected to. */
  readonly hosts: Readonly<Record<string, Record<string, unknown>>>
  readonly run?: string
  readonly vars?: Record<string, unknown>
  readonly check?: boolean
  /** The job's environment: what its credentials set. */
  readonly env?: Record<string, string>
}

/** Hosts that nobody could reach: a play that tried to would fail. */
const UNREACHABLE = {
  ansible_host: '192.0.2.1',
  ansible_connection: 'ssh',
  ansible_user: 'nobody',
  ansible_become: true,
  ansible_python_interpreter: '/nowhere/python',
}

/** Plays the play of a verb on these hosts with the real Ansible. */
export async function playLocally(verb: string, { hosts, run, vars, check, env }: LocalPlay): Promise<Played> {
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-local-play-'))
  try {
    const environment = (await ansible({})).env
    const inventory = join(folder, 'inventory.json')
    const all = Object.entries(hosts).map(([host, said]) => [host, { ...UNREACHABLE, ...said }])
    await writeFile(inventory, JSON.stringify({ all: { hosts: Object.fromEntries(all) as unknown } }))
    const names = Object.keys(hosts)
    const extra = { virtbridge_run_id: run ?? 'run-1', virtbridge_expected_count: names.length, ...vars }
    const args = [
      join(root, 'playbooks', `${verb}.yml`),
      `--inventory=${inventory}`,
      `--extra-vars=${JSON.stringify(extra)}`,
      '--skip-tags=virtbridge-0123456789abcdef0123456789abcdef',
      // As templates for guests say; here nobody may become anybody.
      '--become',
      `--limit=${names.join(',')}`,
      ...(check === true ? ['--check'] : []),
    ]
    const ended = await runToEnd('ansible-playbook', args, {
      cwd: folder,
      env: { ...environment, ANSIBLE_SHOW_CUSTOM_STATS: '1', PYTHONDONTWRITEBYTECODE: '1', ...env },
    })
    const result = resultOf(ended.stdout, { id: extra.virtbridge_run_id, check: check ?? false })
    return { ...ended, recap: recapOf(ended.stdout), result }
  } finally {
    await rm(folder, { recursive: true })
  }
}
