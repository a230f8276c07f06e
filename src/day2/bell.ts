import type { FleetView } from '../fleet/index.ts'
import type { VmRecord } from '../vm/index.ts'

/** Rings when a VM has changed into one that something may start on: it need not wait for the next look at everything. */
export class Bell implements Disposable {
  readonly #unsubscribe: () => void
  #rung = Promise.withResolvers<void>()

  constructor(fleet: Pick<FleetView, 'subscribe'>, isNews: (record: VmRecord) => boolean) {
    this.#unsubscribe = fleet.subscribe(change => {
      if (change.kind === 'vm' && change.after !== null && isNews(change.after)) this.#rung.resolve()
    })
  }

  /** Resolves when it has rung since it was last silenced. */
  get rung(): Promise<void> {
    return this.#rung.promise
  }

  silence(): void {
    this.#rung = Promise.withResolvers<void>()
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }
}
