import { type KubeClient, KubeError, PATHS } from '../kube/index.ts'
import { dict, list, text } from '../vm/raw.ts'

/** Why a cluster tells no base domain, and what to do about it, for people. */
export interface BaseDomainTrouble {
  readonly kind: 'absent' | 'forbidden' | 'invalid'
  readonly reason: string
  readonly hint: string
}

/** What a cluster is known to have after an answer: its base domain, empty for none; and what is wrong with the answer, if anything is. */
export interface BaseDomainNews {
  readonly domain: string
  readonly trouble: BaseDomainTrouble | null
}

/** What decides whether the base domain of a cluster is read, and who is told that it has none. */
export interface BaseDomainOptions {
  /** A view shows hosts by it, now. */
  readonly wanted: () => boolean
  /** Called once for each trouble, and again when it comes back after it was over. */
  readonly warn: (trouble: BaseDomainTrouble) => void
}

/** The last label begins with a letter: an address is none. */
const DNS_NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/i
const WRITE_IT = 'or write base_domain into the views of this cluster'
const TROUBLES: Readonly<Record<BaseDomainTrouble['kind'], Omit<BaseDomainTrouble, 'kind'>>> = {
  absent: {
    reason: 'it has no dnses.config.openshift.io "cluster" that says one: only OpenShift has',
    hint: `nothing, when its names are without one; ${WRITE_IT}`,
  },
  forbidden: {
    reason: 'it may not be read: the right to get dnses.config.openshift.io "cluster" is missing',
    hint: `apply the ClusterRole of deploy/kubernetes again, which has it, ${WRITE_IT}`,
  },
  invalid: {
    reason: 'spec.baseDomain of its dnses.config.openshift.io "cluster" is no DNS name',
    hint: `mend it there, ${WRITE_IT}`,
  },
}

/**
 * What is known of the base domain after an answer: the object that says it, or the error for which there is none; null when nothing
 * follows from it. Pure.
 *
 * | its baseDomain, or the error | known before | base domain | told    |
 * |------------------------------|--------------|-------------|---------|
 * | a DNS name                   | any          | that        | -       |
 * | none, or an empty one        | any          | none        | absent  |
 * | another text                 | any          | none        | invalid |
 * | absent, forbidden            | a DNS name   | as before   | that    |
 * | absent, forbidden            | none, or not | none        | that    |
 * | any other error              | any          | -           | -       |
 *
 * A right that is taken away, or an API server that does not serve all its kinds yet, renames no host.
 */
export function baseDomainAfter(answer: unknown, known: string | undefined): BaseDomainNews | null {
  if (answer instanceof KubeError) {
    const { kind } = answer
    return kind === 'absent' || kind === 'forbidden' ? { domain: known ?? '', trouble: troubleOf(kind) } : null
  }
  const domain = text(dict(dict(answer)['spec'])['baseDomain'])
  if (DNS_NAME.test(domain)) return { domain, trouble: null }
  return { domain: '', trouble: troubleOf(domain === '' ? 'absent' : 'invalid') }
}

function troubleOf(kind: BaseDomainTrouble['kind']): BaseDomainTrouble {
  return { kind, ...TROUBLES[kind] }
}

/** Asks a cluster for the object that says its base domain. Gives that, or the KubeError for which there is none. */
export async function askBaseDomain(client: KubeClient, signal: AbortSignal): Promise<unknown> {
  try {
    return await client.get(PATHS.clusterdns, signal)
  } catch (error) {
    if (!(error instanceof KubeError)) throw error
    if (error.kind !== 'forbidden') return error
    // Who has not the right is refused also where there is no such kind, and needs no right there.
    const groups = await client.get('/apis', signal).catch(() => null)
    return lacksKind(groups) ? new KubeError('absent', error.message) : error
  }
}

function lacksKind(answer: unknown): boolean {
  const { kind, groups } = dict(answer)
  return kind === 'APIGroupList' && !list(groups).some(group => dict(group)['name'] === 'config.openshift.io')
}

/** The base domain of one cluster: asked for where a view wants it, and remembered. */
export class BaseDomain {
  readonly #client: KubeClient
  readonly #options: BaseDomainOptions
  #domain: string | undefined
  #trouble: BaseDomainTrouble | null = null
  #asking = false

  /** `known`: what is on record of it. */
  constructor(client: KubeClient, known: string | undefined, options: BaseDomainOptions = NOBODY) {
    this.#client = client
    this.#domain = known
    this.#options = options
  }

  /** Empty for none; undefined while it is not known. */
  get domain(): string | undefined {
    return this.#domain
  }

  /** Why it can not be read; empty when it can, or nobody wants it. */
  get trouble(): BaseDomainTrouble['kind'] | '' {
    return this.#trouble?.kind ?? ''
  }

  /** Asks, unless nobody wants it or an answer is on its way. `verify` rejects when another cluster answers. Never rejects. */
  async look(verify: (signal: AbortSignal) => Promise<unknown>, signal: AbortSignal): Promise<void> {
    if (this.#asking) return
    if (!this.#options.wanted()) {
      this.#trouble = null
      return
    }
    this.#asking = true
    try {
      const answer = await askBaseDomain(this.#client, signal)
      await verify(signal)
      this.#take(baseDomainAfter(answer, this.#domain))
    } catch {
      // What is known stays: who answers may be another cluster, and it is asked again.
    } finally {
      this.#asking = false
    }
  }

  #take(news: BaseDomainNews | null): void {
    if (news === null) return
    const { domain, trouble } = news
    const isNews = trouble !== null && trouble.kind !== this.#trouble?.kind
    this.#domain = domain
    this.#trouble = trouble
    if (isNews) this.#options.warn(trouble)
  }
}

const NOBODY: BaseDomainOptions = { wanted: () => false, warn: () => undefined }
