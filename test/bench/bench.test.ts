import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { judge, type Measure } from '../../bench/bench.ts'
import { runBenchmarks } from '../../bench/run.ts'

const folder = join(import.meta.dirname, '..', 'fixtures', 'bench')
const printed = { out: '', err: '' }
const place = {
  folder,
  out: (text: string) => void (printed.out += `${text}\n`),
  err: (text: string) => void (printed.err += `${text}\n`),
}
beforeEach(() => Object.assign(printed, { out: '', err: '' }))

describe('a measure', () => {
  const base: Measure = { what: 'x', value: 10, unit: 'ms' }
  test.each([
    { why: 'nothing must be', measure: base, ok: true },
    { why: 'the bound itself is good enough', measure: { ...base, must: { of: 'value', atMost: 10 } }, ok: true },
    { why: 'it is above', measure: { ...base, must: { of: 'value', atMost: 9.9 } }, ok: false },
    { why: 'it is below', measure: { ...base, must: { of: 'value', atLeast: 11 } }, ok: false },
    { why: 'it is between', measure: { ...base, must: { of: 'value', atLeast: 9, atMost: 11 } }, ok: true },
    { why: 'the ratio holds', measure: { ...base, floor: 5, must: { of: 'ratio', atMost: 2 } }, ok: true },
    { why: 'the ratio does not', measure: { ...base, floor: 4, must: { of: 'ratio', atMost: 2 } }, ok: false },
    { why: 'there is no floor to compare with', measure: { ...base, must: { of: 'ratio', atMost: 2 } }, ok: false },
    { why: 'the floor is nothing', measure: { ...base, floor: 0, must: { of: 'ratio', atMost: 2 } }, ok: false },
    { why: 'it is no number', measure: { ...base, value: NaN }, ok: false },
  ] satisfies { why: string; measure: Measure; ok: boolean }[])(
    'is good enough: $ok, because $why',
    ({ measure, ok }) => {
      expect(judge(measure).ok).toBe(ok)
    },
  )
})

describe('npm run bench', () => {
  test('prints an array of verdicts with --json, and nothing else on standard output', async () => {
    expect(await runBenchmarks(['quick', '--json'], place)).toBe(0)
    expect(JSON.parse(printed.out)).toEqual([
      { what: 'a walk', value: 1234.5, unit: 'ms', floor: 617.25, ratio: 2, must: 'ratio ≤ 3', ok: true },
      { what: 'a look', value: 0.01234, unit: 'MB', floor: null, ratio: null, must: '', ok: true },
    ])
  })

  test('prints a table for people, and tells each number as soon as it is there', async () => {
    expect(await runBenchmarks(['quick'], place)).toBe(0)
    const cells = printed.out.split('\n').map(line =>
      line
        .split('│')
        .map(cell => cell.trim())
        .filter(Boolean),
    )
    expect(cells).toContainEqual(['what', 'value', 'unit', 'floor', 'ratio', 'must', 'ok'])
    expect(cells).toContainEqual(['a walk', '1,235', 'ms', '617', '2', 'ratio ≤ 3', 'yes'])
    expect(cells).toContainEqual(['a look', '0.0123', 'MB', 'yes'])
    expect(printed.err).toBe('quick: a walk: 1234.5 ms\nquick: a look: 0.01234 MB\n')
  })

  test('ends with status 1 when a must is missed', async () => {
    expect(await runBenchmarks(['quick', 'slow', '--json'], place)).toBe(1)
    expect(JSON.parse(printed.out)).toContainEqual({
      what: 'a crawl',
      value: 9,
      unit: 'events/s',
      floor: 90,
      ratio: 0.1,
      must: 'value ≥ 10',
      ok: false,
    })
    expect(printed.err).toContain('slow: a crawl: 9 events/s, but must be value ≥ 10')
  })

  test('runs all without a name; one that breaks is told, costs status 1, keeps what it measured and stops no other', async () => {
    expect(await runBenchmarks(['--json'], place)).toBe(1)
    expect((JSON.parse(printed.out) as Measure[]).map(({ what }) => what)).toEqual([
      'a walk',
      'a look',
      'a crawl',
      'a start',
    ])
    expect(printed.err).toContain('torn: broke: the rope broke')
  })

  test.each([
    { args: ['quikc'], told: `unknown benchmark quikc\nbenchmarks of ${folder}: quick, slow, torn\n` },
    { args: ['--jsn'], told: expect.stringContaining("Unknown option '--jsn'") },
  ])('$args is a clear error and runs nothing', async ({ args, told }) => {
    expect(await runBenchmarks(args, place)).toBe(1)
    expect(printed).toEqual({ out: '', err: told })
  })

  test('ends when it is done: to load all benchmarks starts nothing', async () => {
    const main = join(import.meta.dirname, '..', '..', 'bench', 'main.ts')
    const ended = await new Promise<Error | null>(resolve => void execFile(process.execPath, [main, 'quikc'], resolve))
    expect(ended).toMatchObject({ code: 1, signal: null })
  })

  test('an empty folder, and a file that is no benchmark, are errors too', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'virtbridge-bench-'))
    try {
      expect(await runBenchmarks([], { ...place, folder: empty })).toBe(1)
      expect(printed.err).toContain('nothing to run')
      await writeFile(join(empty, 'odd.bench.ts'), 'export const name = 1\n')
      expect(await runBenchmarks([], { ...place, folder: empty })).toBe(1)
      expect(printed.err).toContain('odd.bench.ts must export a string name and a function run')
    } finally {
      await rm(empty, { recursive: true, force: true })
    }
  })
})
