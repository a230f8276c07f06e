import { startSimulatedController, virtualClock } from '../../../src/simulator/controller/index.ts'
import type { ControllerOptions, SimulatedController, VirtualClock } from '../../../src/simulator/controller/index.ts'
import type { Sequence } from '../../../src/simulator/controller/store.ts'

/** A controller under test with its clock, and a way to talk to it. */
export type World = SimulatedController & { clock: VirtualClock; ask: Ask }

export type Answer = { status: number; headers: Headers; body: unknown; text: string }
export type Ask = (method: string, path: string, body?: unknown, token?: string, raw?: string) => Promise<Answer>

/** Starts a controller on virtual time. `ids` moves sequences on, so that new rows get the ids of a recording. */
export async function startWorld(
  options: Omit<ControllerOptions, 'clock' | 'tokens'> & Partial<Pick<ControllerOptions, 'tokens'>>,
  ids: { [name in Sequence]?: number } = {},
): Promise<World> {
  const clock = virtualClock()
  const controller = await startSimulatedController({ tokens: { admin: { user: 'admin' } }, ...options, clock })
  Object.assign(controller.store.sequences, ids)
  return Object.assign(controller, { clock, ask: asker(controller) })
}

function asker({ url }: SimulatedController): Ask {
  return async (method, path, body, token = 'admin', raw) => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(method === 'GET' ? {} : { body: raw ?? JSON.stringify(body ?? {}) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? (JSON.parse(text) as unknown) : text,
      text,
    }
  }
}

const DAY2_PROMPTS = { limit: true, variables: true, skip_tags: true, job_type: true, diff_mode: true, timeout: true }

/** An inventory source document with one group and one host variable set per host. */
export function document(hosts: { [name: string]: { [variable: string]: unknown } }): unknown {
  return { _meta: { hostvars: hosts }, all: { children: ['cluster_a'] }, cluster_a: { hosts: Object.keys(hosts) } }
}

/** The objects that the bridge works with: one inventory with a source, and one template with every prompt that it needs. */
export const DAY2 = {
  organizations: [{ name: 'Default' }],
  credential_types: [],
  credentials: [],
  projects: [{ name: 'virtbridge' }],
  inventories: [{ name: 'fleet' }],
  inventory_sources: [
    {
      name: 'virtbridge',
      inventory: 'fleet',
      source_project: 'virtbridge',
      enabled_var: 'kubevirt_enabled',
      enabled_value: 'true',
      overwrite: true,
      overwrite_vars: true,
    },
  ],
  templates: [
    {
      name: 'Patch',
      inventory: 'fleet',
      project: 'virtbridge',
      playbook: 'playbooks/patch.yml',
      prompts: DAY2_PROMPTS,
      limit: 'virtbridge-no-default-limit',
      allow_simultaneous: true,
    },
  ],
}

/** A world of DAY2 whose inventory holds vm1, vm2 and vm3, made by hand. */
export async function day2World(options: Partial<Omit<ControllerOptions, 'clock' | 'objects'>> = {}): Promise<World> {
  const hosts = ['vm1', 'vm2', 'vm3'].map(name => ({ name, variables: { kubevirt_uid: `uid-${name}` } }))
  return startWorld({ ...options, objects: { ...DAY2, inventories: [{ name: 'fleet', hosts }] } })
}

/** Launches DAY2's template and gives the job's id. */
export async function launch(world: World, body: unknown, token?: string): Promise<number> {
  const template = world.store.templates.all()[0]
  const { body: job } = await world.ask('POST', `${world.base}job_templates/${template?.id}/launch/`, body, token)
  return (job as { id: number }).id
}

export async function jobOf(world: World, id: number): Promise<{ [key: string]: unknown }> {
  const { body } = await world.ask('GET', `${world.base}jobs/${id}/`)
  return body as { [key: string]: unknown }
}

/** A job's hosts and how they fared, as its summaries tell. */
export async function resultsOf(world: World, id: number): Promise<{ [host: string]: string }> {
  const { body } = await world.ask('GET', `${world.base}jobs/${id}/job_host_summaries/?page_size=200&order_by=id`)
  const { results } = body as { results: { host_name: string; dark: number; failures: number; changed: number }[] }
  return Object.fromEntries(
    results.map(({ host_name, dark, failures, changed }) => [
      host_name,
      dark > 0 ? 'unreachable' : failures > 0 ? 'failed' : changed > 0 ? 'changed' : 'ok',
    ]),
  )
}
