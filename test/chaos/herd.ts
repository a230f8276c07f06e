import type { KubeClient } from '../servers/kube-client.ts'
import { type Made, VirtController } from '../support/virt.ts'

/** Some VMs of one namespace of a real API server, to which things happen at random. The first of them always stays. */
export class Herd {
  readonly #virt: VirtController
  readonly #random: () => number
  readonly #names: readonly string[]
  readonly #alive = new Map<string, { made: Made; runs: boolean }>()
  readonly namespace: string

  private constructor(client: KubeClient, namespace: string, size: number, random: () => number) {
    this.#virt = new VirtController(client)
    this.#random = random
    this.namespace = namespace
    this.#names = Array.from({ length: size }, (_, n) => `vm-${n}`)
  }

  static async make(client: KubeClient, namespace: string, size: number, random: () => number): Promise<Herd> {
    const herd = new Herd(client, namespace, size, random)
    await herd.#virt.createNamespace(namespace)
    await herd.#create(herd.#names[0] ?? '')
    return herd
  }

  /** One thing happens to one of them. */
  async happen(): Promise<void> {
    const name = this.#names[Math.floor(this.#random() * this.#names.length)] ?? ''
    const vm = this.#alive.get(name)
    if (vm === undefined) return this.#create(name)
    const dice = this.#random()
    if (dice < 0.25 && name !== this.#names[0]) {
      if (vm.runs) await this.#virt.stop(vm.made)
      await this.#virt.delete(vm.made)
      this.#alive.delete(name)
      // Half of them come back at once, as another VM of the same name.
      if (dice < 0.12) await this.#create(name)
    } else if (dice < 0.5) await this.#virt.label(vm.made, { turn: String(Math.floor(this.#random() * 1_000)) })
    else if (vm.runs) {
      await this.#virt.stop(vm.made)
      vm.runs = false
    } else {
      await this.#virt.boot(vm.made, `node-${Math.floor(this.#random() * 3)}`)
      vm.runs = true
    }
  }

  /** So many changes, or a few more, are asked for at once. Of those that are not answered nobody knows whether they were made: the API server does. */
  async ask(changes: number): Promise<void> {
    const vms = [...this.#alive.values()]
    const all = Array.from({ length: Math.ceil(changes / vms.length) }, () => vms.map(({ made }) => made)).flat()
    await Promise.allSettled(all.map((vm, n) => this.#virt.label(vm, { asked: String(n) })))
  }

  async #create(name: string): Promise<void> {
    this.#alive.set(name, { made: await this.#virt.createVm(this.namespace, name), runs: false })
  }
}
