/** What a number must reach to be good enough; by its own or by how far it is from the floor. Both bounds are included. */
export interface Must {
  readonly of: 'value' | 'ratio'
  readonly atMost?: number
  readonly atLeast?: number
}

/** One number of a benchmark. */
export interface Measure {
  /** What was measured, with its conditions: `inventory of 10,000 VMs, one changed, GET to last byte`. */
  readonly what: string
  readonly value: number
  /** `ms`, `MB`, `events/s` … */
  readonly unit: string
  /** The same number of the barest program that could do it, measured in the same run on the same machine: what no design beats. */
  readonly floor?: number
  readonly must?: Must
}

/** What a file `bench/<name>.bench.ts` exports; `run` may yield its measures one by one or return them all. */
export interface Benchmark {
  readonly name: string
  run(): AsyncIterable<Measure> | Promise<readonly Measure[]>
}

/** A measure with its verdict, as `--json` prints it. Every key is always there; `null` where there is no floor, `""` where nothing must be. */
export interface Verdict {
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly floor: number | null
  readonly ratio: number | null
  readonly must: string
  readonly ok: boolean
}

/** Whether a measure is good enough. What cannot be told (no number, a ratio without a floor) is not. */
export function judge(measure: Measure): Verdict {
  const { what, value, unit, must } = measure
  const floor = measure.floor ?? null
  const ratio = floor === null || floor === 0 ? null : value / floor
  const subject = must?.of === 'ratio' ? ratio : value
  const { atMost = Infinity, atLeast = -Infinity } = must ?? {}
  const ok =
    Number.isFinite(value) && (must === undefined || (subject !== null && subject <= atMost && subject >= atLeast))
  return { what, value, unit, floor, ratio, must: must === undefined ? '' : describe(must), ok }
}

function describe({ of, atMost, atLeast }: Must): string {
  const bounds = [...(atLeast === undefined ? [] : [`≥ ${atLeast}`]), ...(atMost === undefined ? [] : [`≤ ${atMost}`])]
  return `${of} ${bounds.join(' and ')}`
}
