import { Fault } from '../errors.ts'
import { Answer, isRecord } from './answer.ts'
import { complaint, withoutSecrets } from './complaint.ts'
import { verified, type Started } from './verify.ts'
import { ControllerError } from './error.ts'
import { jobFrom, type Job } from './job.ts'
import { launchBody, launchRefusal, type LaunchRequest } from './launch-request.ts'
import { parse, type Session } from './session.ts'
import type { Template } from './template.ts'
import type { Exchange } from './wire.ts'

/**
 * What became of a launch. Each needs its own reaction:
 *
 * kind      | runs?               | what to do
 * launched  | yes, as asked       | follow the job
 * refused   | no, surely          | settled; `status` 0: it was not even sent
 * widened   | yes, not as asked   | alarm; it was cancelled at once (or could not be); its hosts are unknown
 * ambiguous | nobody knows        | search the marker until found or a quiet period has passed; never post again before
 * not_sent  | no, surely          | the same intent may be posted again
 */
export type Launched =
  | Started
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string }
  | { readonly kind: 'ambiguous'; readonly reason: string }
  | { readonly kind: 'not_sent'; readonly reason: string }

/**
 * Posts a launch once, and compares what was started with what was asked for. `still` is asked when there is a connection, right before
 * the first byte is written; when it says no, nothing is sent (`not_sent`). Throws nothing that a launch can meet.
 */
export async function launch(
  session: Session,
  template: Template,
  request: LaunchRequest,
  still: () => boolean = () => true,
): Promise<Launched> {
  const refusal = launchRefusal(template, request)
  if (refusal !== null) return { kind: 'refused', status: 0, reason: refusal }
  const opened = openedSecrets(request)
  if (typeof opened === 'string') return { kind: 'refused', status: 0, reason: opened }
  const body = launchBody(template, request, opened)
  let exchange: Exchange
  try {
    exchange = await session.post(template.launchUrl, body, { fresh: true, still })
  } catch (error) {
    // Nothing but the token and the link are looked at before the request is sent.
    if (error instanceof ControllerError) return { kind: 'not_sent', reason: error.message }
    throw error
  }
  return settle(session, template, request, exchange)
}

/** The secrets of a request; or why they can not be opened. */
function openedSecrets({ secrets }: LaunchRequest): Readonly<Record<string, string>> | string {
  try {
    return secrets?.open() ?? {}
  } catch (error) {
    if (error instanceof Fault) return error.message
    throw error
  }
}

async function settle(
  session: Session,
  template: Template,
  request: LaunchRequest,
  exchange: Exchange,
): Promise<Launched> {
  const where = `POST ${template.launchUrl}`
  if (exchange.kind === 'lost') {
    return exchange.sent
      ? { kind: 'ambiguous', reason: session.failure(where, exchange).message }
      : { kind: 'not_sent', reason: session.failure(where, exchange).message }
  }
  const { status } = exchange
  const silent = request.secrets !== undefined
  const failure = (): string =>
    session.failure(where, silent ? { ...exchange, body: '', location: '' } : exchange).message
  // 408 comes from a proxy that gave up, perhaps after it had passed the request on.
  if (status >= 500 || status === 408) return { kind: 'ambiguous', reason: failure() }
  if (status < 200 || status > 299) return { kind: 'refused', status, reason: reasonOf(session, request, exchange) }
  let echo: Answer
  let job: Job
  try {
    echo = new Answer(parse(exchange.body, where), where)
    job = jobFrom(echo, session)
  } catch (error) {
    if (!(error instanceof ControllerError)) throw error
    return {
      kind: 'ambiguous',
      reason: silent ? `${where} answered ${status} and no job that can be read` : session.clean(error.message),
    }
  }
  const { skip_tags } = launchBody(template, request)
  return verified(session, template, request, { job, echo, skipTags: skip_tags })
}

type Answered = Extract<Exchange, { kind: 'answered' }>

/**
 * The controller quotes the answers to survey questions in its complaints, passwords too: cut, escaped, in any form. So of one about a
 * launch with secrets the names of its fields are told, and no word.
 */
function reasonOf(session: Session, request: LaunchRequest, exchange: Answered): string {
  if (request.secrets !== undefined) {
    const fields = fieldsOf(exchange)
    const about = fields === '' ? '' : ` about ${fields}`
    return session.clean(
      `the controller answered ${exchange.status}${about}; its words may quote a secret, and are not repeated: do the secrets fit the survey?`,
    )
  }
  const why = withoutSecrets(complaint(exchange.contentType, exchange.body), texts(request.extraVars))
  const more = exchange.location === '' ? '' : `, it redirects to ${exchange.location}`
  return session.clean(`the controller answered ${exchange.status}${more}${why === '' ? '' : `: ${why}`}`)
}

/** Fields of a launch that a complaint may be about. */
const FIELDS = [
  'detail',
  'error',
  'variables_needed_to_start',
  'passwords_needed_to_start',
  'resources_needed_to_start',
]

function fieldsOf({ body }: Answered): string {
  try {
    const complaint = JSON.parse(body) as unknown
    return isRecord(complaint) ? FIELDS.filter(field => Object.hasOwn(complaint, field)).join(', ') : ''
  } catch {
    return ''
  }
}

function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : []
}
