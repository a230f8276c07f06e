/** Who owns an object; `controller` is the one that made it. */
export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

/** Object metadata as a client may send it: everything but the name is optional. */
export interface DraftMeta {
  name?: string
  generateName?: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string | null
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  finalizers?: readonly string[]
  labels?: Readonly<Record<string, string>>
  annotations?: Readonly<Record<string, string>>
  ownerReferences?: readonly OwnerReference[]
}

/** An object on its way in. */
export interface Draft {
  apiVersion?: string
  kind?: string
  metadata: DraftMeta
  spec?: unknown
  status?: unknown
  [field: string]: unknown
}

/** Metadata of a stored object: the server has given it a uid, a version and a birthday. */
export interface ObjectMeta extends DraftMeta {
  name: string
  uid: string
  resourceVersion: string
  creationTimestamp: string
}

/** An object as it is stored: frozen, replaced as a whole by every write. */
export interface KubeObject extends Draft {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
}

/** Where an object lives; `namespace` is empty for cluster-scoped resources. */
export interface Ref {
  namespace: string
  name: string
}

/** The key that etcd would sort by: `namespace/name`, or the bare name. */
export function keyOf({ namespace, name }: Ref): string {
  return namespace === '' ? name : `${namespace}/${name}`
}

/** Where this object lives. */
export function refOf(object: Draft): Ref {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' }
}

/** The same value, frozen all the way down, so that no reader can change what is stored. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
