import { cancel } from './cancel.ts'
import { course, type Course } from './course.ts'
import { discover, type Discovery } from './discovery.ts'
import { failureReasons, type FailureReason } from './failure-reason.ts'
import { hosts, type ControllerHost } from './host.ts'
import {
  findInventory,
  findInventorySource,
  inventorySources,
  type Inventory,
  type InventorySource,
} from './inventory.ts'
import { findByMarker, job, jobs, type Followed, type JobRef, type Marked } from './job.ts'
import { jobsOn, type JobsOn } from './jobs-on.ts'
import { launch, type Launched } from './launch.ts'
import type { LaunchRequest } from './launch-request.ts'
import { recover, type Recovered } from './recover.ts'
import { openSession, type ControllerOptions } from './session.ts'
import { hostSummaries, type HostSummary } from './summary.ts'
import { confirmReadable, findTemplate, type Template } from './template.ts'
import { tokenExpiry, type TokenExpiry } from './token-expiry.ts'
import { update, updateSource, type Update, type UpdateRef } from './update.ts'

/**
 * One automation controller. Every method makes its own requests and keeps nothing but the base path; all but `launch` throw
 * `ControllerError`, whose `kind` says what to do. Closing it ends what is under way.
 */
export interface Controller extends AsyncDisposable {
  discover(): Promise<Discovery>
  tokenExpiry(): Promise<TokenExpiry>
  findTemplate(name: string, organization: string): Promise<Template>
  findInventory(name: string, organization: string): Promise<Inventory>
  findInventorySource(name: string, inventory: Pick<Inventory, 'id'>): Promise<InventorySource>
  inventorySources(inventory: Pick<Inventory, 'id'>): Promise<InventorySource[]>
  hosts(inventory: Inventory): Promise<Map<string, ControllerHost>>
  updateSource(source: InventorySource): Promise<UpdateRef>
  update(ref: UpdateRef): Promise<Update>
  /** `still`: asked right before the first byte is written; when it says no, nothing is sent. */
  launch(template: Template, request: LaunchRequest, still?: () => boolean): Promise<Launched>
  recover(template: Pick<Template, 'id'>, request: LaunchRequest): Promise<Recovered>
  confirmReadable(template: Pick<Template, 'id'>): Promise<void>
  findByMarker(marker: string): Promise<Marked>
  jobs(ids: readonly number[]): Promise<Map<number, Followed>>
  job(ref: Pick<JobRef, 'url'>): Promise<Followed>
  jobsOn(inventories: readonly Pick<Inventory, 'id'>[], after: number | null): Promise<JobsOn>
  hostSummaries(ref: Pick<JobRef, 'url'>): Promise<HostSummary[]>
  failureReasons(ref: Pick<JobRef, 'url'>): Promise<Map<string, FailureReason>>
  course(ref: Pick<JobRef, 'url'>, after: number): Promise<Course>
  cancel(ref: Pick<JobRef, 'url'>): Promise<'cancelled' | 'not_cancellable'>
}

/** Throws `ControllerError` when the options are unusable; sends nothing yet. The base path is asked for once, at the first use. */
export function openController(options: ControllerOptions): Controller {
  const session = openSession(options)
  let known: Discovery | undefined
  const where = async () => (known ??= await discover(session))
  const base = async () => (await where()).base
  return {
    discover: async () => (known = await discover(session)),
    tokenExpiry: async () => tokenExpiry(session, await where(), options.tokenDescription),
    findTemplate: async (name, organization) => findTemplate(session, await base(), name, organization),
    findInventory: async (name, organization) => findInventory(session, await base(), name, organization),
    findInventorySource: async (name, inventory) => findInventorySource(session, await base(), name, inventory.id),
    inventorySources: async ({ id }) => inventorySources(session, await base(), id),
    hosts: inventory => hosts(session, inventory),
    updateSource: source => updateSource(session, source),
    update: ref => update(session, ref),
    launch: (template, request, still) => launch(session, template, request, still),
    recover: async (template, request) => recover(session, await base(), template, request),
    confirmReadable: async ({ id }) => confirmReadable(session, await base(), id),
    findByMarker: async marker => findByMarker(session, await base(), marker),
    jobs: async ids => jobs(session, await base(), ids),
    job: ref => job(session, ref.url),
    jobsOn: async (inventories, after) => {
      const ids = inventories.map(({ id }) => id)
      return jobsOn(session, await base(), ids, after)
    },
    hostSummaries: ref => hostSummaries(session, ref),
    failureReasons: ref => failureReasons(session, ref),
    course: (ref, after) => course(session, ref, after),
    cancel: ref => cancel(session, ref),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}
