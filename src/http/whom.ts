import { meets, type Requirement } from '../cluster/label.ts'
import { MAX_LIMIT_BYTES, type Selection, splitHosts } from '../day2/index.ts'
import { type Scope, sees } from '../fleet/index.ts'
import { hostName, labelsOf, type VmRecord } from '../vm/index.ts'
import { text } from './description.ts'
import type { AppParts } from './parts.ts'
import { Problem } from './problem.ts'

/** The most hosts of one request. `virtbridge run` splits a larger selection into several. */
export const MAX_HOSTS = 500

/** The hosts of a request as its body names them: by `hosts`, or by a selection of which everything given must hold. Not both. */
export interface Whom extends Selection {
  readonly hosts?: readonly string[]
}

/** The JSON Schema properties of a body for it. */
export const WHOM = {
  hosts: {
    type: 'array',
    minItems: 1,
    maxItems: MAX_HOSTS,
    uniqueItems: true,
    items: { type: 'string', minLength: 1, maxLength: 512 },
    description: 'Hosts by name; else what follows, of which all that is said must hold',
  },
  view: text(253, 'The hosts of a view of the inventory'),
  profile: text(253, 'The VMs of a profile, and of those below it'),
  selector: text(4_096, 'The VMs with these labels, as kubectl takes them: app=web,tier in (a, b)'),
  cluster: text(253, 'The VMs of a cluster'),
  namespace: text(253, 'The VMs of a namespace'),
}

/** The problems that `whomOf()` throws, by status, for the document of the API. */
export const WHOM_PROBLEMS = {
  404: ['no_view', 'no_profile'],
  422: ['unknown_hosts', 'bad_selector', 'nobody', 'too_many_hosts'],
} as const

const WAYS = ['view', 'profile', 'selector', 'cluster', 'namespace'] as const

type Parts = Pick<AppParts, 'fleet' | 'inventory' | 'parseSelector' | 'now'>

/**
 * The names of the hosts that a request is for, and the selection when it did not name them. A selection yields only hosts in `scope`;
 * hosts by name are returned as they are, for the caller to check. Throws a Problem when the body is ambiguous, selects nobody, or is for
 * more hosts than one run may have.
 */
export function whomOf(
  parts: Parts,
  whom: Whom,
  scope: Scope,
): { readonly hosts: readonly string[]; readonly selection?: Selection } {
  const said = WAYS.filter(way => whom[way] !== undefined)
  if ((whom.hosts === undefined) === (said.length === 0))
    throw new Problem(400, 'bad_request', 'a wish is for hosts by name, or for those whom a view, a profile, … says', {
      hint: `give hosts, or some of ${WAYS.join(', ')}, and not both`,
    })
  if (whom.hosts !== undefined) return { hosts: forOneRun(whom.hosts) }
  const selection: Selection = Object.fromEntries(said.map(way => [way, whom[way]]))
  const isMeant = meaning(parts, selection)
  const hosts = [...parts.fleet.vms.values()].filter(record => sees(scope, record) && isMeant(record)).map(hostName)
  if (hosts.length === 0)
    throw new Problem(422, 'nobody', 'no VM is as asked for', { hint: 'GET /api/v1/vms lists them all' })
  return { hosts: forOneRun(hosts.sort()), selection }
}

/** A run is one job, whose limit has room for so many hosts, and for so many bytes of their names. It is refused at once, and never cut. */
function forOneRun(hosts: readonly string[]): readonly string[] {
  const runs = splitHosts(hosts).length
  if (runs <= 1) return hosts
  const most = `${MAX_HOSTS} hosts and ${MAX_LIMIT_BYTES} bytes of their names`
  throw new Problem(422, 'too_many_hosts', `${hosts.length} VMs are ${runs} runs, as one has ${most} at most`, {
    hint: 'narrow it by a namespace or a label, or ask for several; virtbridge run makes several runs of it',
    more: { hosts: hosts.length, runs },
  })
}

function meaning({ inventory, parseSelector, now }: Parts, said: Selection): (record: VmRecord) => boolean {
  const { view, profile, selector, cluster, namespace } = said
  if (view !== undefined && !inventory.views.includes(view))
    throw new Problem(404, 'no_view', `there is no view "${view}"`, {
      hint: 'inventory.views names them',
      more: { views: inventory.views },
    })
  if (profile !== undefined && !inventory.profiles.includes(profile))
    throw new Problem(404, 'no_profile', `there is no profile "${profile}"`, {
      hint: 'profiles of the configuration names them',
      more: { profiles: inventory.profiles },
    })
  const requirements = selector === undefined ? [] : requirementsOf(parseSelector, selector)
  const at = now()
  return record =>
    (cluster === undefined || record.cluster === cluster) &&
    (namespace === undefined || record.namespace === namespace) &&
    meets(labelsOf(record.seen), requirements) &&
    (profile === undefined || inventory.profileOf(record).chain.includes(profile)) &&
    (view === undefined || inventory.takes(record, view, at))
}

function requirementsOf(parse: AppParts['parseSelector'], selector: string): readonly Requirement[] {
  try {
    if (parse === undefined) throw new Error('none is taken here')
    return parse(selector)
  } catch (error) {
    throw new Problem(
      422,
      'bad_selector',
      `the selector can not be read: ${error instanceof Error ? error.message : ''}`,
      {
        hint: 'as kubectl --selector takes it: env=prod, tier in (a, b), !legacy',
      },
    )
  }
}
