import { createJob, settingsOf } from './job.ts'
import { runOf } from './played.ts'
import { reap, requeue } from './scheduler.ts'
import { idOf } from './seed.ts'
import { nextId } from './store.ts'
import type { SettableClock } from './clock.ts'
import type { Faults } from './faults.ts'
import type { Prompt } from './job-records.ts'
import type { PlayedElsewhere } from './played.ts'
import type { Tell } from './route.ts'
import type { Store } from './store.ts'

/** What people, schedules and the controller itself do behind a client's back. */
export type Mischief = {
  /** Sets the controller's own clock, so far ahead of (or behind) what it is by its own: every time that it tells is off by that. */
  setClock(aheadMs: number): void
  /** Every token is refused from now on. */
  revokeTokens(): void
  /** Changes a prompt of a template, as somebody at its form would. */
  setPrompt(template: string, prompt: Prompt, value: boolean): void
  /** Changes a prompt right after somebody next asked what a launch needs: between preflight and POST. */
  flipPromptAfterPreflight(template: string, prompt: Prompt): void
  /** Gives a template another name: it keeps its id, its jobs keep the name that they were launched with. */
  renameTemplate(template: string, name: string): void
  /** Deletes a template and makes one of the same name: it has another id, and the old jobs have no template. */
  recreateTemplate(template: string): void
  /**
   * A workflow of people runs a template as its next node; the id of the job. What the template does not prompt for is dropped without a
   * word, the limit too.
   */
  launchInWorkflow(workflow: string, template: string, limit: string): number
  /** Puts a job that runs back to `pending`, as a container platform does that has no room for it. Its play begins anew. */
  requeueJob(id: number): void
  /** Ends a job that runs as failed, as the product does after its node was restarted: what became of its hosts nobody knows. */
  reapJob(id: number): void
  /** Removes a job with its results, as a clean-up schedule does. */
  deleteJob(id: number): void
  /** Ends a job whose outcome is `hang`, as a play that was run for it elsewhere has ended. */
  endJob(id: number, ended: PlayedElsewhere): void
}

type Parts = { store: Store; clock: SettableClock; faults: Faults; tell: Tell }

/** `committed` is called after each change. */
export function mischief(parts: Parts, committed: () => void): Mischief {
  return { ...withObjects(parts, committed), ...withJobs(parts, committed) }
}

type OfObjects =
  'setClock' | 'revokeTokens' | 'setPrompt' | 'flipPromptAfterPreflight' | 'renameTemplate' | 'recreateTemplate'

function withObjects({ store, faults, clock }: Parts, committed: () => void): Pick<Mischief, OfObjects> {
  const templateNamed = (name: string) => store.templates.must(idOf(store.templates, name))
  const setPrompt = (name: string, prompt: Prompt, value: boolean): void => {
    templateNamed(name).prompts[prompt] = value
    committed()
  }
  return {
    setPrompt,
    setClock(aheadMs) {
      clock.aheadMs = aheadMs
      committed()
    },
    revokeTokens() {
      for (const token of store.tokens.all()) token.expires = 0
      committed()
    },
    flipPromptAfterPreflight(name, prompt) {
      const path = new RegExp(`/job_templates/${templateNamed(name).id}/launch/?$`)
      faults.afterwards({ method: 'GET', path }, () => setPrompt(name, prompt, !templateNamed(name).prompts[prompt]))
    },
    renameTemplate(template, name) {
      templateNamed(template).name = name
      committed()
    },
    recreateTemplate(name) {
      const old = templateNamed(name)
      store.templates.delete(old.id)
      for (const job of store.jobs.filter(({ job_template }) => job_template === old.id)) job.job_template = null
      store.templates.add({ ...old, id: nextId(store, 'template') })
      committed()
    },
  }
}

function withJobs({ store, clock, tell }: Parts, committed: () => void): Omit<Mischief, OfObjects> {
  return {
    launchInWorkflow(workflow, template, limit) {
      const its = store.templates.must(idOf(store.templates, template))
      const settings = { ...settingsOf(its), ...(its.prompts.limit ? { limit } : {}) }
      const source = { id: nextId(store, 'run'), name: workflow }
      const user = store.users.must(1)
      const request = { settings, extra_vars: {}, launch_type: 'workflow', type: 'job' as const, workflow: source }
      const job = createJob({ store, user, now: clock.now() }, its, request)
      committed()
      return job.id
    },
    requeueJob(id) {
      requeue(store.jobs.must(id), clock.now())
      committed()
    },
    reapJob(id) {
      reap({ store, tell }, store.jobs.must(id), clock.now())
      committed()
    },
    endJob(id, ended) {
      const job = store.jobs.must(id)
      if (job.run === null || job.run.ends_at !== null) throw new Error(`job ${id} does not hang`)
      job.run = { ...job.run, ...runOf(store, job.inventory ?? 0, ended), ends_at: clock.now() }
      committed()
    },
    deleteJob(id) {
      store.jobs.delete(id)
      for (const summary of store.summaries.filter(({ job }) => job === id)) store.summaries.delete(summary.id)
      committed()
    },
  }
}
