import { isDeepStrictEqual } from 'node:util'
import type { Durable } from './durable.ts'
import type { StoreEvent } from './history.ts'
import { History } from './history.ts'
import { mergePatch } from './merge-patch.ts'
import type { Draft, KubeObject, Ref } from './object.ts'
import { deepFreeze, keyOf, refOf } from './object.ts'
import type { Resource } from './resource.ts'
import { NAMESPACES, apiVersionOf, resourceName } from './resource.ts'
import { lacking, mainPart, marked, newborn } from './revise.ts'
import { alreadyExists, badRequest, conflict, expired, invalid, notFound } from './status.ts'
import { uuidOf } from './uuid.ts'

/** What a store is made of. `seed` makes its uids: the same seed and the same writes give the same uids. */
export interface StoreOptions {
  resources: readonly Resource[]
  seed: string
  now: () => number
  /** Without it the objects live as long as the process. */
  durable?: Durable
  /** Events kept per resource for watches that resume; 1,000 unless told. */
  historyLimit?: number
}

/** Which part of an object a write may change. */
export type Part = 'main' | 'status'

interface Shelf {
  readonly resource: Resource
  readonly objects: Map<string, KubeObject>
  readonly history: History
  readonly listeners: Set<(event: StoreEvent) => void>
  /** Revision of the last change here. */
  changed: number
  /** What is here now, sorted; null until somebody asks again after a change. */
  current: readonly KubeObject[] | null
  /** The last older list that was asked for: the pages of one list ask for the same again. */
  older: { revision: number; list: readonly KubeObject[] } | null
}

/**
 * The objects of one API server, with the rules of the real one: one revision counter, uids, generations, optimistic locking,
 * finalizers, history for watches. Every write is durable before anybody hears of it.
 */
export class Store {
  readonly resources: readonly Resource[]
  readonly #shelves = new Map<string, Shelf>()
  readonly #options: StoreOptions
  #revision: number

  constructor(options: StoreOptions) {
    this.#options = options
    this.resources = options.resources
    // One step on at every start: a resourceVersion from before it is older than the history that a new process has.
    this.#revision = (options.durable?.revision() ?? 0) + 1
    options.durable?.advance(this.#revision)
    for (const resource of options.resources) {
      this.#shelves.set(resourceName(resource), {
        resource,
        objects: new Map(),
        history: new History(this.#revision, options.historyLimit ?? 1000),
        listeners: new Set(),
        changed: 0,
        current: null,
        older: null,
      })
    }
    for (const { resource, object } of options.durable?.objects() ?? []) {
      this.#shelves.get(resource)?.objects.set(keyOf(refOf(object)), deepFreeze(object))
    }
    this.ensureNamespace('kube-system')
  }

  /** The latest revision: what lists carry as `resourceVersion`. */
  get revision(): number {
    return this.#revision
  }

  /** The uid of `kube-system`, by which a cluster is known. */
  get identity(): string {
    return this.get(NAMESPACES, { namespace: '', name: 'kube-system' })?.metadata.uid ?? ''
  }

  /** Makes this another cluster behind the same address: kube-system has a new uid. */
  replaceIdentity(): void {
    const ref = { namespace: '', name: 'kube-system' }
    this.remove(NAMESPACES, ref)
    this.ensureNamespace('kube-system')
  }

  ensureNamespace(name: string): void {
    if (this.get(NAMESPACES, { namespace: '', name }) !== null) return
    this.create(NAMESPACES, {
      metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    })
  }

  get(resource: Resource, ref: Ref): KubeObject | null {
    return this.#shelf(resource).objects.get(keyOf(ref)) ?? null
  }

  /** Everything of one resource, sorted by key. */
  list(resource: Resource): readonly KubeObject[] {
    return this.listAt(resource, this.#revision)
  }

  /**
   * Everything of one resource as it was at a revision, sorted by key: how the pages of one list stay consistent.
   *
   * @throws StatusError 410 when that revision is forgotten
   */
  listAt(resource: Resource, revision: number): readonly KubeObject[] {
    const shelf = this.#shelf(resource)
    const later = shelf.history.since(revision)
    if (later === null) throw expired(`The resourceVersion for the provided list is too old.`)
    if (revision >= shelf.changed) return (shelf.current ??= sorted(shelf.objects))
    if (shelf.older?.revision === revision) return shelf.older.list
    const then = new Map(shelf.objects)
    for (const event of later.toReversed()) {
      const key = keyOf(refOf(event.object))
      if (event.previous === null) then.delete(key)
      else then.set(key, event.previous)
    }
    shelf.older = { revision, list: sorted(then) }
    return shelf.older.list
  }

  /** Events after a revision, or null when they are forgotten. */
  since(resource: Resource, revision: number): readonly StoreEvent[] | null {
    return this.#shelf(resource).history.since(revision)
  }

  /** The oldest revision a watch of this resource may resume from. */
  floor(resource: Resource): number {
    return this.#shelf(resource).history.floor
  }

  /** Calls `listener` in order, in the same turn as each write. Returns what ends it. */
  subscribe(resource: Resource, listener: (event: StoreEvent) => void): () => void {
    const { listeners } = this.#shelf(resource)
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  /** Forgets all history, as a compaction does: older watches and page tokens get 410. */
  compact(): void {
    this.#revision += 1
    this.#options.durable?.advance(this.#revision)
    for (const shelf of this.#shelves.values()) {
      shelf.history.compact(this.#revision)
      shelf.older = null
    }
  }

  /** @throws StatusError 400, 404 (no such namespace), 409 (name taken), 422 (no name, or a required field is missing) */
  create(resource: Resource, draft: Draft): KubeObject {
    const name = draft.metadata.name ?? this.#generatedName(draft)
    if (name === '') throw invalid(resource.kind, '', 'metadata.name: Required value: name or generateName is required')
    const ref = { namespace: resource.namespaced ? (draft.metadata.namespace ?? '') : '', name }
    if (resource.namespaced && this.get(NAMESPACES, { namespace: '', name: ref.namespace }) === null) {
      throw notFound(NAMESPACES, ref.namespace)
    }
    if (this.get(resource, ref) !== null) throw alreadyExists(resource, name)
    requireAll(resource, name, draft)
    const uid = this.#uid(this.#revision + 1)
    return this.#commit(resource, 'ADDED', null, newborn(resource, draft, { ...ref, uid, at: this.#options.now() }))
  }

  /**
   * Replaces the main part or the status of an object.
   *
   * @throws StatusError 404, 409 (written in between), 422 (no resourceVersion, or a required field is missing)
   */
  update(resource: Resource, draft: Draft, part: Part = 'main'): KubeObject {
    const before = this.#present(resource, refOf(draft))
    const sent = draft.metadata.resourceVersion ?? ''
    if (sent === '') {
      const why = 'metadata.resourceVersion: Invalid value: 0x0: must be specified for an update'
      throw invalid(`${resource.kind}.${resource.group}`, before.metadata.name, why)
    }
    return this.#write(resource, before, draft, part)
  }

  /** Lays a merge patch over the main part or the status. @throws StatusError 404, 409 */
  patch(resource: Resource, ref: Ref, patch: unknown, part: Part = 'main'): KubeObject {
    const before = this.#present(resource, ref)
    return this.#write(resource, before, mergePatch(before, patch) as Draft, part)
  }

  /**
   * Deletes: at once, or, while finalizers hold the object, by marking it. Answers the marked object, or null when it is gone.
   *
   * @throws StatusError 404, 409 (the uid is another object's)
   */
  remove(resource: Resource, ref: Ref, uid = ''): KubeObject | null {
    const before = this.#present(resource, ref)
    if (uid !== '' && uid !== before.metadata.uid) {
      const why = `the UID in the precondition (${uid}) does not match the UID in record (${before.metadata.uid})`
      throw conflict(resource, ref.name, `Precondition failed: ${why}`)
    }
    if ((before.metadata.finalizers ?? []).length === 0) return this.#erase(resource, before)
    if (before.metadata.deletionTimestamp !== undefined) return before
    return this.#commit(resource, 'MODIFIED', before, marked(before, this.#options.now()))
  }

  #write(resource: Resource, before: KubeObject, draft: Draft, part: Part): KubeObject {
    const sent = draft.metadata.resourceVersion ?? ''
    if (sent !== '' && sent !== before.metadata.resourceVersion) {
      const why = 'the object has been modified; please apply your changes to the latest version and try again'
      throw conflict(resource, before.metadata.name, why)
    }
    const after = part === 'status' ? { ...before, status: draft.status } : mainPart(resource, before, draft)
    if (isDeepStrictEqual(JSON.parse(JSON.stringify(after)), before)) return before
    requireAll(resource, before.metadata.name, after)
    const finalizers = after.metadata.finalizers ?? []
    if (before.metadata.deletionTimestamp !== undefined && finalizers.length === 0) {
      // Watchers are told of the last state that was stored, in which the finalizer still is.
      this.#erase(resource, before)
      return deepFreeze(after)
    }
    return this.#commit(resource, 'MODIFIED', before, after)
  }

  #erase(resource: Resource, before: KubeObject): null {
    this.#commit(resource, 'DELETED', before, before)
    return null
  }

  #commit(resource: Resource, type: StoreEvent['type'], previous: KubeObject | null, next: Draft): KubeObject {
    const shelf = this.#shelf(resource)
    const revision = this.#revision + 1
    const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = next
    const stored = {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: { ...metadata, resourceVersion: String(revision) },
      ...rest,
    } as KubeObject
    // Through JSON, so that what is in memory is what a restart would read back, and no caller keeps a reference into it.
    const object = deepFreeze(JSON.parse(JSON.stringify(stored)) as KubeObject)
    const key = keyOf(refOf(object))
    this.#options.durable?.write(revision, resourceName(resource), key, type === 'DELETED' ? null : object)
    this.#revision = revision
    if (type === 'DELETED') shelf.objects.delete(key)
    else shelf.objects.set(key, object)
    shelf.changed = revision
    shelf.current = null
    const event: StoreEvent = { type, revision, object, previous }
    shelf.history.push(event)
    for (const listener of shelf.listeners) listener(event)
    return object
  }

  #present(resource: Resource, ref: Ref): KubeObject {
    const object = this.get(resource, ref)
    if (object === null) throw notFound(resource, ref.name)
    return object
  }

  #shelf(resource: Resource): Shelf {
    const shelf = this.#shelves.get(resourceName(resource))
    if (shelf === undefined) throw badRequest(`this server does not serve ${resourceName(resource)}`)
    return shelf
  }

  /** From seed and revision alone: a restarted process never repeats one, since the revision only grows. */
  #uid(revision: number): string {
    return uuidOf(`${this.#options.seed}/${revision}`)
  }

  #generatedName(draft: Draft): string {
    const prefix = draft.metadata.generateName ?? ''
    return prefix === '' ? '' : `${prefix}${this.#uid(this.#revision + 1).slice(0, 5)}`
  }
}

function requireAll(resource: Resource, name: string, draft: Draft): void {
  const path = lacking(resource, draft)
  if (path !== null) throw invalid(`${resource.kind}.${resource.group}`, name, `${path}: Required value`)
}

function sorted(objects: ReadonlyMap<string, KubeObject>): readonly KubeObject[] {
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
}
