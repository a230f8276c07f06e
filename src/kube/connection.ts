import { readFileSync } from 'node:fs'
import { type Cluster, KubeConfig, type User } from '@kubernetes/client-node'
import { Fault, messageOf } from '../errors.ts'

/** How to reach one API server: where, with which TLS, and as whom. */
export interface Connection {
  readonly url: string
  readonly tls: {
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    readonly servername?: string
    readonly rejectUnauthorized?: boolean
  }
  /** The headers that say who asks; `fresh` asks again where they come from (a rotated token). */
  authorize(fresh: boolean): Promise<Record<string, string>>
}

/** How long an answer of `authorize` is used: bound tokens are rotated well before they expire. */
const AUTHORIZATION_MS = 30_000

/**
 * The connection of one context of a kubeconfig file. Throws a Fault `kubeconfig` that names the file and what is wrong with it.
 *
 * A user with an `exec` or `auth-provider` section is refused unless `allowExec`: such a kubeconfig runs a program of its author's
 * choice, and kubeconfigs come out of Secrets that others may write.
 */
export function fromKubeconfig(options: { file: string; context: string; allowExec: boolean }): Connection {
  const config = new KubeConfig()
  const where = `kubeconfig ${options.file}`
  try {
    config.loadFromFile(options.file)
  } catch (error) {
    throw new Fault('kubeconfig', `${where} can not be read: ${messageOf(error)}`, {
      hint: 'check the path and that it is valid YAML',
    })
  }
  const name = options.context === '' ? config.getCurrentContext() : options.context
  const context = config.getContextObject(name)
  if (context === null) {
    const known = config.getContexts().map(entry => entry.name)
    throw new Fault('kubeconfig', `${where} has no context "${name}"`, {
      hint: `it has: ${known.join(', ') || 'none'}`,
    })
  }
  config.setCurrentContext(name)
  const cluster = config.getCurrentCluster()
  const user = config.getCurrentUser()
  if (cluster === null || user === null) {
    const missing = cluster === null ? `cluster "${context.cluster}"` : `user "${context.user}"`
    throw new Fault('kubeconfig', `${where}: context "${name}" names the ${missing}, which is not there`, {
      hint: 'add it, or mend the name',
    })
  }
  refuseExec(user, where, options.allowExec)
  return connect(config, cluster)
}

/** The connection of the service account of the pod this runs in. */
export function inCluster(): Connection {
  const config = new KubeConfig()
  config.loadFromCluster()
  const cluster = config.getCurrentCluster()
  if (cluster === null || cluster.server.includes('undefined')) {
    throw new Fault('in_cluster', 'in_cluster is set, but this process does not run in a pod', {
      hint: 'use kubeconfig and context instead',
    })
  }
  return connect(config, cluster)
}

/** A connection by a URL and a token, as behind a cluster-proxy. */
export function withToken(options: { url: string; ca: string; token: () => Promise<string> }): Connection {
  return {
    url: options.url.replace(/\/$/, ''),
    tls: options.ca === '' ? {} : { ca: options.ca },
    authorize: async () => ({ authorization: `Bearer ${(await options.token()).trim()}` }),
  }
}

function refuseExec(user: User, where: string, allowed: boolean): void {
  if (allowed || (user.exec === undefined && user.authProvider === undefined)) return
  throw new Fault(
    'kubeconfig_exec',
    `${where}: user "${user.name}" runs a program to log in (exec or auth-provider), which is refused`,
    {
      hint: 'use a token or a client certificate; for a kubeconfig that only you can write, set allow_exec: true on this cluster',
    },
  )
}

function connect(config: KubeConfig, cluster: Cluster): Connection {
  let known: { headers: Record<string, string>; at: number } | null = null
  return {
    url: cluster.server.replace(/\/$/, ''),
    tls: tlsOf(cluster, config.getCurrentUser()),
    async authorize(fresh) {
      if (!fresh && known !== null && performance.now() - known.at < AUTHORIZATION_MS) return known.headers
      const options: { headers: Record<string, string> } = { headers: {} }
      await config.applyToHTTPSOptions(options as Parameters<KubeConfig['applyToHTTPSOptions']>[0])
      known = { headers: lowerCased(options.headers), at: performance.now() }
      return known.headers
    },
  }
}

function tlsOf(cluster: Cluster, user: User | null): Connection['tls'] {
  const ca = fileOrData(cluster.caFile, cluster.caData)
  const cert = fileOrData(user?.certFile, user?.certData)
  const key = fileOrData(user?.keyFile, user?.keyData)
  return {
    ...(ca === '' ? {} : { ca }),
    ...(cert === '' ? {} : { cert }),
    ...(key === '' ? {} : { key }),
    ...(cluster.tlsServerName === undefined ? {} : { servername: cluster.tlsServerName }),
    ...(cluster.skipTLSVerify ? { rejectUnauthorized: false } : {}),
  }
}

function fileOrData(file: string | undefined, data: string | undefined): string {
  if (file !== undefined && file !== '') return readFileSync(file, 'utf8')
  return data === undefined ? '' : Buffer.from(data, 'base64').toString('utf8')
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
