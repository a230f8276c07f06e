import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pause } from '../../src/waiting.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { expectNothingLostOrInvented, readRecord, type Record, startDemo } from '../support/demo.ts'

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const KILLS = Number(process.env['KILLS'] ?? 40)

/** Numbers in [0, 1) that come again with the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A demo that waits for a person gives up after 90 s, which a busy machine may take for one thing: it is started as often again. */
const GIVEN_UP = 5

/** Lets the story come to its end, and gives what is on record then. */
async function toTheEnd(dir: string): Promise<Record> {
  const said: string[] = []
  while (said.length <= GIVEN_UP) {
    // Gone before its folder is.
    await using last = startDemo(dir)
    if (await last.toldOrGaveUp('the story is told')) return await readRecord(last, dir)
    said.push(last.text())
  }
  throw new Error(`the story did not come to its end, ${said.length} times:\n${said.join('\n')}`)
}

test(`bridge, clusters and controller killed together at ${KILLS} random moments lose no VM, invent none and launch nothing twice`, async () => {
  console.log(`SEED=${SEED} KILLS=${KILLS}`)
  const next = random(SEED)
  await using folder = await temporaryFolder()
  const dir = join(folder.path, 'demo')
  for (let kill = 0; kill < KILLS; kill += 1) {
    const shown = startDemo(dir)
    await shown.printed('virtbridge  http')
    await pause(next() * 6_000, new AbortController().signal)
    shown.child.kill('SIGKILL')
    await shown.ended
  }

  const record = await toTheEnd(dir)

  expectNothingLostOrInvented(record)
  const onboarded = record.runs.filter(run => run.verb === 'onboard' && run.outcome !== 'refused')
  const uids = new Set(record.events.filter(event => event.data.fact === 'created').map(event => event.data.vm.uid))
  expect(onboarded.reduce((sum, run) => sum + run.hosts, 0)).toBeLessThanOrEqual(uids.size)
  expect(record.runs.filter(run => run.verb === 'patch')).toHaveLength(1)
})
