import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { shownRecord } from './kafka-record.ts'
import { samples } from './samples.ts'

/** Writes the examples of docs/events.md, and its Kafka record, anew, as the code makes them: `node test/event/refresh.ts`. The text around them is left alone. */
const page = fileURLToPath(new URL('../../docs/events.md', import.meta.url))

const events = samples()
const sections = readFileSync(page, 'utf8').split(/^(?=### )/m)
const fresh = sections.map(section => {
  const event = events.get(/^### (\S+)/.exec(section)?.[1] ?? '')
  if (event === undefined) return section
  return section.replace(/^```json\n[\s\S]*?^```/m, () => `\`\`\`json\n${JSON.stringify(event, null, 2)}\n\`\`\``)
})
const started = events.get('vm.started')
const record = started === undefined ? '' : shownRecord(started)
writeFileSync(
  page,
  fresh.join('').replace(/^```text\n[\s\S]*?^```/m, () => `\`\`\`text\n${record}\n\`\`\``),
)
