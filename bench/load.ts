import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Fault } from '../src/errors.ts'
import type { Benchmark } from './bench.ts'

/** The benchmarks of a folder, by file name; all, or those named. An unknown name is a `Fault` that lists the known ones. */
export async function loadBenchmarks(folder: string, names: readonly string[]): Promise<Benchmark[]> {
  const files = (await readdir(folder)).filter(file => file.endsWith('.bench.ts'))
  const benchmarks: Benchmark[] = []
  for (const file of files.sort((a, b) => a.localeCompare(b))) {
    const module: unknown = await import(pathToFileURL(join(folder, file)).href)
    if (!isBenchmark(module)) {
      throw new Fault('benchmark_malformed', `${join(folder, file)} must export a string name and a function run`)
    }
    benchmarks.push(module)
  }
  const known = benchmarks.map(({ name }) => name)
  const twice = known.find((name, index) => known.indexOf(name) !== index)
  if (twice !== undefined) throw new Fault('benchmark_twice', `two files of ${folder} are named ${twice}`)
  const unknown = names.filter(name => !known.includes(name))
  if (unknown.length > 0 || known.length === 0) {
    const what = unknown.length > 0 ? `unknown benchmark ${unknown.join(', ')}` : 'nothing to run'
    throw new Fault('benchmark_unknown', what, { hint: `benchmarks of ${folder}: ${known.join(', ') || 'none'}` })
  }
  return benchmarks.filter(({ name }) => names.length === 0 || names.includes(name))
}

function isBenchmark(module: unknown): module is Benchmark {
  const { name, run } = module as Partial<Benchmark>
  return typeof name === 'string' && typeof run === 'function'
}
