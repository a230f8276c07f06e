import { once } from 'node:events'
import { Fault } from '../../errors.ts'
import { seedAccess } from './auth.ts'
import { settable, systemClock } from './clock.ts'
import { fileDurable, forgetful } from './durable.ts'
import { createFaults } from './faults.ts'
import { mischief } from './mischief.ts'
import { createPost } from './notification.ts'
import { fetchDocument } from './origin.ts'
import { awaitingFetch, step } from './scheduler.ts'
import { seed } from './seed.ts'
import { createControllerServer } from './server.ts'
import { REAL_TIMING } from './timing.ts'
import type { AddressInfo } from 'node:net'
import type { TokenSetting, UserSetting } from './auth.ts'
import type { Clock } from './clock.ts'
import type { Faults } from './faults.ts'
import type { Mischief } from './mischief.ts'
import type { ControllerObjects } from './authored.ts'
import type { Fetched, Origin } from './origin.ts'
import type { OutcomeOf } from './outcome.ts'
import type { World } from './scheduler.ts'
import type { Timing } from './timing.ts'
import type { Store } from './store.ts'

/** Something that happened, in words for a person and in fields for a program. `kind` says which fields there are. */
export type FeedEntry = { at: string; kind: string; text: string; [detail: string]: unknown }

export type ControllerOptions = {
  objects: ControllerObjects
  /** Token value → user, scope, expiry. */
  tokens: { readonly [value: string]: TokenSetting }
  /** Rights of users, in place of those that the objects give; a user that neither describes is a superuser. */
  users?: { readonly [name: string]: UserSetting }
  /** Inventory source name → where its document comes from. */
  origins?: { readonly [source: string]: Origin }
  /** `controller` serves under `/api/controller/v2/` as behind an AAP gateway; the default `/api/v2/` is AWX and AAP up to 2.4. */
  prefix?: 'controller' | ''
  /** How a job goes on a host; ok by default. */
  outcome?: OutcomeOf
  timing?: Partial<Timing>
  clock?: Clock
  /** Keeps the state in this folder: a controller that was killed goes on where the clock is by then. Without it all is forgotten. */
  dir?: string
  /** 0 (any) by default, on 127.0.0.1. */
  port?: number
  onFeed?: (entry: FeedEntry) => void
}

export type SimulatedController = AsyncDisposable &
  Mischief & {
    /** `http://127.0.0.1:PORT`, without a path. */
    readonly url: string
    readonly port: number
    /** `/api/v2/` or `/api/controller/v2/`. */
    readonly base: string
    /** For tests to look into, not to write. */
    readonly store: Store
    readonly faults: Faults
    setOrigin(source: string, origin: Origin): void
    setOutcome(outcome: OutcomeOf): void
    /** Says what `{{ name }}` in an address or a header of a notification template stands for; until then it goes nowhere. */
    setVariable(name: string, value: string): void
  }

/**
 * Starts an automation controller that behaves as recorded (see test/fixtures/awx), on a real socket.
 *
 * Throws a `Fault` when the port is taken or the state in `dir` can not be read. Disposing closes the socket; a controller with `dir`
 * may as well be killed.
 */
export async function startSimulatedController(options: ControllerOptions): Promise<SimulatedController> {
  const clock = settable(options.clock ?? systemClock())
  const durable = options.dir === undefined ? forgetful() : fileDurable(options.dir)
  const store = durable.load()
  seed(store, options.objects, clock.now())
  seedAccess(store, options.tokens, { ...usersOf(options.objects), ...options.users }, clock.now())

  const faults = createFaults()
  const origins = new Map(Object.entries(options.origins ?? {}))
  const base = options.prefix === 'controller' ? '/api/controller/v2/' : '/api/v2/'
  const tell: World['tell'] = entry => options.onFeed?.({ at: new Date(clock.now()).toISOString(), ...entry })
  const variables = new Map<string, string>()
  const { templates, notifications = [] } = options.objects
  const hold = (io: Promise<unknown>): void => clock.hold(io)
  const world: World = {
    store,
    tell,
    notify: createPost({ store, faults, templates, notifications, variables, tell, hold }),
    timing: { ...REAL_TIMING, ...options.timing },
    outcomeOf: options.outcome ?? ((): 'ok' => 'ok'),
    fetched: new Map(),
  }
  const runner = createRunner(world, { clock, origins, save: () => durable.save(store) })
  const server = createControllerServer({ store, clock, faults, base, tell: world.tell, committed: runner.wake })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening').catch((error: unknown) => {
    throw new Fault('controller_port', `the simulated controller can not listen on port ${options.port ?? 0}`, {
      hint: 'Give it another port, or 0 for any free one.',
      cause: error,
    })
  })
  const { port } = server.address() as AddressInfo
  runner.wake()

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    base,
    store,
    faults,
    ...mischief({ store, clock, faults, tell }, runner.wake),
    setOrigin: (source, origin) => void origins.set(source, origin),
    setVariable: (name, value) => void variables.set(name, value),
    setOutcome: outcome => void (world.outcomeOf = outcome),
    async [Symbol.asyncDispose]() {
      runner.stop()
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

/** The users that the objects give roles to. */
function usersOf({ roles = [] }: ControllerObjects): { [name: string]: UserSetting } {
  return Object.fromEntries([...Map.groupBy(roles, ({ user }) => user)].map(([name, held]) => [name, { roles: held }]))
}

type Runner = { wake: () => void; stop: () => void }

/** Moves the world on: now, and again whenever something falls due or a source has answered. */
function createRunner(world: World, parts: { clock: Clock; origins: Map<string, Origin>; save: () => void }): Runner {
  const { clock, origins, save } = parts
  const inFlight = new Set<number>()
  const stopped = new AbortController()
  let takeBack: () => void = () => undefined

  async function fetchFor(id: number, source: string): Promise<void> {
    const fetched: Fetched = await fetchDocument(origins.get(source), stopped.signal)
    inFlight.delete(id)
    if (stopped.signal.aborted) return
    world.fetched.set(id, { ...fetched, at: clock.now() })
    wake()
  }

  function wake(): void {
    if (stopped.signal.aborted) return
    takeBack()
    const next = step(world, clock.now())
    save()
    for (const update of awaitingFetch(world)) {
      if (inFlight.has(update.id)) continue
      inFlight.add(update.id)
      clock.hold(fetchFor(update.id, world.store.sources.must(update.inventory_source).name))
    }
    if (next !== undefined) takeBack = clock.after(Math.max(0, next - clock.now()), wake)
  }

  return {
    wake,
    stop() {
      stopped.abort()
      takeBack()
    },
  }
}
