import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readObjectFiles, type SimulatedController } from '../../src/simulator/controller/index.ts'
import type { Job, HostResult } from '../../src/simulator/controller/job-records.ts'
import { hostsOf, membership } from '../../src/simulator/controller/store.ts'
import type { PythonEnvironment } from '../servers/python-environment.ts'
import { runToEnd, type RunOptions, type RunResult } from '../servers/run.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const DEPLOY = new URL('../../deploy/aap/', import.meta.url)

/** What a job's credential says, by field. */
export type Inputs = Readonly<Record<string, string>>

export interface Play {
  readonly environment: PythonEnvironment
  /** Fields of credentials of the type `virtbridge API`, by the credential's name. */
  readonly inputs?: Readonly<Record<string, Inputs>>
  readonly verbosity?: number
  /** More arguments and variables of the environment, as a machine credential brings them. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Variables of hosts that the controller does not have: where they are reached from here. */
  readonly hostvars?: Readonly<Record<string, object>>
  /** Hears what was printed until now, while it runs. */
  readonly heard?: (stdout: string) => void
  /** Where programs run, when not here. */
  readonly run?: (program: string, args: readonly string[], options: RunOptions) => Promise<RunResult>
}

export interface Played extends RunResult {
  /** The whole command line: what anybody on the machine can see. */
  readonly argv: readonly string[]
  readonly artifacts: Readonly<Record<string, unknown>>
}

/**
 * Runs the play of a job of the simulated controller, as a controller does: in the project, with the job's limit, mode and tags, an inventory of
 * its enabled hosts, its variables in a file with what was answered marked as unsafe, and what its credentials bring.
 */
export async function play(controller: SimulatedController, job: Job, how: Play): Promise<Played> {
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-job-'))
  try {
    const inventory = join(folder, 'hosts')
    const script = `#!/bin/sh\ncat <<'END'\n${JSON.stringify(inventoryOf(controller, job, how.hostvars ?? {}))}\nEND\n`
    await writeFile(inventory, script, { mode: 0o700 })
    const variables = join(folder, 'variables.yml')
    await writeFile(variables, variablesOf(controller, job))
    const argv = [
      join(ROOT, job.playbook),
      `--inventory=${inventory}`,
      `--extra-vars=@${variables}`,
      ...(job.limit === '' ? [] : [`--limit=${job.limit}`]),
      ...(job.job_type === 'check' ? ['--check'] : []),
      ...(job.skip_tags === '' ? [] : [`--skip-tags=${job.skip_tags}`]),
      ...((how.verbosity ?? 0) > 0 ? [`-${'v'.repeat(how.verbosity ?? 0)}`] : []),
      ...(how.args ?? []),
    ]
    const env = {
      ...how.environment.env,
      ANSIBLE_SHOW_CUSTOM_STATS: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      ...credentialsOf(controller, job, how.inputs ?? {}),
      ...how.env,
    }
    const run = how.run ?? runToEnd
    const ended = await run('ansible-playbook', argv, {
      cwd: ROOT,
      env,
      ...(how.heard === undefined ? {} : { heard: how.heard }),
    })
    return { ...ended, argv, artifacts: statsOf(ended.stdout) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Waits for the newest job of a template to run, plays it, and ends it at the controller as the play ended. */
export async function playNewest(
  controller: SimulatedController,
  template: string,
  how: Play,
): Promise<Played & { readonly job: Job }> {
  const job = await running(controller, template)
  const played = await play(controller, job, how)
  controller.endJob(job.id, {
    results: resultsOf(played.stdout),
    artifacts: played.artifacts,
    stdout: played.stdout,
  })
  return { ...played, job }
}

async function running(controller: SimulatedController, template: string): Promise<Job> {
  const deadline = performance.now() + 300_000
  for (;;) {
    const job = controller.store.jobs.filter(each => each.name === template && each.status === 'running').at(-1)
    if (job !== undefined) return job
    if (performance.now() > deadline) throw new Error(`no job of ${template} runs`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** What a controller's inventory script prints: hosts that are enabled, and groups. */
function inventoryOf({ store }: SimulatedController, job: Job, more: NonNullable<Play['hostvars']>): unknown {
  const hosts = hostsOf(store, job.inventory ?? 0).filter(({ enabled }) => enabled)
  const names = new Set(hosts.map(({ name }) => name))
  const groups = [...membership(store, job.inventory ?? 0)].map(([group, members]) => [
    group,
    { hosts: [...members].filter(name => names.has(name)) },
  ])
  return {
    _meta: {
      hostvars: Object.fromEntries(
        hosts.map(({ name, variables }) => [name, { ...variables, ...more[name] }]),
      ) as unknown,
    },
    all: { hosts: [...names] },
    ...(Object.fromEntries(groups) as object),
  }
}

/** What was answered is data, and never a template; what the controller itself says of the job is added. */
function variablesOf({ store }: SimulatedController, job: Job): string {
  const user = store.users.get(job.created_by)?.username ?? ''
  const own = { awx_job_id: job.id, awx_job_template_name: job.name, awx_user_name: user }
  // Texts within a value are as unsafe as those that are one.
  const line = (value: unknown): string => {
    if (typeof value === 'string') return `!unsafe ${JSON.stringify(value)}`
    if (Array.isArray(value)) return `[${value.map(line).join(', ')}]`
    if (typeof value !== 'object' || value === null) return JSON.stringify(value)
    return `{${Object.entries(value)
      .map(([key, inner]) => `${JSON.stringify(key)}: ${line(inner)}`)
      .join(', ')}}`
  }
  return Object.entries({ ...job.extra_vars, ...own })
    .map(([name, value]) => `${name}: ${line(value)}\n`)
    .join('')
}

/** The environment that credentials of the type `virtbridge API` bring, by the injectors that are shipped. */
function credentialsOf(
  { store }: SimulatedController,
  job: Job,
  inputs: Readonly<Record<string, Inputs>>,
): Record<string, string> {
  const [types] = readObjectFiles(DEPLOY).flatMap(document =>
    'controller_credential_types' in (document as object)
      ? [(document as { controller_credential_types: CredentialType[] }).controller_credential_types]
      : [],
  )
  const injected = types?.find(({ name }) => name === 'virtbridge API')?.injectors.env ?? {}
  const found: Record<string, string> = {}
  for (const id of job.credentials) {
    const fields = inputs[store.credentials.must(id).name]
    if (fields === undefined) continue
    for (const [name, text] of Object.entries(injected))
      found[name] = text.replaceAll(/\{\{ ([\w.]+) \}\}/g, (_, field: string) => fields[field] ?? '')
  }
  return found
}

interface CredentialType {
  readonly name: string
  readonly injectors: { readonly env: Readonly<Record<string, string>> }
}

/** Each host of Ansible's recap. */
function resultsOf(stdout: string): Record<string, HostResult['outcome']> {
  const lines = stdout.slice(stdout.lastIndexOf('PLAY RECAP')).matchAll(/^(\S+)\s+: (ok=.*)$/gm)
  return Object.fromEntries(
    [...lines].map(([, host = '', counts = '']) => {
      const count = (name: string): number => Number(new RegExp(`${name}=(\\d+)`).exec(counts)?.[1] ?? 0)
      if (count('unreachable') > 0) return [host, 'unreachable']
      if (count('failed') > 0) return [host, 'failed']
      return [host, count('changed') > 0 ? 'changed' : 'ok']
    }),
  )
}

function statsOf(stdout: string): Record<string, unknown> {
  const told = /CUSTOM STATS: \*+\s+RUN: (\{[^]*\})\s*$/.exec(stdout)?.[1]
  return told === undefined ? {} : (JSON.parse(told) as Record<string, unknown>)
}

/** The survey of a shipped template, each question with what is answered when nobody says otherwise. */
export function usualAnswers(template: string): Record<string, unknown> {
  const all = (readObjectFiles(DEPLOY) as { controller_templates?: Template[] }[]).flatMap(
    document => document.controller_templates ?? [],
  )
  const questions = all.find(({ name }) => name === template)?.survey_spec?.spec ?? []
  return Object.fromEntries(questions.map(({ variable, default: usual }) => [variable, usual]))
}

interface Template {
  readonly name: string
  readonly survey_spec?: { readonly spec: readonly { readonly variable: string; readonly default: unknown }[] }
}
