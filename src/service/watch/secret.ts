import type { HubConfig } from '../../config/index.ts'
import { type Connection, type KubeClient, KubeError, secretPath } from '../../kube/index.ts'

/** A hub, and how it is asked. */
export interface HubAccess {
  readonly hub: HubConfig
  readonly connection: Connection
  readonly client: KubeClient
  readonly signal: AbortSignal
}

/** A Secret of a hub that is read when it is needed. */
export interface Secret {
  /** For people. */
  readonly what: string
  /** One of its keys, as text: as it was when it was last read, or `fresh`. Rejects with a KubeError that repeats nothing of it. */
  read(key: string, fresh: boolean): Promise<string>
}

/** A Secret by its name. `hint` says what makes it. One read serves all that ask at the same time. */
export function secretOf(
  { hub, client, signal }: Pick<HubAccess, 'hub' | 'client' | 'signal'>,
  { namespace, name }: { namespace: string; name: string },
  hint: string,
): Secret {
  const what = `the Secret ${namespace}/${name} of ${hub.name}`
  let known: Readonly<Record<string, unknown>> | null = null
  let reading: Promise<Readonly<Record<string, unknown>>> | null = null
  const load = async (): Promise<Readonly<Record<string, unknown>>> => {
    try {
      const { data } = (await client.get(secretPath(namespace, name), signal)) as { data?: Record<string, unknown> }
      known = data ?? {}
      return known
    } catch (error) {
      throw error instanceof KubeError ? refusal(error, what, hint) : error
    } finally {
      reading = null
    }
  }
  return {
    what,
    async read(key, fresh) {
      const data = !fresh && known !== null ? known : await (reading ??= load())
      const value = data[key]
      if (typeof value === 'string' && value !== '') return Buffer.from(value, 'base64').toString('utf8')
      throw new KubeError('unauthorized', `${what} has no ${key}`, { hint })
    },
  }
}

/** What keeps a Secret from being read says nothing about the cluster, but who it is read for can not log in. */
function refusal(error: KubeError, what: string, hint: string): KubeError {
  if (error.kind === 'absent') return new KubeError('unauthorized', `${what} is not there`, { hint, cause: error })
  if (error.kind === 'forbidden') {
    const mend =
      'bind the role of deploy/kubernetes/hub-secrets-rbac on the hub to this user; it names the Secrets that may be read'
    return new KubeError('unauthorized', `${what} may not be read`, { hint: mend, cause: error })
  }
  return new KubeError(error.kind, `${what} can not be read: ${error.message}`, { hint: error.hint, cause: error })
}
