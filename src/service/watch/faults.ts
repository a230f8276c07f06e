import { Fault } from '../../errors.ts'
import type { Check } from '../../http/index.ts'
import type { Logger } from '../../telemetry/index.ts'

/** The clusters and hubs that could not be started, as by a broken kubeconfig, and why. The others are watched all the same. */
export class Faults {
  readonly #logger: Logger
  readonly #known = new Map<string, Fault>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  tell(name: string, fault: Fault): void {
    this.#known.set(name, fault)
    this.#logger.error({ cluster: name, hint: fault.hint }, fault.message)
  }

  forget(name: string): void {
    this.#known.delete(name)
  }

  /** Starts something, and tells of the cluster or hub when that ends with a Fault. Rejects with anything else. */
  async try(name: string, start: () => Promise<void>): Promise<void> {
    try {
      await start()
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.tell(name, error)
    }
  }

  /** For `/readyz`: a check for each of them. */
  checks(): readonly Check[] {
    return [...this.#known].map(([name, { message, hint }]) => {
      return { name: `cluster ${name} (configuration)`, ok: false, reason: message, hint }
    })
  }
}
