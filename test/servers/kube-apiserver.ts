import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { installCrds } from './crds.ts'
import { startEtcd, type Etcd } from './etcd.ts'
import { kubeBinaries } from './kube-binaries.ts'
import { KubeClient, type KubeObject } from './kube-client.ts'
import { kubeconfigOf } from './kubeconfig.ts'
import { withFreePorts } from './ports.ts'
import { ServerProcess } from './server-process.ts'
import { startUsers, type User, type Users } from './users.ts'

/** What an API server may be started with; nothing of it is needed. */
export interface KubeApiserverOptions {
  /** An etcd to share with others; without it the API server gets one of its own, and ends it. */
  readonly etcd?: Etcd
  /** What keeps this cluster apart from the others on a shared etcd; must be unique there. Random by default. */
  readonly etcdPrefix?: string
  /** Names of custom resource definitions to install (`virtualmachines.kubevirt.io`), or all of `test/fixtures/crds`. None by default. */
  readonly crds?: readonly string[] | 'all'
  /** `false`: every read goes to etcd, so that a compaction is felt at once. */
  readonly watchCache?: boolean
  /** How often the API server compacts etcd by itself, as a Go duration (`5m`); `0` never. */
  readonly etcdCompactionInterval?: string
  /** More flags, as kube-apiserver takes them. */
  readonly flags?: readonly string[]
}

/** A real kube-apiserver over TLS on the loopback, gone with all it held when disposed. There is no controller behind it. */
export interface KubeApiserver extends AsyncDisposable {
  readonly url: string
  /** PEM of what signed its certificate: trust this, never nobody. */
  readonly ca: string
  /** Token of a member of `system:masters`. */
  readonly adminToken: string
  /** Acts as the admin, as a user of the cluster would. */
  readonly client: KubeClient
  /** Id of the process, which is also that of its group. */
  readonly pid: () => number
  /** Its log, for somebody who wants to know why; gone with it. */
  readonly logFile: string
  /** A kubeconfig with one context that has all it needs inline. The bridge gets the token of `shippedToken`, never the admin's. */
  kubeconfig(context: string, token: string): string
  /** Lets a token in from now on, without a restart. Its rights come from RBAC objects, which are yours to create. */
  addUser(user: User): void
  /** Shuts a token of `addUser` out: 401 from at most 10 s on, for as long may the API server remember it. */
  removeUser(token: string): void
  /** A token of that service account (created, with its namespace, when missing), good for `seconds` (600 or more, default an hour). */
  createServiceAccountToken(namespace: string, name: string, seconds?: number): Promise<string>
  /** Forgets all but the newest revision in etcd. With `watchCache: false`, or after a restart, older resourceVersions get 410. */
  compact(): Promise<void>
  /** Signals the process: SIGKILL and SIGTERM resolve when it has ended, SIGSTOP and SIGCONT at once. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Starts it again after `kill`: same URL, same certificate, same data. */
  start(): Promise<void>
  /** `kill` (SIGTERM by default) and `start`. */
  restart(signal?: NodeJS.Signals): Promise<void>
}

/** Starts a kube-apiserver (built first when not in the cache) and returns when it answers and serves the definitions asked for. */
export async function startKubeApiserver(options: KubeApiserverOptions = {}): Promise<KubeApiserver> {
  await using stack = new AsyncDisposableStack()
  const { apiserver } = await kubeBinaries()
  const etcd = options.etcd ?? stack.use(await startEtcd())
  const users = stack.use(await startUsers())
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-kube-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const adminToken = await writeFiles(folder, users)

  const logFile = join(folder, 'kube-apiserver.log')
  const launch = (port: number): ServerProcess =>
    new ServerProcess({
      program: apiserver,
      args: argumentsOf(options, { folder, etcd, port }),
      folder,
      logFile,
    })
  const [port, first, client] = await withFreePorts(1, async ([port = 0]) => {
    const server = launch(port)
    try {
      return [port, server, await readyClient(server, { port, folder, token: adminToken })] as const
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
  })
  let server = first
  stack.defer(() => server[Symbol.asyncDispose]())
  stack.use(client)
  const ca = await readFile(join(folder, 'cert', 'apiserver.crt'), 'utf8')
  if (options.crds !== undefined) await installCrds(client, options.crds)

  const url = `https://127.0.0.1:${port}`
  const start = async (): Promise<void> => {
    await server[Symbol.asyncDispose]()
    server = launch(port)
    await server.waitUntil(() => isReady(client), 'ready')
  }
  const owned = stack.move()
  return {
    url,
    ca,
    adminToken,
    client,
    pid: () => server.pid,
    logFile,
    kubeconfig: (context, token) => stringify(kubeconfigOf([{ context, url, ca, token }])),
    addUser: user => users.add(user),
    removeUser: token => users.remove(token),
    createServiceAccountToken: (namespace, name, seconds) => serviceAccountToken(client, namespace, name, seconds),
    compact: () => etcd.compact(),
    kill: signal => server.signal(signal),
    start,
    async restart(signal = 'SIGTERM') {
      await server.signal(signal)
      await start()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function argumentsOf(options: KubeApiserverOptions, at: { folder: string; etcd: Etcd; port: number }): string[] {
  const key = join(at.folder, 'service-accounts.key')
  return [
    `--etcd-servers=${at.etcd.url}`,
    `--etcd-prefix=${options.etcdPrefix ?? `/${at.folder.split('-').at(-1)}`}`,
    `--secure-port=${at.port}`,
    '--bind-address=127.0.0.1',
    // Without these two it looks for an address of the machine's network, which need not have one.
    '--advertise-address=192.0.2.1',
    '--endpoint-reconciler-type=none',
    `--cert-dir=${join(at.folder, 'cert')}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    `--token-auth-file=${join(at.folder, 'tokens.csv')}`,
    `--authentication-token-webhook-config-file=${join(at.folder, 'users.yaml')}`,
    '--authentication-token-webhook-version=v1',
    '--authentication-token-webhook-cache-ttl=1s',
    '--authorization-mode=RBAC',
    '--allow-privileged=true',
    // Nobody makes the default service account of a namespace here, which that plugin would wait for.
    '--disable-admission-plugins=ServiceAccount',
    '--profiling=false',
    ...(options.watchCache === undefined ? [] : [`--watch-cache=${options.watchCache}`]),
    ...(options.etcdCompactionInterval === undefined
      ? []
      : [`--etcd-compaction-interval=${options.etcdCompactionInterval}`]),
    ...(options.flags ?? []),
  ]
}

/** Writes what the API server reads at its start, for nobody else to read, and returns the admin's token. */
async function writeFiles(folder: string, users: Users): Promise<string> {
  const adminToken = randomBytes(24).toString('hex')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const webhook = kubeconfigOf([{ context: 'users', url: users.webhookUrl }])
  const mode = 0o600
  await mkdir(join(folder, 'cert'))
  await writeFile(join(folder, 'service-accounts.key'), privateKey.export({ type: 'sec1', format: 'pem' }), { mode })
  await writeFile(join(folder, 'tokens.csv'), `${adminToken},admin,admin,"system:masters"\n`, { mode })
  await writeFile(join(folder, 'users.yaml'), stringify(webhook), { mode })
  return adminToken
}

async function readyClient(
  server: ServerProcess,
  at: { port: number; folder: string; token: string },
): Promise<KubeClient> {
  const certificate = join(at.folder, 'cert', 'apiserver.crt')
  let client: KubeClient | undefined
  const ready = async (): Promise<boolean> => {
    const ca = await readFile(certificate, 'utf8').catch(() => '')
    if (!ca.includes('END CERTIFICATE')) return false
    client ??= new KubeClient({ url: `https://127.0.0.1:${at.port}`, ca, token: at.token })
    return isReady(client)
  }
  await server.waitUntil(ready, 'ready')
  if (client === undefined) throw new Error('ready without a client')
  return client
}

/** Ready, and the namespace whose uid is the cluster's identity is there: the API server makes it a moment after it is ready. */
async function isReady(client: KubeClient): Promise<boolean> {
  try {
    if ((await client.request('GET', '/readyz')).status !== 200) return false
    return (await client.request('GET', '/api/v1/namespaces/kube-system')).status === 200
  } catch {
    return false
  }
}

async function serviceAccountToken(
  client: KubeClient,
  namespace: string,
  name: string,
  seconds = 3600,
): Promise<string> {
  await client.apply(`/api/v1/namespaces/${namespace}`, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  })
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`
  await client.apply(path, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } })
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: seconds } }
  const answer = await client.create<KubeObject & { status: { token: string } }>(`${path}/token`, request)
  return answer.status.token
}
