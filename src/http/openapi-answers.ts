import type { Answer, Description, Shape } from './description.ts'
import { TITLES } from './problem.ts'
import { shape } from './shapes.ts'

/** Codes of problems, by status. */
type Codes = Readonly<Record<number, readonly string[]>>

/** Problems that any route may answer: of the request as such, and of the service as a whole. */
const COMMON: Codes = {
  400: ['bad_request'],
  408: ['timeout'],
  414: ['too_long'],
  429: ['too_many_requests'],
  431: ['large_header'],
  500: ['internal'],
  503: ['closing', 'busy'],
}
const OF_TOKENS: Codes = { 401: ['unauthorized', 'token_expired'], 403: ['forbidden', 'out_of_view', 'out_of_scope'] }
const OF_BODIES: Codes = { 413: ['too_large'], 415: ['no_json'] }

const HEADERS: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  401: { 'www-authenticate': 'Bearer' },
  429: { 'retry-after': 'Seconds to wait' },
  503: { 'retry-after': 'Seconds to wait' },
}

/**
 * What a route answers, by status, with its problems: a status may have both. `takes`: a token and a body, which may be wrong. What
 * all answer alike stands once, among the components. Pure.
 */
export function responsesOf(
  answers: Description['answers'],
  own: Codes,
  takes: { readonly token: boolean; readonly body: boolean },
): Shape {
  const problems = problemsOf([COMMON, takes.token ? OF_TOKENS : {}, takes.body ? OF_BODIES : {}, own])
  const statuses = [...new Set([...Object.keys(answers), ...Object.keys(problems)])].sort()
  return Object.fromEntries(
    statuses.map(status => {
      const answer = answers[Number(status)]
      if (answer === undefined && own[Number(status)] === undefined)
        return [status, { $ref: `#/components/responses/Problem${status}` }]
      return [status, written(both(answer, problems[status]))]
    }),
  )
}

/** What is answered alike wherever it is, by its name among the components. */
export function sharedProblems(): Shape {
  const problems = Object.entries(problemsOf([COMMON, OF_TOKENS, OF_BODIES]))
  return Object.fromEntries(problems.map(([status, answer]) => [`Problem${status}`, written(answer)]))
}

/** One answer for each status, with the codes that it may have. */
function problemsOf(groups: readonly Codes[]): Readonly<Record<string, Answer>> {
  const codes = new Map<number, Set<string>>()
  for (const [status, names] of groups.flatMap(group => Object.entries(group)))
    codes.set(Number(status), (codes.get(Number(status)) ?? new Set()).union(new Set(names)))
  return Object.fromEntries(
    [...codes].map(([status, names]) => {
      const told = [...names].sort()
      const schema = { allOf: [shape('Problem'), { properties: { code: { enum: told } } }] }
      const description = told.map(code => `\`${code}\`: ${TITLES[code] ?? code}`).join('; ')
      return [
        String(status),
        { description, content: { 'application/problem+json': schema }, headers: HEADERS[status] ?? {} },
      ]
    }),
  )
}

function both(answer: Answer | undefined, problem: Answer | undefined): Answer {
  const given = [answer, problem].filter(one => one !== undefined)
  return {
    description: given.map(one => one.description).join('; '),
    content: { ...answer?.content, ...problem?.content },
    headers: { ...answer?.headers, ...problem?.headers },
  }
}

function written({ description, content = {}, headers = {} }: Answer): Shape {
  const [types, named] = [Object.entries(content), Object.entries(headers)]
  return {
    description,
    ...(named.length === 0
      ? {}
      : {
          headers: Object.fromEntries(
            named.map(([name, says]) => [name, { description: says, schema: { type: 'string' } }]),
          ),
        }),
    ...(types.length === 0 ? {} : { content: Object.fromEntries(types.map(([type, schema]) => [type, { schema }])) }),
  }
}
