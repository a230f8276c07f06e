import { openIn } from './place.ts'

/** Appends to the log of a folder for ever, one entry at a time, and prints each acknowledged position on a line of its own. */
const [folder = '', brokers = ''] = process.argv.slice(2)
const log = await openIn(folder, brokers.split(','))
for (let n = 0; ; n += 1) {
  const position = await log.append([{ stream: 'events.vm', key: 'c/n/vm', value: { n } }])
  process.stdout.write(`${position}\n`)
}
