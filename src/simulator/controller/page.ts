import { filterRows, orderRows } from './filter.ts'
import { ok, Refusal } from './route.ts'
import type { Columns } from './filter.ts'
import type { Call, Reply } from './route.ts'

const DEFAULT_PAGE_SIZE = 25
/** A larger `page_size` is cut to this without a word. */
const MAX_PAGE_SIZE = 200

/** One list: its rows in default order, what can be asked of them, and how one is shown. */
export type List<Row> = { model: string; rows: readonly Row[]; columns: Columns<Row>; render: (row: Row) => unknown }

/** Answers a list request: filters, order and page as the query says. */
export function listReply<Row>(call: Call, { model, rows, columns, render }: List<Row>): Reply {
  return ok(page(call, orderRows(filterRows(rows, call.query, columns, model), call.query, columns), render))
}

/** `{count, next, previous, results}`; `count_disabled` leaves only the results. A page past the end is 404. */
export function page<Row>({ path, query }: Call, rows: readonly Row[], render: (row: Row) => unknown): unknown {
  const size = pageSize(query)
  const number = query.has('page') ? Number(query.get('page')) : 1
  const pages = Math.max(1, Math.ceil(rows.length / size))
  if (!Number.isInteger(number) || number < 1 || number > pages) throw new Refusal(404, { detail: 'Invalid page.' })
  const results = rows.slice((number - 1) * size, number * size).map(render)
  if (query.has('count_disabled')) return { results }
  return {
    count: rows.length,
    next: number < pages ? pageUrl(path, query, number + 1) : null,
    previous: number > 1 ? pageUrl(path, query, number - 1) : null,
    results,
  }
}

function pageSize(query: URLSearchParams): number {
  const wanted = Number(query.get('page_size') ?? DEFAULT_PAGE_SIZE)
  return Number.isInteger(wanted) && wanted > 0 ? Math.min(wanted, MAX_PAGE_SIZE) : DEFAULT_PAGE_SIZE
}

/** A path, not an absolute URL, with the query's names sorted; page 1 is the path without a page. */
function pageUrl(path: string, query: URLSearchParams, number: number): string {
  const next = new URLSearchParams(query)
  if (number === 1) next.delete('page')
  else next.set('page', String(number))
  next.sort()
  return next.size === 0 ? path : `${path}?${next.toString()}`
}
