import { ok } from './route.ts'
import type { Call, Reply } from './route.ts'

/** Longer output is not sent: the answer is 200 with a text that says so. */
const MAX_STDOUT = 1_048_576

/** Output as the query's `format` wants it: txt, ansi and the downloads as text, json with its range. */
export function sendText({ query }: Call, stdout: string): Reply {
  const format = query.get('format') ?? 'txt'
  if (format === 'json') {
    const lines = stdout === '' ? 0 : stdout.split('\n').length
    return ok({ range: { start: 0, end: lines, absolute_end: lines }, content: stdout })
  }
  const text =
    stdout.length > MAX_STDOUT
      ? `Standard Output too large to display (${stdout.length} bytes), only download supported for sizes over ${MAX_STDOUT} bytes.`
      : stdout
  // An empty output comes without a content type.
  return { status: 200, body: text, headers: text === '' ? {} : { 'Content-Type': 'text/plain; charset=utf-8' } }
}
