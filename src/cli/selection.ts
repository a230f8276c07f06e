import { meets } from '../cluster/label.ts'
import { parseSelector } from '../config/index.ts'
import { Fault } from '../errors.ts'
import type { Api } from './api.ts'

/** The hosts that a command line means: `limit` names them, or all of the others that are given must hold. An empty string is not given. */
export interface Selection {
  readonly limit: string
  readonly view: string
  readonly profile: string
  readonly selector: string
  readonly cluster: string
  readonly namespace: string
}

interface Vm {
  readonly host: string
  readonly cluster: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
}

/** The host names of a selection: in the order of `limit`, else in that of the API. Throws a Fault `limit` when nothing is given, both ways are, or no VM matches. */
export async function hostsOf(api: Api, selection: Selection): Promise<readonly string[]> {
  const { limit, view, profile, selector, cluster, namespace } = selection
  const narrowed = [view, profile, selector, cluster, namespace].some(said => said !== '')
  if (limit !== '' && narrowed)
    throw new Fault('limit', '--limit names hosts, and so does what else is given', {
      hint: 'give --limit alone, or --view, --profile, --selector, --cluster and --namespace without it',
    })
  if (limit !== '') return named(limit)
  if (!narrowed)
    throw new Fault('limit', 'no host is named', {
      hint: 'give --limit web-1.shop.prod-1,web-2.shop.prod-1, or --view, --profile, --selector, --cluster, --namespace',
    })
  const requirements = parseSelector(selector)
  const among = view === '' ? null : await hostsOfView(api, view)
  const vms = (await allVms(api, profile)).filter(
    vm =>
      (cluster === '' || vm.cluster === cluster) &&
      (namespace === '' || vm.namespace === namespace) &&
      meets(vm.labels, requirements) &&
      (among === null || among.has(vm.host)),
  )
  if (vms.length > 0) return vms.map(vm => vm.host)
  throw new Fault('limit', 'no VM is as asked for', { hint: 'virtbridge vms lists them all' })
}

function named(limit: string): readonly string[] {
  const hosts = limit
    .split(',')
    .map(host => host.trim())
    .filter(host => host !== '')
  if (hosts.length > 0) return [...new Set(hosts)]
  throw new Fault('limit', '--limit names no host', {
    hint: 'name hosts as the inventory does: --limit web-1.shop.prod-1,web-2.shop.prod-1',
  })
}

/** By the names that the bridge itself has for them, whatever the view calls them. */
async function hostsOfView(api: Api, view: string): Promise<ReadonlySet<string>> {
  const document = (await api.get(`/api/v1/inventory/${encodeURIComponent(view)}`)) as {
    _meta: { hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  }
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  return new Set(
    Object.entries(document._meta.hostvars).map(([host, vars]) => {
      const { kubevirt_name, kubevirt_namespace, kubevirt_cluster } = vars
      const known = [kubevirt_name, kubevirt_namespace, kubevirt_cluster].map(text)
      return known.includes('') ? host : known.join('.')
    }),
  )
}

async function allVms(api: Api, profile: string): Promise<readonly Vm[]> {
  const vms: Vm[] = []
  const ofProfile = profile === '' ? '' : `&profile=${encodeURIComponent(profile)}`
  for (let after = ''; ;) {
    const page = (await api.get(`/api/v1/vms?limit=5000&after=${encodeURIComponent(after)}${ofProfile}`)) as {
      vms: readonly Vm[]
      next: string
    }
    vms.push(...page.vms)
    if (page.next === '') return vms
    after = page.next
  }
}
