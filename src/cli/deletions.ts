import type { ClusterRecord } from '../cluster/index.ts'
import { Fault } from '../errors.ts'
import type { Api } from './api.ts'
import type { Terminal } from './terminal.ts'

interface ConfirmOptions {
  /** What the person saw before; empty looks now. */
  readonly digest: string
  readonly yes: boolean
  readonly json: boolean
}

/**
 * Shows which VMs of a held cluster are missing, and says that they are really gone when a person, who has seen these, says so.
 * True when it was said. Other VMs that are missing by then are never confirmed with them.
 */
export async function confirmDeletions(
  api: Api,
  name: string,
  options: ConfirmOptions,
  terminal: Terminal,
): Promise<boolean> {
  if (options.yes && options.digest === '')
    throw new Fault('unseen', 'nobody has looked which VMs are missing', {
      hint: `virtbridge confirm-deletions ${name} shows them with their digest; give that as --digest`,
    })
  const digest = options.digest === '' ? await show(api, name, options.json, terminal) : options.digest
  if (options.json && options.digest === '') return true
  if (!options.yes && !(await terminal.ask(`are these VMs of ${name} really gone (${digest})?`))) return false
  const path = `/api/v1/clusters/${encodeURIComponent(name)}/confirm-deletions`
  const { missing } = (await api.post(path, { digest })) as { missing: number }
  terminal.err(`${missing} VMs of ${name} will be told as deleted`)
  return true
}

async function show(api: Api, name: string, json: boolean, terminal: Terminal): Promise<string> {
  const { clusters } = (await api.get('/api/v1/clusters')) as { clusters: ClusterRecord[] }
  const cluster = clusters.find(one => one.name === name)
  if (cluster === undefined)
    throw new Fault('no_cluster', `no cluster is called "${name}"`, { hint: 'virtbridge clusters lists them' })
  const { missing, missing_names, missing_digest, held_since } = cluster
  if (missing_digest === '')
    throw new Fault('not_held', `"${name}" waits for nothing (it is ${cluster.status})`, {
      hint: 'only a cluster that is held because many VMs are missing is confirmed',
    })
  if (json)
    terminal.out(JSON.stringify({ cluster: name, missing, names: missing_names, held_since, digest: missing_digest }))
  else {
    const more = missing - missing_names.length
    const lines = [
      `${missing} of ${cluster.vms} VMs of ${name} are missing since ${new Date(held_since).toISOString()}:`,
      ...missing_names.map(vm => `  ${vm}`),
      ...(more > 0 ? [`  and ${more} more`] : []),
      `digest ${missing_digest}`,
    ]
    terminal.out(lines.join('\n'))
  }
  return missing_digest
}
