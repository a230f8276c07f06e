import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import {
  CURSOR_PATTERN,
  type HistoryQuestion,
  type HistoryRow,
  type HistoryView,
  type LedgerView,
} from '../../day2/index.ts'
import { type Scope, seesKey } from '../../fleet/index.ts'
import { closed, type Description, json, listOf, query, text } from '../description.ts'
import { type AppParts, requireRight } from '../parts.ts'
import { runsSeen } from './runs.ts'
import { shape } from '../shapes.ts'

/** Results of a page. */
const PAGE = 500
export const MAX_PAGE = 5_000
/** Those that came later are last: who reads CSV by position goes on. */
const COLUMNS = [
  'at',
  'run',
  'verb',
  'template',
  'asked_by',
  'job',
  'host',
  'vm_uid',
  'outcome',
  'detail',
  'asked_because',
  'trigger',
  'allowed_by',
  'attempts',
  'step',
] as const

const INSTANT = { type: 'string', format: 'date-time', maxLength: 40 }
const HISTORY: Description = {
  id: 'listHistory',
  summary: 'What became of hosts, newest first',
  right: 'read',
  answers: {
    200: {
      ...json(
        'A page of results; next is empty on the last one, and only there',
        closed({ results: listOf(shape('Result')), next: { type: 'string' } }),
      ),
    },
  },
}
const EXPORT: Description = {
  id: 'exportHistory',
  summary: 'What became of hosts, all of it, as CSV or JSON lines',
  right: 'read',
  answers: {
    200: {
      description: 'Results, newest first',
      content: { 'text/csv': { type: 'string' }, 'application/x-ndjson': { type: 'string' } },
    },
  },
}
const WHICH = {
  host: text(512),
  run: text(64),
  verb: text(64),
  outcome: text(64),
  asked_by: text(256),
  since: INSTANT,
  until: INSTANT,
}

interface Which {
  readonly host?: string
  readonly run?: string
  readonly verb?: string
  readonly outcome?: string
  readonly asked_by?: string
  readonly since?: string
  readonly until?: string
}

/** What was done, host by host: questions of people, and all of it for other programs. */
export function historyRoutes(app: FastifyInstance, parts: AppParts): void {
  const { history, ledger } = parts
  if (history === undefined) return
  const page = query({
    ...WHICH,
    after: { type: 'string', pattern: `^${CURSOR_PATTERN}$` },
    limit: { type: 'integer', minimum: 1, maximum: MAX_PAGE, default: PAGE },
  })
  app.get<{ Querystring: Which & { after?: string; limit: number } }>(
    '/api/v1/history',
    { schema: { querystring: page }, config: { api: HISTORY } },
    request => {
      const { scope } = requireRight(request, 'read')
      const { limit, after } = request.query
      const { rows, next } = history.page({
        ...questionOf(request.query),
        limit,
        ...(after === undefined ? {} : { after }),
      })
      return { results: seenOf(rows, request.query, { scope, ledger }).map(shownOf), next }
    },
  )
  const whole = query({ ...WHICH, format: { type: 'string', enum: ['csv', 'jsonl'], default: 'csv' } })
  app.get<{ Querystring: Which & { format: 'csv' | 'jsonl' } }>(
    '/api/v1/history/export',
    { schema: { querystring: whole }, config: { api: EXPORT } },
    (request, reply) => {
      const { scope } = requireRight(request, 'read')
      const { format } = request.query
      const lines = exported(history, questionOf(request.query), { scope, ledger }, format)
      return reply
        .type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson; charset=utf-8')
        .send(Readable.from(lines))
    },
  )
}

interface Reader {
  readonly scope: Scope
  readonly ledger: Pick<LedgerView, 'runs'>
}

/**
 * What of it may be told. Of a run with a VM outside of the scope, or that nobody knows any more, it is not told whose it was; nor may that
 * be found out by asking for it.
 */
function seenOf(
  rows: readonly HistoryRow[],
  { run: asked, asked_by: by }: Pick<HistoryQuestion, 'run' | 'asked_by'>,
  { scope, ledger }: Reader,
): readonly HistoryRow[] {
  const tells = runsSeen(scope)
  return rows.flatMap(row => {
    if (!seesKey(scope, row.key)) return []
    const run = ledger.runs.get(row.run)
    if (tells === undefined || (run !== undefined && tells(run))) return [row]
    return asked === undefined && by === undefined ? [{ ...row, ...NOBODYS }] : []
  })
}

const NOBODYS = { run: '', asked_by: '', asked_because: '', trigger: '', allowed_by: '', job: 0 } as const

/** Pages of lines, each made when the one before it was read. */
async function* exported(
  history: HistoryView,
  question: Omit<HistoryQuestion, 'limit'>,
  reader: Reader,
  format: 'csv' | 'jsonl',
): AsyncIterable<string> {
  if (format === 'csv') yield `${COLUMNS.join(',')}\r\n`
  for (let after: string | undefined; ;) {
    const { rows, next } = history.page({ ...question, limit: PAGE, ...(after === undefined ? {} : { after }) })
    const seen = seenOf(rows, question, reader).map(shownOf)
    if (seen.length > 0) yield seen.map(row => (format === 'csv' ? csvOf(row) : `${JSON.stringify(row)}\n`)).join('')
    if (next === '') return
    after = next
    // Others are answered between two pages.
    await new Promise(resolve => setImmediate(resolve))
  }
}

type Shown = Readonly<Record<(typeof COLUMNS)[number], string | number>>

function shownOf(row: HistoryRow): Shown {
  const cells = COLUMNS.map(name => [name, name === 'at' ? new Date(row.at).toISOString() : row[name]] as const)
  return Object.fromEntries(cells) as Shown
}

/** As RFC 4180 has it. A text that a spreadsheet would take for a formula begins with an apostrophe. */
function csvOf(row: Shown): string {
  const cells = COLUMNS.map(name => {
    const cell = String(row[name])
    const plain = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
    return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
  })
  return `${cells.join(',')}\r\n`
}

function questionOf({ since, until, host, run, verb, outcome, asked_by }: Which): Omit<HistoryQuestion, 'limit'> {
  const given = { host, run, verb, outcome, asked_by, since: instant(since), until: instant(until) }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function instant(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text)
}
