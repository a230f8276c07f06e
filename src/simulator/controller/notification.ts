import { messageOf } from '../../errors.ts'
import type { NotificationObject, TemplateObject } from './authored.ts'
import type { Faults } from './faults.ts'
import type { Job } from './job-records.ts'
import type { Tell } from './route.ts'
import type { Store } from './store.ts'

/** When a job tells of itself: as it begins, and as its results are in. */
export type Occasion = 'started' | 'success' | 'error'

const TIMEOUT_MS = 10_000

/** What the sending of notifications needs. */
export type PostParts = {
  readonly store: Store
  readonly faults: Faults
  readonly templates: readonly TemplateObject[]
  readonly notifications: readonly NotificationObject[]
  /** What `{{ name }}` in an address or a header stands for. A notification with a name that is not here goes nowhere. */
  readonly variables: ReadonlyMap<string, string>
  readonly tell: Tell
  /** Is told of each request under way. */
  readonly hold: (io: Promise<unknown>) => void
}

/**
 * Sends the webhooks of jobs as a real controller does: each at most once, whatever its receiver answers; without a signature; none for a job
 * that was cancelled before it began. The order is that of the requests, which a fault may change.
 */
export function createPost(parts: PostParts): (occasion: Occasion, job: Job) => void {
  const { faults, hold, notifications, templates } = parts
  let late: (() => void)[] = []
  return (occasion, job) => {
    const template = templates.find(({ name }) => name === job.name)
    const names = template?.[`notification_templates_${occasion}`] ?? []
    for (const notification of notifications.filter(({ name }) => names.includes(name))) {
      const body = bodyOf(parts.store, job)
      const send = (): void => hold(deliver(parts, notification, body))
      const fault = faults.takeNotification()
      if (fault === 'lost') continue
      if (fault === 'late') {
        late.push(send)
        continue
      }
      send()
      if (fault === 'doubled') send()
      const waiting = late
      late = []
      for (const sendLate of waiting) sendLate()
    }
  }
}

async function deliver({ variables, tell }: PostParts, notification: NotificationObject, body: object): Promise<void> {
  const { name, notification_configuration: to } = notification
  const filled = (text: string): string =>
    text.replace(/\{\{ *(\w+) *\}\}/g, (whole, variable: string) => variables.get(variable) ?? whole)
  const url = filled(to.url)
  if (!URL.canParse(url) || url.includes('{{')) return
  const headers = Object.entries(to.headers ?? {}).map(([header, value]) => [header, filled(value)] as [string, string])
  try {
    const { status } = await fetch(url, {
      method: to.http_method ?? 'POST',
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const taken = status < 400
    tell({
      kind: 'notification',
      name,
      status,
      text: `notification "${name}" was ${taken ? 'taken' : `refused: ${status}`}`,
    })
  } catch (error) {
    tell({ kind: 'notification', name, status: 0, text: `notification "${name}" reached nobody: ${messageOf(error)}` })
  }
}

/** The body that a controller sends where its template says none: `{{ job_metadata }}`. */
function bodyOf(store: Store, job: Job): object {
  const results = job.finished === null ? [] : store.summaries.filter(summary => summary.job === job.id)
  return {
    id: job.id,
    name: job.name,
    url: `https://controller.example.com/jobs/playbook/${job.id}`,
    created_by: store.users.get(job.created_by)?.username ?? '',
    started: instant(job.started),
    finished: instant(job.finished),
    status: job.status,
    traceback: job.run?.result_traceback ?? '',
    inventory: store.inventories.get(job.inventory)?.name ?? null,
    project: store.projects.get(job.project)?.name ?? null,
    playbook: job.playbook,
    credential: null,
    limit: job.limit,
    extra_vars: JSON.stringify(job.extra_vars),
    hosts: Object.fromEntries(
      results.map(({ host_name, failed, changed, dark, failures, ok, processed, skipped }) => [
        host_name,
        { failed, changed, dark, failures, ok, processed, skipped, rescued: 0, ignored: 0 },
      ]),
    ),
  }
}

/** As Python writes it: `2026-11-20T11:57:31.559000+00:00`. */
function instant(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString().replace('Z', '000+00:00')
}
