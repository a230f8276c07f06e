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

/** The VMs of a cluster that a person must confirm: missing from a list (the cluster is held), or deleted in a burst. */
interface Waiting {
  readonly kind: 'missing' | 'burst'
  readonly count: number
  readonly names: readonly string[]
  readonly since: number
  readonly digest: string
}

/**
 * Shows the VMs of a cluster that are missing or were deleted in a burst, asks the person, and sends the confirmation with the digest of
 * exactly these VMs: the bridge refuses it when other VMs are missing by then. Resolves with true when it was confirmed, or with `--json` when they
 * were shown. Throws a Fault `unseen`, `no_cluster` or `not_held`.
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
  terminal.err(`${missing} VMs of ${name} are confirmed as gone`)
  return true
}

async function show(api: Api, name: string, json: boolean, terminal: Terminal): Promise<string> {
  const { clusters } = (await api.get('/api/v1/clusters')) as { clusters: ClusterRecord[] }
  const cluster = clusters.find(one => one.name === name)
  if (cluster === undefined)
    throw new Fault('no_cluster', `no cluster is called "${name}"`, { hint: 'virtbridge clusters lists them' })
  const waiting = waitingIn(cluster)
  if (waiting === null)
    throw new Fault('not_held', `"${name}" waits for nothing (it is ${cluster.status})`, {
      hint: 'only a cluster that is held because many VMs are missing, or of which many were deleted at once, is confirmed',
    })
  const { kind, count, names, since, digest } = waiting
  if (json) terminal.out(JSON.stringify({ cluster: name, kind, missing: count, names, held_since: since, digest }))
  else {
    const time = new Date(since).toISOString()
    const head =
      kind === 'missing'
        ? `${count} of ${cluster.vms} VMs of ${name} are missing since ${time}:`
        : `${count} VMs of ${name} were deleted in a burst that began at ${time}; nothing destructive starts from it yet:`
    const more = count - names.length
    const lines = [head, ...names.map(vm => `  ${vm}`), ...(more > 0 ? [`  and ${more} more`] : []), `digest ${digest}`]
    terminal.out(lines.join('\n'))
  }
  return digest
}

/** First what is held, as it is not even told yet. */
function waitingIn({
  missing,
  missing_names,
  missing_digest,
  held_since,
  burst = null,
}: ClusterRecord): Waiting | null {
  if (missing_digest !== '')
    return { kind: 'missing', count: missing, names: missing_names, since: held_since, digest: missing_digest }
  return burst === null ? null : { kind: 'burst', ...burst }
}
