import { setTimeout as sleep } from 'node:timers/promises'
import { basename } from 'node:path'
import type { Admin } from 'kafkajs'
import type { KafkaServer } from '../servers/kafka.ts'
import { randomOf } from '../laws/chaos.ts'
import { startWriter, type Writer } from './lives.ts'
import type { Promised } from './load.ts'
import type { Api, Moment, Proxy } from './proxy.ts'
import { liesOf, longestGap, mostMemory, type Said } from './timeline.ts'
import type { Work } from './writer.ts'

/** Where a storm takes place: brokers of a replicated Kafka, and a proxy before them. */
export interface Place {
  readonly kafka: KafkaServer
  readonly proxy: Proxy
  readonly admin: Admin
  readonly folder: string
}

/** What a storm was, for its line, and what was not as it has to be, as sentences. */
export interface Weather {
  readonly faults: readonly string[]
  readonly acknowledged: number
  /** The longest time between two acknowledgements, in ms. */
  readonly longestMs: number
  /** The most that memory rose over its level before the first fault, in bytes, of any life of the writer. */
  readonly rose: number
  readonly wrong: readonly string[]
}

const TIMEOUT_MS = 1_000
/** Health may be late by a time-out, the second in which time-outs are looked for, and a busy machine. */
const PATIENCE_MS = 4_000
const RISE_BYTES = 64 * 1024 * 1024

/** Faults one after the other, each chosen by the seed, on a writer under load; it has to write again after each. */
export async function storm(
  place: Place,
  promised: readonly Promised[],
  seed: number,
  count: number,
): Promise<Weather> {
  const gale = new Gale(place, promised, randomOf(seed))
  await gale.begin()
  for (let fault = 0; fault < count; fault += 1) await gale.blow()
  return await gale.end()
}

class Gale {
  readonly #place: Place
  readonly #promised: readonly Promised[]
  readonly #random: () => number
  readonly #faults: string[] = []
  readonly #lives: (readonly Said[])[] = []
  #writer: Writer | null = null

  constructor(place: Place, promised: readonly Promised[], random: () => number) {
    this.#place = place
    this.#promised = promised
    this.#random = random
  }

  async begin(): Promise<void> {
    const { folder, kafka } = this.#place
    const work: Work = {
      folder,
      brokers: kafka.proxied.map(({ told }) => `127.0.0.1:${told}`),
      keys: this.#promised.map(({ key }) => key),
      window: 100,
      everyMs: 20,
      filler: 2_048,
      requestTimeoutMs: TIMEOUT_MS,
    }
    this.#writer = startWriter(work, this.#promised)
    this.#lives.push(this.#writer.said)
    await this.#writer.more(1_000)
  }

  /** One fault, then calm until it writes again. */
  async blow(): Promise<void> {
    const faults = [
      () => this.#killBroker(),
      () => this.#killBroker(),
      () => this.#killAtCommit(),
      () => this.#killAtCommit(),
      () => this.#killAll(),
      () => this.#hang(1),
      () => this.#hang(2),
      () => this.#moveLeaders(),
      () => this.#cut(),
      () => this.#cut(),
      () => this.#killWriter(),
      () => this.#pauseWriter(),
    ]
    this.#faults.push((await this.#pick(faults)()) ?? '')
    this.#place.proxy.calm()
    await this.#place.kafka.ready()
    await this.#need().more(60)
  }

  async end(): Promise<Weather> {
    const writer = this.#need()
    writer.process.kill('SIGKILL')
    await writer.ended
    const lies = this.#lives.flatMap(said => liesOf(said, PATIENCE_MS))
    const rose = Math.max(...this.#lives.map(riseOf))
    return {
      faults: this.#faults,
      acknowledged: this.#lives.flat().filter(({ line }) => line.startsWith('ok ')).length,
      longestMs: Math.max(...this.#lives.map(longestGap)),
      rose,
      wrong: [...lies, ...(rose > RISE_BYTES ? [`memory rose by ${Math.round(rose / 1e6)} MB`] : [])],
    }
  }

  async #killBroker(): Promise<string> {
    const node = this.#pick(this.#place.kafka.nodes)
    await node.signal('SIGKILL')
    await sleep(this.#random() * 3_000)
    node.start()
    return 'kill'
  }

  /** The coordinator, as it decides a commit, and then a cut at one of the next. */
  async #killAtCommit(): Promise<string> {
    const { proxy, kafka } = this.#place
    const node = kafka.nodes[await proxy.next('endTxn', this.#pick(['through', 'after']))]
    await node?.signal('SIGKILL')
    for (let more = Math.floor(this.#random() * 2); more > 0; more -= 1) void proxy.next('endTxn', 'through')
    const next = proxy.next('endTxn', 'before')
    await sleep(this.#random() * 500)
    node?.start()
    await next
    return 'kill at commit'
  }

  async #killAll(): Promise<string> {
    const { kafka } = this.#place
    for (const node of kafka.nodes) {
      await node.signal('SIGKILL')
      await sleep(this.#random() * 1_000)
      node.start()
      await kafka.ready()
    }
    return 'kill all in turn'
  }

  /** Longer than every time-out; with two of three there are too few replicas in sync. */
  async #hang(count: number): Promise<string> {
    const { nodes } = this.#place.kafka
    const first = Math.floor(this.#random() * nodes.length)
    const stopped = Array.from({ length: count }, (_, index) => nodes[(first + index) % nodes.length])
    for (const node of stopped) await node?.signal('SIGSTOP')
    await sleep(2_500 + this.#random() * 3_000)
    for (const node of stopped) await node?.signal('SIGCONT')
    return count === 1 ? 'hang' : 'two hang'
  }

  /** In the middle of a send. */
  async #moveLeaders(): Promise<string> {
    const { admin, folder, proxy } = this.#place
    const round = Math.floor(this.#random() * 6)
    const partitionAssignment = [0, 1, 2].map(partition => {
      const first = (partition + round) % 3
      return { partition, replicas: [0, 1, 2].map(step => ((first + (round < 3 ? step : -step) + 3) % 3) + 1) }
    })
    const topics = ['events.vm', 'state.fleet'].map(stream => `${basename(folder)}.${stream}`)
    await proxy.next('produce', 'through')
    await admin.alterPartitionReassignments({ topics: topics.map(topic => ({ topic, partitionAssignment })) })
    return 'move leaders'
  }

  async #cut(): Promise<string> {
    const { proxy } = this.#place
    const moment: Moment = this.#pick(['before', 'after', 'mute'])
    const api: Api = this.#pick(['produce', 'endTxn', 'addPartitions'])
    await proxy.next(api, moment)
    return `cut ${moment} ${api}`
  }

  async #killWriter(): Promise<string> {
    const writer = this.#need()
    writer.process.kill('SIGKILL')
    await writer.ended
    await this.begin()
    return 'kill writer'
  }

  async #pauseWriter(): Promise<string> {
    const { process } = this.#need()
    process.kill('SIGSTOP')
    await sleep(1_000 + this.#random() * 2_000)
    process.kill('SIGCONT')
    return 'pause writer'
  }

  #pick<T>(choices: readonly T[]): T {
    const chosen = choices[Math.floor(this.#random() * choices.length)]
    if (chosen === undefined) throw new Error('nothing to choose from')
    return chosen
  }

  #need(): Writer {
    if (this.#writer === null) throw new Error('it has not begun')
    return this.#writer
  }
}

/** How far memory rose over what a life had once a thousand appends were acknowledged. */
function riseOf(said: readonly Said[]): number {
  const warm = said.filter(({ line }) => line.startsWith('ok '))[999]?.at
  if (warm === undefined) return 0
  return mostMemory(said, warm).resident - mostMemory(said, 0, warm).resident
}
