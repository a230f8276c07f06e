import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../../src/errors.ts'
import { kubeBinaries } from './kube-binaries.ts'
import { withFreePorts } from './ports.ts'
import { ServerProcess } from './server-process.ts'

/** An etcd on the loopback, empty at first, gone with all it held when disposed. */
export interface Etcd extends AsyncDisposable {
  readonly url: string
  /** Forgets every revision but the newest, so that older resourceVersions and continue tokens are answered with 410. */
  compact(): Promise<void>
}

/** Starts an etcd; several API servers may share it, each with a prefix of its own. Ready in half a second, about 45 MB. */
export async function startEtcd(): Promise<Etcd> {
  const { etcd } = await kubeBinaries()
  return withFreePorts(2, async ([client, peer]) => {
    const folder = await mkdtemp(join(tmpdir(), 'virtbridge-etcd-'))
    const url = `http://127.0.0.1:${client}`
    const peerUrl = `http://127.0.0.1:${peer}`
    const args = [
      `--data-dir=${join(folder, 'data')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      // A test's data need not survive a power cut.
      '--unsafe-no-fsync',
      '--log-level=warn',
    ]
    const server = new ServerProcess({ program: etcd, args, folder, logFile: join(folder, 'etcd.log') })
    const stop = async (): Promise<void> => {
      await server[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    }
    try {
      await server.waitUntil(async () => (await answer(`${url}/health`))?.includes('true') ?? false, 'healthy')
    } catch (error) {
      await stop()
      throw error
    }
    return { url, compact: () => compact(url), [Symbol.asyncDispose]: stop }
  })
}

async function compact(url: string): Promise<void> {
  const range = (await call(`${url}/v3/kv/range`, { key: Buffer.from('\0').toString('base64') })) as {
    header: { revision: string }
  }
  await call(`${url}/v3/kv/compaction`, { revision: range.header.revision, physical: true })
}

async function call(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
  const text = await response.text()
  // Compacted already up to here: what was asked for holds.
  if (text.includes('has been compacted')) return {}
  if (!response.ok) throw new Fault('etcd_refused', `${url} answered ${response.status}: ${text}`)
  return JSON.parse(text)
}

async function answer(url: string): Promise<string | undefined> {
  return fetch(url)
    .then(response => response.text())
    .catch(() => undefined)
}
