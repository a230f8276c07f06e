import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { KubeApiserver } from '../servers/kube-apiserver.ts'
import type { KubeObject } from '../servers/kube-client.ts'

const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy', 'kubernetes')
const RBAC = '/apis/rbac.authorization.k8s.io/v1'
/** Kinds that say who may what, and where they are. */
const PATHS = new Map([
  ['ClusterRole', `${RBAC}/clusterroles`],
  ['ClusterRoleBinding', `${RBAC}/clusterrolebindings`],
])

/** The objects of some folders of `deploy/kubernetes`, as they are shipped. */
export async function shipped(...folders: readonly string[]): Promise<readonly KubeObject[]> {
  const objects: KubeObject[] = []
  for (const folder of folders)
    for (const file of await readdir(join(DEPLOY, folder)))
      for (const document of parseAllDocuments(await readFile(join(DEPLOY, folder, file), 'utf8')))
        objects.push(document.toJS() as KubeObject)
  return objects
}

/**
 * The token of a service account on a real API server that may do what the roles in these folders of `deploy/kubernetes` say, and nothing
 * else: `virtbridge/virtbridge`, for the bridge in a test, unless another is named. No test is cluster-admin.
 */
export async function shippedToken(
  api: KubeApiserver,
  folders: readonly string[] = ['base'],
  account: { readonly namespace: string; readonly name: string } = { namespace: 'virtbridge', name: 'virtbridge' },
): Promise<string> {
  for (const object of await shipped(...folders)) {
    const path = PATHS.get(object.kind)
    if (path !== undefined) await api.client.apply(`${path}/${object.metadata.name}`, object)
  }
  return api.createServiceAccountToken(account.namespace, account.name)
}
