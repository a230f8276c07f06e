import nock from 'nock'
import { afterEach, beforeEach } from 'vitest'
import { openController, type Controller, type ControllerOptions, type Template } from '../../src/aap/index.ts'
import { readRecording as recording } from '../simulator/controller/recording.ts'

export { recording }

export const ORIGIN = 'https://controller.test'
export const TOKEN = 'a-token-that-nobody-may-see'
export const MARKER = 'virtbridge-0123456789abcdef0123456789abcdef'

/** A recorded body, typed as the JSON object it is. */
export function bodyOf(name: string): Record<string, unknown> {
  return recording(name).response.body as Record<string, unknown>
}

/** In a test file: no request leaves, and every answer that a test prepared must have been asked for. */
export function replaying(): void {
  beforeEach(() => nock.disableNetConnect())
  afterEach(() => {
    const pending = nock.pendingMocks()
    nock.cleanAll()
    nock.enableNetConnect()
    if (pending.length > 0) throw new Error(`never asked for: ${pending.join(', ')}`)
  })
}

/** A list of these rows, as the controller wraps one. */
export function listOf(...results: unknown[]) {
  return { count: results.length, next: null, previous: null, results }
}

export const JSON_HEADERS = { 'Content-Type': 'application/json' }

/** Replays a recording once for its path, whatever the query (or for just that query); the Authorization header must be ours. */
export function replay(
  name: string,
  change?: (body: Record<string, unknown>) => unknown,
  query: Record<string, string> | true = true,
): nock.Scope {
  const { request, response } = recording(name)
  const body = change === undefined ? response.body : change(structuredClone(response.body) as Record<string, unknown>)
  const path = request.path.split('?')[0] ?? ''
  return nock(ORIGIN, { reqheaders: { authorization: `Bearer ${TOKEN}`, accept: 'application/json' } })
    .intercept(path, request.method)
    .query(query)
    .reply(
      response.status,
      body as nock.Body,
      response.headers['Content-Type'] === undefined ? {} : { 'Content-Type': response.headers['Content-Type'] },
    )
}

/** Answers one GET with this body, as if recorded. */
export function answer(path: string, body: unknown, query: Record<string, string> | true = true): nock.Scope {
  return nock(ORIGIN)
    .get(path)
    .query(query)
    .reply(200, body as nock.Body, JSON_HEADERS)
}

/** `/api/` and `/ping/` of an AWX. */
export function replayDiscovery(): void {
  answer('/api/', { description: 'AWX REST API', current_version: '/api/v2/', available_versions: { v2: '/api/v2/' } })
  replay('006-ping')
}

export function controllerFor(options: Partial<ControllerOptions> = {}): Controller {
  return openController({ url: ORIGIN, token: () => TOKEN, requestTimeoutMs: 5000, ...options })
}

/** A template without a hazard, for inventory 3. */
export function template(changes: Partial<Template> = {}): Template {
  return {
    id: 12,
    name: 'Day2 | Patch',
    organization: 'Default',
    launchUrl: '/api/v2/job_templates/12/launch/',
    inventory: { id: 3, name: 'virtbridge fleet' },
    limit: 'virtbridge-no-default-limit',
    skipTags: '',
    jobTags: '',
    jobType: 'run',
    asks: { limit: true, variables: true, skipTags: true, inventory: false, jobType: true },
    surveyEnabled: false,
    passwordQuestions: [],
    requiredVariables: [],
    requiredPasswords: [],
    jobSliceCount: 1,
    allowSimultaneous: true,
    timeoutSeconds: 3600,
    mayStart: true,
    project: 'successful',
    variables: [],
    ...changes,
  }
}
