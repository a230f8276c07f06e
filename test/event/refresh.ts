import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { samples } from './samples.ts'

/** Writes the examples of docs/events.md anew, as the code makes them: `node test/event/refresh.ts`. The text around them is left alone. */
const page = fileURLToPath(new URL('../../docs/events.md', import.meta.url))

const events = samples()
const sections = readFileSync(page, 'utf8').split(/^(?=### )/m)
const fresh = sections.map(section => {
  const event = events.get(/^### (\S+)/.exec(section)?.[1] ?? '')
  if (event === undefined) return section
  return section.replace(/^```json\n[\s\S]*?^```/m, () => `\`\`\`json\n${JSON.stringify(event, null, 2)}\n\`\`\``)
})
writeFileSync(page, fresh.join(''))
