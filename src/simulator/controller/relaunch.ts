import { mayLaunch } from './access.ts'
import { createJob, settingsOf } from './job.ts'
import { renderJob } from './job-view.ts'
import { readableJob } from './jobs.ts'
import { shown } from './python-json.ts'
import { isUnfinished } from './records.ts'
import { created, forbidden, ok, Refusal } from './route.ts'
import type { HostSummary, Job } from './job-records.ts'
import type { Call, Reply, Route } from './route.ts'

export const relaunchRoutes: readonly Route[] = [
  { path: 'jobs/:id/relaunch/', allow: 'GET, POST, HEAD, OPTIONS', get: getRelaunch, post: postRelaunch },
]

function summariesOf({ store }: Call, job: Job): HostSummary[] {
  return store.summaries.filter(summary => summary.job === job.id)
}

function getRelaunch(call: Call): Reply {
  const summaries = summariesOf(call, readableJob(call))
  return ok({
    passwords_needed_to_start: [],
    retry_counts: { all: summaries.length, failed: summaries.filter(({ failed }) => failed).length },
  })
}

/**
 * Runs a job again, on the same hosts or on those that failed. The new job keeps everything of the old one, `skip_tags` and labels included:
 * whoever looks for a marker there finds both, and tells them apart by `launch_type`.
 */
function postRelaunch(call: Call): Reply {
  const job = readableJob(call)
  const template = call.store.templates.get(job.job_template)
  if (template === undefined || !mayLaunch(call.user, template)) throw forbidden()
  const hosts = call.body['hosts'] ?? 'all'
  if (hosts !== 'all' && hosts !== 'failed')
    throw new Refusal(400, { hosts: [`"${shown(hosts)}" is not a valid choice.`] })
  const limit = hosts === 'failed' ? failedHosts(call, job) : job.limit

  const again = createJob(call, template, {
    settings: { ...settingsOf(job), limit },
    extra_vars: job.extra_vars,
    launch_type: 'relaunch',
    type: 'job',
  })
  call.tell({
    kind: 'job_launched',
    job: again.id,
    template: again.name,
    limit,
    text: `job ${again.id} "${again.name}" was launched again by ${call.user.username}, after job ${job.id}`,
  })
  return created(`${call.base}jobs/${again.id}/`, { ...renderJob(call, again, 'launched'), job: again.id })
}

function failedHosts(call: Call, job: Job): string {
  const refuse = (message: string): Refusal => new Refusal(400, { hosts: message })
  if (isUnfinished(job)) throw refuse('Wait until job finishes before retrying on failed hosts.')
  const summaries = summariesOf(call, job)
  if (summaries.length === 0) throw refuse('Cannot retry on failed hosts, playbook stats not available.')
  const names = summaries.filter(({ failed }) => failed).map(({ host_name }) => host_name)
  if (names.length === 0) throw refuse('Cannot relaunch because previous job had 0 failed hosts.')
  return names.join(',')
}
