import { type KubeClient, KubeError, mayI, PATHS, placementDecisionsIn } from '../kube/index.ts'
import { failure, type Finding } from './finding.ts'

/** A resource that is asked for. */
export interface Wanted {
  readonly resource: string
  readonly path: string
  /** Empty for the whole cluster. */
  readonly namespace: string
}

/** A resource in all namespaces. */
export function clusterWide(of: keyof typeof PATHS): Wanted {
  const path = PATHS[of]
  return { resource: path.split('/').at(-1) ?? of, path, namespace: '' }
}

/** The decisions of the placements of one namespace. */
export function decisionsIn(namespace: string): Wanted {
  return { resource: 'placementdecisions', path: placementDecisionsIn(namespace), namespace }
}

/** A resource that is needed: it can be listed and watched, or what it fails on. */
export async function checkResource(
  client: KubeClient,
  of: string,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Finding> {
  const { resource, namespace } = wanted
  const what = `${of}: ${resource}${namespace === '' ? '' : ` in ${namespace}`}`
  try {
    await read(client, wanted, signal)
    return { what, result: 'ok', detail: 'may be listed and watched', hint: '' }
  } catch (error) {
    return failure(what, error)
  }
}

/** Resources that a cluster may lack: which are there, which are not, and which may not be read. */
export async function checkOptional(
  client: KubeClient,
  of: string,
  all: readonly Wanted[],
  signal: AbortSignal,
): Promise<Finding> {
  const found = new Map<string, string[]>()
  const hints: string[] = []
  for (const wanted of all) {
    const [word, hint] = await read(client, wanted, signal).then(() => ['are read too', ''] as const, wordOf)
    found.set(word, [...(found.get(word) ?? []), wanted.resource])
    if (hint !== '') hints.push(hint)
  }
  const detail = [...found].map(([word, resources]) => `${resources.join(', ')} ${word}`).join('; ')
  const [hint = ''] = hints
  return { what: `${of}: optional`, result: hint === '' ? 'ok' : 'warn', detail, hint }
}

function wordOf(error: unknown): readonly [word: string, hint: string] {
  if (!(error instanceof KubeError)) throw error
  if (error.kind === 'absent') return ['are not there', '']
  return [error.kind === 'forbidden' ? 'may not be read' : `can not be read (${error.message})`, error.hint]
}

async function read(client: KubeClient, { path, resource, namespace }: Wanted, signal: AbortSignal): Promise<void> {
  const group = path.startsWith('/api/') ? '' : (path.split('/')[2] ?? '')
  const denied: string[] = []
  for (const verb of ['list', 'watch'])
    if (!(await mayI(client, verb, { group, resource, namespace }, signal))) denied.push(verb)
  if (denied.length > 0) throw new KubeError('forbidden', `may not ${denied.join(' and ')}`)
  await client.get(`${path}?limit=1`, signal)
}
