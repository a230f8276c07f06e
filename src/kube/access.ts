import type { KubeClient } from './client.ts'

/** May this client do `verb` on a resource, of the whole cluster when `namespace` is empty? By a SelfSubjectAccessReview, which every user may ask. */
export async function mayI(
  client: KubeClient,
  verb: string,
  { group, resource, namespace = '' }: { group: string; resource: string; namespace?: string },
  signal: AbortSignal,
): Promise<boolean> {
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb, group, resource, ...(namespace === '' ? {} : { namespace }) } },
  }
  const answer = (await client.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review, signal)) as {
    status?: { allowed?: unknown }
  }
  return answer.status?.allowed === true
}
