import { timingSafeEqual } from 'node:crypto'
import type { KubeRequest } from './request.ts'
import { StatusError } from './status.ts'

/** What a rule of a role allows; `*` stands for everything. A status subresource is written `virtualmachines/status`. */
export interface Rule {
  groups: readonly string[]
  resources: readonly string[]
  /** Objects of these names alone (`resourceNames`). */
  names?: readonly string[]
  verbs: readonly string[]
}

/** Who somebody is, and what they may do. */
export interface Identity {
  user: string
  groups?: readonly string[]
  rules: readonly Rule[]
  /** May act as any other user by `Impersonate-User`, as a proxy does. */
  impersonates?: boolean
}

/** May do everything. */
export const EVERYTHING: readonly Rule[] = [{ groups: ['*'], resources: ['*'], verbs: ['*'] }]

const READ = ['list', 'watch']
/** Who a cluster is. */
const IDENTITY: Rule = { groups: [''], resources: ['namespaces'], names: ['kube-system'], verbs: ['get'] }

/** What the bridge needs of a cluster, and nothing more: the rules of `deploy/kubernetes/base/clusterrole.yaml`. */
export const VIEW: readonly Rule[] = [
  {
    groups: ['kubevirt.io'],
    resources: ['virtualmachines', 'virtualmachineinstances', 'virtualmachineinstancemigrations'],
    verbs: READ,
  },
  { groups: ['snapshot.kubevirt.io'], resources: ['virtualmachinesnapshots', 'virtualmachinerestores'], verbs: READ },
  { groups: ['clone.kubevirt.io'], resources: ['virtualmachineclones'], verbs: READ },
  { groups: ['cdi.kubevirt.io'], resources: ['datavolumes'], verbs: READ },
  { groups: [''], resources: ['persistentvolumeclaims'], verbs: READ },
  { groups: ['config.openshift.io'], resources: ['dnses'], names: ['cluster'], verbs: ['get'] },
  IDENTITY,
]

/** What it needs besides where Services are watched: the rules of `deploy/kubernetes/services-rbac/clusterrole.yaml`. */
export const SERVICES_VIEW: readonly Rule[] = [{ groups: [''], resources: ['services'], verbs: READ }]

/** What the bridge needs of a hub: the rules of `deploy/kubernetes/hub-rbac/clusterrole.yaml`. */
export const HUB_VIEW: readonly Rule[] = [
  {
    groups: ['cluster.open-cluster-management.io'],
    resources: ['managedclusters', 'managedclustersets', 'placementdecisions'],
    verbs: READ,
  },
  { groups: ['forklift.konveyor.io'], resources: ['plans'], verbs: READ },
  IDENTITY,
]

/** What it needs besides, to reach clusters in other ways: the rules of `deploy/kubernetes/hub-secrets-rbac/clusterrole.yaml`. */
export const HUB_SECRETS: readonly Rule[] = [
  { groups: [''], resources: ['secrets'], names: ['virtbridge-reader', 'virtbridge-kubeconfig'], verbs: ['get'] },
]

/** The tokens of one API server, and the users that a proxy may impersonate. */
export class Access {
  readonly #tokens = new Map<string, Identity>()
  readonly #users = new Map<string, Identity>()

  grant(token: string, identity: Identity): void {
    this.#tokens.set(token, identity)
    this.#users.set(identity.user, identity)
  }

  /** Lets a proxy impersonate this user, who has no token here. */
  admit(identity: Identity): void {
    this.#users.set(identity.user, identity)
  }

  /** From now on the token is wrong, as an expired one is. */
  revoke(token: string): void {
    this.#tokens.delete(token)
  }

  /** Whose token this is, or null. */
  find(token: string): Identity | null {
    const sent = Buffer.from(token)
    for (const [known, identity] of this.#tokens) {
      const candidate = Buffer.from(known)
      if (candidate.length === sent.length && timingSafeEqual(candidate, sent)) return identity
    }
    return null
  }

  /**
   * Who sends a request with these headers.
   *
   * @throws StatusError 401 without a known token, 403 for an impersonation that is not allowed
   */
  authenticate(headers: { authorization?: string | undefined; 'impersonate-user'?: unknown }): Identity {
    const identity = this.find(bearerOf(headers.authorization))
    if (identity === null) throw new StatusError(401, 'Unauthorized', 'Unauthorized')
    const wanted = headers['impersonate-user']
    if (typeof wanted !== 'string') return identity
    if (identity.impersonates !== true) {
      const message = `users "${wanted}" is forbidden: User "${identity.user}" cannot impersonate resource "users" in API group "" at the cluster scope`
      throw new StatusError(403, 'Forbidden', message, { details: { name: wanted, kind: 'users' } })
    }
    return this.#users.get(wanted) ?? { user: wanted, rules: [] }
  }
}

/** The token of an `Authorization: Bearer …` header; empty when there is none. */
export function bearerOf(authorization: string | undefined): string {
  return /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? ''
}

/** May this identity do this? */
export function allows(
  identity: Identity,
  asked: { verb: string; group: string; plural: string; subresource: string; name?: string },
): boolean {
  const resource = asked.subresource === '' ? asked.plural : `${asked.plural}/${asked.subresource}`
  return identity.rules.some(
    rule =>
      has(rule.groups, asked.group) &&
      has(rule.resources, resource) &&
      has(rule.verbs, asked.verb) &&
      (rule.names?.includes(asked.name ?? '') ?? true),
  )
}

function has(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value)
}

/** 403 in the words of the API server. */
export function forbidden(identity: Identity, request: KubeRequest): StatusError {
  const { verb, group, plural, name, namespace, subresource } = request
  const resource = group === '' ? plural : `${plural}.${group}`
  const path = subresource === '' ? plural : `${plural}/${subresource}`
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const what = name === '' ? resource : `${resource} "${name}"`
  const message = `${what} is forbidden: User "${identity.user}" cannot ${verb} resource "${path}" in API group "${group}" ${scope}`
  const details = { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: plural }
  return new StatusError(403, 'Forbidden', message, { details })
}
