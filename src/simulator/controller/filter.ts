import { shown } from './python-json.ts'
import { Refusal } from './route.ts'

/** A column that a list can be filtered and ordered by. `values` gives several where the path crosses a to-many relation. */
export type Column<Row> = { type: 'number' | 'text' | 'flag' | 'time'; values: (row: Row) => readonly unknown[] }

/** The columns of a list by the name a client uses, relations written as `organization__name`. */
export type Columns<Row> = { readonly [name: string]: Column<Row> }

export function numberColumn<Row>(value: (row: Row) => number | null): Column<Row> {
  return { type: 'number', values: row => [value(row)] }
}
export function textColumn<Row>(value: (row: Row) => string | null | undefined): Column<Row> {
  return { type: 'text', values: row => [value(row) ?? null] }
}
export function flagColumn<Row>(value: (row: Row) => boolean): Column<Row> {
  return { type: 'flag', values: row => [value(row)] }
}
export function timeColumn<Row>(value: (row: Row) => number | null): Column<Row> {
  return { type: 'time', values: row => [value(row)] }
}

/**
 * Names that are no filters although they look like some. `limit` is among them: `?limit=web-1` answers with every job, silently.
 */
const RESERVED = new Set([
  'page',
  'page_size',
  'format',
  'order',
  'order_by',
  'search',
  'type',
  'host_filter',
  'count_disabled',
  'no_truncate',
  'limit',
  'validate',
])

type Test = (value: unknown, wanted: string, column: Column<never>) => boolean

const LOOKUPS: { readonly [name: string]: Test } = {
  exact: (value, wanted, column) => same(value, wanted, column),
  iexact: (value, wanted) => fold(value) === wanted.toLowerCase(),
  contains: (value, wanted) => textOf(value).includes(wanted),
  icontains: (value, wanted) => fold(value).includes(wanted.toLowerCase()),
  startswith: (value, wanted) => textOf(value).startsWith(wanted),
  istartswith: (value, wanted) => fold(value).startsWith(wanted.toLowerCase()),
  endswith: (value, wanted) => textOf(value).endsWith(wanted),
  iendswith: (value, wanted) => fold(value).endsWith(wanted.toLowerCase()),
  in: (value, wanted, column) => wanted.split(',').some(each => same(value, each, column)),
  gt: (value, wanted, column) => value !== null && (value as number) > comparable(wanted, column),
  gte: (value, wanted, column) => value !== null && (value as number) >= comparable(wanted, column),
  lt: (value, wanted, column) => value !== null && (value as number) < comparable(wanted, column),
  lte: (value, wanted, column) => value !== null && (value as number) <= comparable(wanted, column),
  isnull: (value, wanted) => (value === null) === isTrue(wanted),
  regex: (value, wanted) => new RegExp(wanted).test(textOf(value)),
}

/**
 * The rows that a query selects.
 *
 * Conditions are `name[__lookup]=value`, prefixed by `not__`, `or__` or `chain__` at will; all must hold but those with `or__`, of which one
 * must. Reserved names are ignored. An unknown name is 400, one that holds variables of jobs 403. `model` is the class named in errors.
 */
export function filterRows<Row>(
  rows: readonly Row[],
  query: URLSearchParams,
  columns: Columns<Row>,
  model: string,
): Row[] {
  const all: ((row: Row) => boolean)[] = []
  const any: ((row: Row) => boolean)[] = []
  for (const [key, wanted] of query) {
    if (RESERVED.has(key)) continue
    const [prefix, path] = splitPrefix(key)
    const condition = conditionOf(path, wanted, columns, model)
    if (prefix === 'or') any.push(condition)
    else all.push(prefix === 'not' ? row => !condition(row) : condition)
  }
  return rows.filter(row => all.every(test => test(row)) && (any.length === 0 || any.some(test => test(row))))
}

function splitPrefix(key: string): [string, string] {
  const prefix = /^(not|or|chain)__/.exec(key)?.[1]
  return prefix === undefined ? ['', key] : [prefix, key.slice(prefix.length + 2)]
}

function conditionOf<Row>(path: string, wanted: string, columns: Columns<Row>, model: string): (row: Row) => boolean {
  const { column, lookup } = resolve(path, columns, model)
  const test = LOOKUPS[lookup]
  if (test === undefined) throw new Refusal(400, { detail: `Unsupported lookup '${lookup}'` })
  checkValue(path, wanted, column, lookup)
  return row => column.values(row).some(value => test(value, wanted, column))
}

function resolve<Row>(path: string, columns: Columns<Row>, model: string): { column: Column<Row>; lookup: string } {
  const parts = path.split('__')
  if (parts[0] === 'extra_vars') throw new Refusal(403, { detail: 'Filtering on extra_vars is not allowed.' })
  const whole = columns[path]
  if (whole !== undefined) return { column: whole, lookup: 'exact' }
  const last = parts.at(-1) ?? ''
  const column = columns[parts.slice(0, -1).join('__')]
  if (column !== undefined && last in LOOKUPS) return { column, lookup: last }
  // A column that holds a document is no relation: its keys cannot be asked for.
  if (column !== undefined) throw new Refusal(400, { error: `No related model for field ${last}.` })
  throw new Refusal(400, { detail: `${model} has no field named '${parts[0]}'` })
}

function checkValue(path: string, wanted: string, column: Column<never>, lookup: string): void {
  if (lookup === 'isnull') return
  const values = lookup === 'in' ? wanted.split(',') : [wanted]
  const bad = values.find(value => column.type === 'number' && !/^-?\d+$/.test(value) && value !== 'null')
  if (bad !== undefined) throw new Refusal(400, { detail: `Field '${path}' expected a number but got '${bad}'.` })
  if (column.type === 'time' && values.some(value => Number.isNaN(Date.parse(value)))) {
    throw new Refusal(400, { detail: `Invalid date for '${path}'.` })
  }
}

function same(value: unknown, wanted: string, column: Column<never>): boolean {
  if (column.type === 'flag') return value === isTrue(wanted)
  if (wanted === 'null' || value === null) return value === null && wanted === 'null'
  return column.type === 'text' ? value === wanted : value === comparable(wanted, column)
}

function comparable(wanted: string, column: Column<never>): number {
  return column.type === 'time' ? Date.parse(wanted) : Number(wanted)
}

function isTrue(wanted: string): boolean {
  return ['true', '1', 't', 'yes'].includes(wanted.toLowerCase())
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value === null ? '' : shown(value)
}

function fold(value: unknown): string {
  return textOf(value).toLowerCase()
}

/** The rows in the order of `order_by` (or `order`): comma separated columns, `-` for descending. */
export function orderRows<Row>(rows: readonly Row[], query: URLSearchParams, columns: Columns<Row>): Row[] {
  const order = (query.get('order_by') ?? query.get('order') ?? '').split(',').filter(name => name !== '')
  const steps = order.map(name => {
    const column = columns[name.replace(/^-/, '')]
    if (column === undefined)
      throw new Refusal(400, { detail: `Cannot resolve keyword '${name.replace(/^-/, '')}' into field.` })
    return { column, sign: name.startsWith('-') ? -1 : 1 }
  })
  return [...rows].sort((a, b) => {
    for (const { column, sign } of steps) {
      const [left, right] = [column.values(a)[0] ?? '', column.values(b)[0] ?? '']
      if (left !== right) return ((left as number) < (right as number) ? -1 : 1) * sign
    }
    return 0
  })
}
