import { runBenchmarks } from './run.ts'

// `npm run bench [-- NAME…] [--json]`
process.exitCode = await runBenchmarks(process.argv.slice(2), {
  folder: import.meta.dirname,
  out: text => console.log(text),
  err: text => console.error(text),
})
