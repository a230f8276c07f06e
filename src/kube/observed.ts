import type { KubeError } from './error.ts'

/** A resource to reflect: where it is, and what is kept of each object. */
export interface Resource<T> {
  /** `/apis/kubevirt.io/v1/virtualmachines` */
  readonly path: string
  readonly project: (object: unknown) => T
  readonly keyOf: (kept: T) => string
  /** What the objects of a list are collected in; a Map when left out. */
  readonly collect?: () => Collected<T>
}

/** Objects by their keys. */
export interface Collected<T> extends ReadonlyMap<string, T> {
  set(key: string, object: T): unknown
  delete(key: string): boolean
}

/** All objects at one moment: what is not in it is gone. They are his who gets them. */
export interface Listed<T> {
  readonly kind: 'listed'
  readonly objects: Collected<T>
  readonly resourceVersion: string
}

/** What a reflector yields, in order. */
export type Observed<T> =
  | Listed<T>
  /** A second list, read beside the watch and brought up to where the watch is: it differs only when the watch has missed something. */
  | { readonly kind: 'audited'; readonly objects: ReadonlyMap<string, T> }
  | { readonly kind: 'changed' | 'gone'; readonly object: T }
  /** The watch is open (again): what is known is live from here on. */
  | { readonly kind: 'watching' }
  /** The watch ended as every watch does; it is opened again where it was. Nothing is seen until then. */
  | { readonly kind: 'ended' }
  /** Hold what you know; it is tried again. */
  | { readonly kind: 'unavailable'; readonly error: KubeError }
