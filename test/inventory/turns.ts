/** How often the event loop had time for others while `work` went on. */
export async function turnsDuring(work: Promise<unknown>): Promise<number> {
  const progress = { turns: 0, done: false }
  const counted = (async () => {
    while (!progress.done) {
      await new Promise(resolve => setImmediate(resolve))
      progress.turns += 1
    }
  })()
  await work
  progress.done = true
  await counted
  return progress.turns
}
