import { isDeepStrictEqual } from 'node:util'
import { kubeTime } from './clock.ts'
import type { Draft, KubeObject, Ref } from './object.ts'
import type { Resource } from './resource.ts'

/** The first required field that an object lacks, or null. */
export function lacking(resource: Resource, draft: Draft): string | null {
  return (
    resource.required.find(path => {
      const found = path
        .split('.')
        .reduce<unknown>((value, field) => (value as Record<string, unknown> | undefined)?.[field], draft)
      return found === undefined || found === null
    }) ?? null
  )
}

/** A new object as the server completes it. A custom resource with a status subresource is born without status. `at` is epoch ms. */
export function newborn(resource: Resource, draft: Draft, given: Ref & { uid: string; at: number }): Draft {
  const { status, ...rest } = draft
  const { resourceVersion: _sent, deletionTimestamp: _deleted, ...metadata } = draft.metadata
  return {
    ...rest,
    // Namespaces are built in, and are born with one.
    ...(status === undefined || (resource.statusSubresource && resource.generations) ? {} : { status }),
    metadata: {
      ...metadata,
      name: given.name,
      ...(resource.namespaced ? { namespace: given.namespace } : {}),
      uid: given.uid,
      creationTimestamp: kubeTime(given.at),
      ...(resource.generations ? { generation: 1 } : {}),
    },
  }
}

/**
 * The object that a write to its main path makes of `before`: with a status subresource `status` stays as it was, the server's own
 * metadata cannot be written, and the generation rises when anything but metadata (and such a status) changed.
 */
export function mainPart(resource: Resource, before: KubeObject, draft: Draft): KubeObject {
  const { status: _status, ...rest } = draft
  const status = resource.statusSubresource ? before.status : draft.status
  const content: Draft = { ...rest, ...(status === undefined ? {} : { status }) }
  const raised = resource.generations && !isDeepStrictEqual(contentOf(content), contentOf(before))
  const { deletionTimestamp, deletionGracePeriodSeconds, uid, creationTimestamp, resourceVersion } = before.metadata
  return {
    ...content,
    apiVersion: before.apiVersion,
    kind: before.kind,
    metadata: {
      ...draft.metadata,
      name: before.metadata.name,
      uid,
      creationTimestamp,
      resourceVersion,
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
      ...(before.metadata.generation === undefined
        ? {}
        : { generation: before.metadata.generation + (raised ? 1 : 0) }),
    },
  }
}

/** An object that is to go as soon as its finalizers let it. `at` is epoch ms. */
export function marked(before: KubeObject, at: number): KubeObject {
  const { generation } = before.metadata
  return {
    ...before,
    metadata: {
      ...before.metadata,
      ...(generation === undefined ? {} : { generation: generation + 1 }),
      deletionTimestamp: kubeTime(at),
      deletionGracePeriodSeconds: 0,
    },
  }
}

/** Everything but metadata: what a generation counts. */
function contentOf({ metadata: _metadata, apiVersion: _apiVersion, kind: _kind, ...content }: Draft): unknown {
  return JSON.parse(JSON.stringify(content))
}
