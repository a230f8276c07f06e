import { readFileSync } from 'node:fs'
import { type Cluster, KubeConfig, type User } from '@kubernetes/client-node'
import { parse } from 'yaml'
import { Fault, messageOf } from '../errors.ts'
import type { Connection, Tls } from './connection.ts'
import { KubeError } from './error.ts'

/** How long an answer of `authorize` is used: bound tokens are rotated well before they expire. */
const AUTHORIZATION_MS = 30_000

/**
 * The connection of one context of a kubeconfig file. Throws a Fault `kubeconfig` that names the file and what is wrong with it.
 *
 * A user with an `exec` or `auth-provider` section is refused unless `allowExec`: such a kubeconfig runs a program of its author's
 * choice, and kubeconfigs come out of Secrets that others may write.
 */
export function fromKubeconfig(options: KubeconfigOptions): Connection {
  const load = (): Loaded =>
    loadKubeconfig({
      ...options,
      where: `kubeconfig ${options.file}`,
      into: config => config.loadFromFile(options.file),
    })
  return connect(load, load())
}

/**
 * The connection of the current context of a kubeconfig that `read` gives, a Secret's perhaps: read when it is first needed, and again
 * when it no longer does. Whoever may write it must not choose what runs or is read on this machine: programs and files are refused.
 */
export function fromKubeconfigText(where: string, read: () => Promise<string>): Connection {
  const load = async (): Promise<Loaded> => {
    const text = await read()
    try {
      refuseFiles(text, where)
      return loadKubeconfig({ where, context: '', allowExec: false, into: config => config.loadFromString(text) })
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      throw new KubeError('unauthorized', error.message, { hint: error.hint, cause: error })
    }
  }
  return connect(load, null)
}

/** Keys of a kubeconfig that name a file of the machine it is read on. */
const FILE_KEYS = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile', 'token-file']

function refuseFiles(text: string, where: string): void {
  const found = new Set<string>()
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      if (FILE_KEYS.includes(key)) found.add(key)
      look(inner)
    }
  }
  look(parsed(text, where))
  if (found.size === 0) return
  throw new Fault('kubeconfig', `${where} names files of this machine (${[...found].join(', ')}), which is refused`, {
    hint: 'put what is in them inline: certificate-authority-data, client-certificate-data, client-key-data, token',
  })
}

function parsed(text: string, where: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 })
  } catch {
    // Even the first line of what the parser says may quote a part of it.
    throw new Fault('kubeconfig', `${where} can not be read: it is no valid YAML`, {
      hint: 'write a kubeconfig into it',
    })
  }
}

interface KubeconfigOptions {
  readonly file: string
  readonly context: string
  readonly allowExec: boolean
}

interface LoadOptions {
  readonly where: string
  readonly context: string
  readonly allowExec: boolean
  readonly into: (config: KubeConfig) => void
}

function loadKubeconfig({ where, into, ...options }: LoadOptions): Loaded {
  const config = new KubeConfig()
  try {
    into(config)
  } catch (error) {
    throw new Fault('kubeconfig', `${where} can not be read: ${firstLine(error)}`, {
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
  refuseServer(cluster, where)
  return { config, cluster, where }
}

/** What a parser says after its first line quotes the file, which has secrets in it. */
function firstLine(error: unknown): string {
  return messageOf(error).split('\n', 1)[0] ?? ''
}

/** The connection of the service account of the pod this runs in. `root` is where its files lie, for tests. */
export function inCluster(root = ''): Connection {
  const load = (): Loaded => {
    const config = new KubeConfig()
    config.loadFromCluster(root)
    const cluster = config.getCurrentCluster()
    if (cluster === null || cluster.server.includes('undefined')) {
      throw new Fault('in_cluster', 'in_cluster is set, but this process does not run in a pod', {
        hint: 'use kubeconfig and context instead',
      })
    }
    return { config, cluster, where: 'the service account of this pod' }
  }
  return connect(load, load())
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

function refuseServer(cluster: Cluster, where: string): void {
  const { protocol = '' } = URL.parse(cluster.server) ?? {}
  if (protocol === 'https:' || (protocol === 'http:' && cluster.skipTLSVerify)) return
  throw protocol === 'http:'
    ? new Fault('kubeconfig', `${where}: ${cluster.server} is plain http, on which everybody can read the token`, {
        hint: 'use https; where that is meant, set insecure-skip-tls-verify: true on this cluster',
      })
    : new Fault('kubeconfig', `${where}: the server "${cluster.server}" is no URL`, {
        hint: 'it begins with https:// and names a host',
      })
}

interface Loaded {
  readonly config: KubeConfig
  readonly cluster: Cluster
  readonly where: string
}

/** Reads all of it anew from where it came when it was refused: tokens and certificates are rotated in the file. */
function connect(load: () => Loaded | Promise<Loaded>, first: Loaded | null): Connection {
  let loaded = first
  let tls: Tls = first === null ? {} : tlsOf(first)
  let known: { headers: Record<string, string>; at: number } | null = null
  const reload = async (): Promise<Loaded> => {
    loaded = await load()
    const next = tlsOf(loaded)
    if (JSON.stringify(next) !== JSON.stringify(tls)) tls = next
    return loaded
  }
  return {
    get url() {
      return loaded?.cluster.server.replace(/\/$/, '') ?? ''
    },
    get tls() {
      return tls
    },
    async authorize(fresh) {
      if (!fresh && known !== null && performance.now() - known.at < AUTHORIZATION_MS) return known.headers
      const { config } = fresh || loaded === null ? await readable(reload) : loaded
      const options: { headers: Record<string, string> } = { headers: {} }
      await config.applyToHTTPSOptions(options as Parameters<KubeConfig['applyToHTTPSOptions']>[0])
      known = { headers: lowerCased(options.headers), at: performance.now() }
      return known.headers
    },
  }
}

async function readable(reload: () => Promise<Loaded>): Promise<Loaded> {
  try {
    return await reload()
  } catch (error) {
    if (error instanceof KubeError) throw error
    throw new KubeError('unauthorized', `the credentials can not be read anew: ${messageOf(error)}`, { cause: error })
  }
}

function tlsOf({ config, cluster, where }: Loaded): Tls {
  const user = config.getCurrentUser()
  const ca = fileOrData(cluster.caFile, cluster.caData, where)
  const cert = fileOrData(user?.certFile, user?.certData, where)
  const key = fileOrData(user?.keyFile, user?.keyData, where)
  return {
    ...(ca === '' ? {} : { ca }),
    ...(cert === '' ? {} : { cert }),
    ...(key === '' ? {} : { key }),
    ...(cluster.tlsServerName === undefined ? {} : { servername: cluster.tlsServerName }),
    ...(cluster.skipTLSVerify ? { rejectUnauthorized: false } : {}),
  }
}

function fileOrData(file: string | undefined, data: string | undefined, where: string): string {
  if (file === undefined || file === '') return data === undefined ? '' : Buffer.from(data, 'base64').toString('utf8')
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Fault('kubeconfig', `${where} names a file that can not be read: ${messageOf(error)}`, {
      hint: 'check the path; it is relative to the kubeconfig',
    })
  }
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
