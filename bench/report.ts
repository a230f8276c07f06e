import Table from 'cli-table3'
import type { Verdict } from './bench.ts'

/** The verdicts as a table for people, without colours. */
export function renderTable(verdicts: readonly Verdict[]): string {
  const table = new Table({
    head: ['what', 'value', 'unit', 'floor', 'ratio', 'must', 'ok'],
    colAligns: ['left', 'right', 'left', 'right', 'right', 'left', 'left'],
    style: { head: [], border: [], compact: true },
  })
  for (const { what, value, unit, floor, ratio, must, ok } of verdicts) {
    table.push([what, number(value), unit, number(floor), number(ratio), must, ok ? 'yes' : 'NO'])
  }
  return table.toString()
}

/** Three significant digits, all of the whole part, and no exponent: what can be compared at a glance. */
function number(value: number | null): string {
  if (value === null) return ''
  if (Math.abs(value) >= 100) return value.toLocaleString('en', { maximumFractionDigits: 0 })
  return value.toLocaleString('en', { maximumSignificantDigits: 3 })
}
