import type { Controller, Launched } from '../../src/aap/index.ts'
import { type LaunchRequest, launchBody } from '../../src/aap/launch-request.ts'
import { type EventLog, LogError } from '../../src/log/index.ts'
import { appending } from '../support/appending.ts'
import { TOKEN } from './world.ts'

/** What is taken away from the dispatcher, to see that the model notices. */
export interface Spoiled {
  readonly expected?: boolean
  readonly quiet?: number
  readonly bypassSearch?: boolean
  /** A job that was not found is believed not to be there, whether or not it could be seen. */
  readonly bypassReadable?: boolean
  readonly bypassEcho?: boolean
  /** Who takes over takes an intent that may have been launched for one that was not. */
  readonly bypassIntents?: boolean
  /** A job's success is taken for that of each of its hosts. */
  readonly bypassResults?: boolean
}

/** What is around a bridge: who hears of each POST, and where its controller is. */
export interface Outside {
  readonly atPost: (hosts: readonly string[], mark: string) => void
  readonly url: () => string
  /** It knows of all jobs of others up to now. */
  readonly looked: () => void
}

/**
 * A bridge that can be killed at any await that leads out of it: before an append, after one that became durable, before a request to
 * the controller; what is under way then is done, and nobody hears of it. `left` counts them.
 *
 * It can fall asleep at any append or launch too, as a process that is paused does, and wake when somebody else has long taken over.
 */
export class MortalProcess {
  readonly #outside: Outside
  readonly #spoiled: Spoiled
  readonly #calls = new Set<Promise<unknown>>()
  readonly #appends = new Set<Promise<unknown>>()
  left = Infinity
  /** How many appends and launches are left before it falls asleep. */
  untilSleep = Infinity
  readonly #sleep = Promise.withResolvers<void>()
  readonly #waking = Promise.withResolvers<void>()
  #isFenced = false

  constructor(outside: Outside, spoiled: Spoiled) {
    this.#outside = outside
    this.#spoiled = spoiled
  }

  /** Resolves when it has fallen asleep. */
  get asleep(): Promise<void> {
    return this.#sleep.promise
  }

  /**
   * Somebody takes over, and reads the log only then: what it writes from now on is refused. What of it does not sleep goes on, as in a
   * process that was replaced and does not know. Resolves when what it was writing is durable: no engine lets anybody take over before.
   */
  async replace(): Promise<void> {
    this.#isFenced = true
    await Promise.allSettled(this.#appends)
  }

  /** It goes on where it was. */
  wake(): void {
    this.#waking.resolve()
  }

  async #mayFallAsleep(): Promise<void> {
    this.untilSleep -= 1
    if (this.untilSleep !== 0) return
    this.#sleep.resolve()
    await this.#waking.promise
  }

  /** One await less. False when it is dead by then. */
  asks(): boolean {
    this.left -= 1
    return this.left > 0
  }

  readonly logOf = (log: EventLog): EventLog => {
    const mortal = appending(log, async entries => {
      if (!this.asks()) throw new Error('the process is dead')
      await this.#mayFallAsleep()
      if (this.#isFenced) throw new LogError('fenced', 'somebody took over')
      const position = await this.#track(track(this.#appends, log.append(entries)))
      if (!this.asks()) throw new Error('the process is dead')
      await this.#mayFallAsleep()
      return position
    })
    return this.#spoiled.bypassIntents === true ? { ...mortal, latest: stream => unposted(log.latest(stream)) } : mortal
  }

  readonly controllerOf = (client: Controller): Controller => ({
    ...this.#tracked(client),
    launch: async (template, request, still) => {
      if (this.left <= 0) throw new Error('the process is dead')
      await this.#mayFallAsleep()
      if (!this.#isFenced || still?.() !== false) this.#outside.atPost(request.hosts, request.marker)
      // What lacks a look at the echo has all other looks.
      const isBlind = this.#spoiled.bypassEcho === true && still?.() !== false
      const launched = isBlind ? blindly(this.#outside.url(), client, template, request) : null
      return this.#track(launched ?? client.launch(template, request, still))
    },
    hostSummaries: async job => {
      const found = await this.#track(client.hostSummaries(job))
      if (this.#spoiled.bypassResults !== true) return found
      return found.map(summary => ({ ...summary, ok: 1, failures: 0, dark: 0, failed: false }))
    },
    jobsOn: async (inventories, after) => {
      const found = await this.#track(client.jobsOn(inventories, after))
      if (!this.#isFenced) this.#outside.looked()
      return found
    },
    confirmReadable: template =>
      this.#spoiled.bypassReadable === true ? Promise.resolve() : this.#track(client.confirmReadable(template)),
    recover: async (template, request) => {
      if (this.#spoiled.bypassSearch === true) return { kind: 'absent' }
      if (this.#spoiled.bypassEcho !== true) return this.#track(client.recover(template, request))
      const { original } = await client.findByMarker(request.marker)
      return original === null ? { kind: 'absent' } : { kind: 'launched', job: original }
    },
  })

  /** Resolves when nothing of it is under way any more. */
  async ended(): Promise<void> {
    do {
      await Promise.allSettled(this.#calls)
      await new Promise(resolve => setImmediate(resolve))
    } while (this.#calls.size > 0)
  }

  #tracked(client: Controller): Controller {
    return new Proxy(client, {
      get: (target, name, receiver) => {
        const method = Reflect.get(target, name, receiver) as (...args: readonly unknown[]) => unknown
        if (typeof method !== 'function') return method
        return (...args: readonly unknown[]) => this.#track(Promise.resolve(method.apply(target, args as unknown[])))
      },
    })
  }

  #track<T>(call: Promise<T>): Promise<T> {
    return track(this.#calls, call)
  }
}

/** The call, which is among those under way until it ends. */
function track<T>(underWay: Set<Promise<unknown>>, call: Promise<T>): Promise<T> {
  underWay.add(call)
  const done = (): void => void underWay.delete(call)
  call.then(done, done)
  return call
}

/** The log of a bridge that makes no difference between what it is about to launch and what it may have launched. */
async function* unposted(entries: ReturnType<EventLog['latest']>): ReturnType<EventLog['latest']> {
  for await (const entry of entries) {
    const { value } = entry
    const isPosted = typeof value === 'object' && value !== null && 'status' in value && value.status === 'posting'
    yield isPosted ? { ...entry, value: { ...value, status: 'planned', attempts: 0 } } : entry
  }
}

/** A launch that believes every 201. */
async function blindly(
  url: string,
  client: Controller,
  template: Parameters<Controller['launch']>[0],
  request: LaunchRequest,
): Promise<Launched> {
  try {
    const answer = await fetch(new URL(template.launchUrl, url), {
      method: 'POST',
      headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(launchBody(template, request)),
    })
    if (answer.status !== 201) return { kind: 'ambiguous', reason: `status ${answer.status}` }
    const { original } = await client.findByMarker(request.marker)
    return original === null ? { kind: 'ambiguous', reason: 'not seen' } : { kind: 'launched', job: original }
  } catch (error) {
    return { kind: 'ambiguous', reason: String(error) }
  }
}
