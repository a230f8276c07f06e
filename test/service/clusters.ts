import { stringify } from 'yaml'
import { startWorld, TOKEN, type World } from '../kube/world.ts'
import { fileIn } from '../support/bridge.ts'

/** Simulated clusters, and a kubeconfig with a context for each. */
export interface Clusters extends AsyncDisposable {
  readonly worlds: Readonly<Record<string, World>>
  /** What a configuration says of them. */
  readonly config: readonly { readonly name: string; readonly kubeconfig: string; readonly context: string }[]
}

/** Starts a simulated cluster for each name, each with a VM `web-1` that runs. `folder` gets the file `kubeconfig`. */
export async function startClusters(folder: string, ...names: readonly string[]): Promise<Clusters> {
  await using stack = new AsyncDisposableStack()
  const worlds: Record<string, World> = {}
  for (const name of names) {
    const world = stack.use(await startWorld({}, { seed: name }))
    world.addVm('web-1')
    world.boot('web-1')
    worlds[name] = world
  }
  await fileIn(
    folder,
    'kubeconfig',
    kubeconfig(Object.entries(worlds).map(([name, world]) => ({ name, url: world.server.url }))),
  )
  const owned = stack.move()
  return {
    worlds,
    config: names.map(name => ({ name, kubeconfig: 'kubeconfig', context: name })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A kubeconfig with a context for each cluster, plain HTTP allowed. */
export function kubeconfig(
  clusters: readonly { readonly name: string; readonly url: string; readonly token?: string }[],
): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: clusters.map(({ name, url }) => ({
      name,
      cluster: { server: url, 'insecure-skip-tls-verify': url.startsWith('http:') },
    })),
    users: clusters.map(({ name, token = TOKEN }) => ({ name, user: { token } })),
    contexts: clusters.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    'current-context': clusters[0]?.name ?? '',
  })
}
