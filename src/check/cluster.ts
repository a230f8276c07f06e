import { askBaseDomain, baseDomainAfter, seesAbsence } from '../cluster/index.ts'
import type { ClusterConfig } from '../config/index.ts'
import { type Connection, KubeClient, KubeError } from '../kube/index.ts'
import { USER_AGENT } from '../service/role.ts'
import { connectionOf } from '../service/watch/reach.ts'
import { failure, type Finding } from './finding.ts'
import { checkOptional, checkResource, clusterWide } from './resource.ts'
import type { Round } from './roll.ts'

const REQUIRED = (['virtualmachines', 'virtualmachineinstances'] as const).map(clusterWide)
const OPTIONAL = (['migrations', 'snapshots', 'restores', 'clones', 'claims', 'datavolumes'] as const).map(clusterWide)
const NO_KUBEVIRT = 'KubeVirt is not installed there, so it has no VMs: the inventory does not wait for it'
const NO_KUBEVIRT_HINT = 'nothing, when that is meant; it is watched as soon as KubeVirt is there'
const REQUEST_TIMEOUT_MS = 10_000

/** A cluster that is configured directly: it is reached, says who it is, and lets its VMs be listed and watched. */
export async function* checkCluster(cluster: ClusterConfig, round: Round): AsyncIterable<Finding> {
  round.roll.name(cluster.name, 'the configuration')
  try {
    yield* checkVms(cluster.name, connectionOf(cluster), round)
  } catch (error) {
    yield failure(`cluster ${cluster.name}`, error)
  }
}

/** The same of one that is reached in whatever way. Throws when it is not reached. */
export async function* checkVms(
  name: string,
  connection: Connection,
  { roll, signal, services, readsBaseDomain }: Round,
): AsyncIterable<Finding> {
  const what = `cluster ${name}`
  await using client = connect(connection)
  const { uid, findings } = await checkConnection(client, what, connection, signal)
  yield* findings
  const twin = roll.identity(uid, name)
  if (twin !== null) yield twin
  const lacking = await seesAbsence(client, inner => client.identity(inner), signal).catch(() => false)
  if (lacking) return yield { what, result: 'warn', detail: NO_KUBEVIRT, hint: NO_KUBEVIRT_HINT }
  for (const resource of REQUIRED) yield await checkResource(client, what, resource, signal)
  yield await checkOptional(client, what, services ? [...OPTIONAL, clusterWide('services')] : OPTIONAL, signal)
  if (readsBaseDomain(name)) yield await checkBaseDomain(client, what, signal)
}

/** What the cluster says is its base domain, where a view shows hosts by it. */
async function checkBaseDomain(client: KubeClient, of: string, signal: AbortSignal): Promise<Finding> {
  const what = `${of}: base domain`
  const answer = await askBaseDomain(client, signal)
  const news = baseDomainAfter(answer, undefined)
  if (news === null) return failure(what, answer)
  const { domain, trouble } = news
  if (trouble === null) return { what, result: 'ok', detail: `it is ${domain}`, hint: '' }
  return { what, result: 'warn', detail: trouble.reason, hint: trouble.hint }
}

/** A client as `virtbridge check` uses it: one that gives up soon. Sends nothing yet. */
export function connect(connection: Connection): KubeClient {
  return new KubeClient({ connection, userAgent: USER_AGENT, requestTimeoutMs: REQUEST_TIMEOUT_MS })
}

/** Who answers, and whether it is known to be the right one. Throws when nobody does. */
export async function checkConnection(
  client: KubeClient,
  what: string,
  connection: Connection,
  signal: AbortSignal,
): Promise<{ readonly uid: string; readonly findings: readonly Finding[] }> {
  const version = (await client.get('/version', signal).catch((error: unknown) => {
    throw at(connection.url, error)
  })) as { gitVersion?: string }
  const uid = await client.identity(signal)
  const detail = `${connection.url}, Kubernetes ${version.gitVersion ?? '?'}, identity ${uid}`
  const findings: Finding[] = [{ what, result: 'ok', detail, hint: '' }]
  if (connection.tls.rejectUnauthorized === false && connection.url.startsWith('https:')) {
    const unverified = 'its certificate is not verified (insecure-skip-tls-verify)'
    const hint = 'set certificate-authority-data in the kubeconfig'
    findings.push({ what, result: 'warn', detail: unverified, hint })
  }
  return { uid, findings }
}

/** The same error, that says where: who mends it looks there first. Of a cluster of a hub that is not known before its Secret could be read. */
function at(url: string, error: unknown): unknown {
  if (!(error instanceof KubeError) || url === '') return error
  return new KubeError(error.kind, `${url}: ${error.message}`, { hint: error.hint, cause: error })
}
