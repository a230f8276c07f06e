import { type KubeClient, KubeError } from '../kube/index.ts'

/** Which cluster answers: a name is bound to the uid of the kube-system namespace that it was first read with. */
export class ClusterIdentity {
  readonly #client: KubeClient
  #uid: string

  /** `uid` is what is known; empty when it was never read. */
  constructor(client: KubeClient, uid: string) {
    this.#client = client
    this.#uid = uid
  }

  get uid(): string {
    return this.#uid
  }

  /** Asks for the uid, and binds to it when none is known. Rejects with a KubeError, `replaced` when another cluster answers. */
  async verify(signal: AbortSignal): Promise<string> {
    const uid = await this.#client.identity(signal)
    if (this.#uid === '') this.#uid = uid
    if (uid === this.#uid) return uid
    throw new KubeError('replaced', `another cluster answers (its kube-system is ${uid}, ours was ${this.#uid})`)
  }
}
