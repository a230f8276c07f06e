import { parseArgs } from 'node:util'
import { Fault, messageOf } from '../src/errors.ts'
import { judge, type Benchmark, type Verdict } from './bench.ts'
import { loadBenchmarks } from './load.ts'
import { renderTable } from './report.ts'

const usage = 'npm run bench [-- NAME…] [--json]'

/** Where the frame finds benchmarks and where its lines go. */
export interface BenchPlace {
  readonly folder: string
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

/**
 * Runs the benchmarks one by one and prints a table, or with `--json` an array of verdicts; progress goes to `err`.
 *
 * Exit status: 0 when every `must` is met, 1 when one is missed, when a benchmark broke, or when there was nothing to run.
 * One that breaks does not keep the others from running.
 */
export async function runBenchmarks(args: readonly string[], place: BenchPlace): Promise<number> {
  const verdicts: Verdict[] = []
  let broken = 0
  let json = false
  try {
    const parsed = parseArgs({ args: [...args], allowPositionals: true, options: { json: { type: 'boolean' } } })
    json = parsed.values.json ?? false
    for (const benchmark of await loadBenchmarks(place.folder, parsed.positionals)) {
      try {
        for await (const verdict of judgeAll(benchmark)) {
          verdicts.push(verdict)
          place.err(`${benchmark.name}: ${tell(verdict)}`)
        }
      } catch (error) {
        broken += 1
        place.err(`${benchmark.name}: broke: ${messageOf(error)}`)
      }
    }
  } catch (error) {
    place.err(messageOf(error))
    place.err(error instanceof Fault ? error.hint : usage)
    return 1
  }
  place.out(json ? JSON.stringify(verdicts, null, 2) : renderTable(verdicts))
  return broken === 0 && verdicts.every(({ ok }) => ok) ? 0 : 1
}

async function* judgeAll(benchmark: Benchmark): AsyncIterable<Verdict> {
  const running = benchmark.run()
  for await (const measure of Symbol.asyncIterator in running ? running : await running) yield judge(measure)
}

function tell({ what, value, unit, ok, must }: Verdict): string {
  return `${what}: ${value} ${unit}${ok ? '' : `, but must be ${must}`}`
}
