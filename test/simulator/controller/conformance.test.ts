import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readRecording, recordingNames, recordingNumbered } from './recording.ts'
import { differences } from './shape.ts'
import { SESSIONS, UNCOVERED } from './sessions.ts'
import type { Answer, World } from './worlds.ts'
import type { Recording } from './recording.ts'
import type { Replay, Session } from './sessions.ts'

/**
 * Replays recorded exchanges against the simulated controller, seeded alike and in the order in which they were recorded, and compares
 * status, the names of its headers and the values of those that a client acts on, the keys of the answer, the types of its values, and the values that say what happened.
 */
describe.each(SESSIONS)('$title', ({ start, steps }) => {
  let world: World
  beforeAll(async () => {
    world = await start()
  })
  afterAll(async () => {
    await world[Symbol.asyncDispose]()
  })

  test.each(exchanges(steps))('$name: $recording.request.method $recording.request.path', async exchange => {
    for (const act of exchange.before) await act(world)
    const answer = await replay(world, exchange.recording, exchange.replay)
    expect(compare(exchange.recording, answer, exchange.replay).join('\n')).toBe('')
  })
})

test('every recording is replayed, or listed with the reason why not', () => {
  const replayed = SESSIONS.flatMap(({ steps }) =>
    steps.flatMap(step => (typeof step === 'function' ? [] : [recordingNumbered(step.number)])),
  )
  const listed = Object.values(UNCOVERED).flat().map(recordingNumbered)
  expect([...replayed, ...listed].sort()).toEqual(recordingNames())
  expect(replayed.length).toBe(184)
})

type Exchange = { name: string; recording: Recording; replay: Replay; before: ((world: World) => unknown)[] }

/** Each replay with what is to be done before it. */
function exchanges(steps: Session['steps']): Exchange[] {
  const found: Exchange[] = []
  let before: Exchange['before'] = []
  for (const step of steps) {
    if (typeof step === 'function') {
      before.push(step)
      continue
    }
    const name = recordingNumbered(step.number)
    found.push({ name, recording: readRecording(name), replay: step, before })
    before = []
  }
  return found
}

async function replay(world: World, { request }: Recording, { as, raw, path = p => p }: Replay): Promise<Answer> {
  return world.ask(request.method, path(request.path.replaceAll('+', '%2B')), request.body, as, raw)
}

/** Headers whose values a client acts on. */
const HEADERS = ['Content-Type', 'WWW-Authenticate', 'Allow'] as const
/** Recorded headers that need not be there: they are those of the web server before the product. */
const OF_THE_WEB_SERVER = ['Server', 'Connection']
/** Said of an account that was let in, and to nobody else; other headers were not all kept by the recorder. */
const WHEN_LET_IN = 'X-API-Product-Version'

function compare({ response }: Recording, answer: Answer, step: Replay): string[] {
  const found: string[] = []
  if (answer.status !== response.status)
    return [`status ${answer.status} in place of ${response.status}: ${answer.text.slice(0, 300)}`]
  for (const name of HEADERS) {
    const [recorded, actual] = [response.headers[name] ?? null, answer.headers.get(name)]
    if (recorded !== null && recorded !== actual) found.push(`${name}: ${actual} in place of ${recorded}`)
  }
  for (const name of Object.keys(response.headers))
    if (!answer.headers.has(name) && !OF_THE_WEB_SERVER.includes(name)) found.push(`${name}: missing`)
  if (answer.headers.has(WHEN_LET_IN) && !(WHEN_LET_IN in response.headers)) found.push(`${WHEN_LET_IN}: not recorded`)
  // A Location names an id; which kind of object it names must be right.
  const kind = (location: string | null | undefined): string => (location ?? '').replace(/\d+/g, 'N')
  if (kind(answer.headers.get('Location')) !== kind(response.headers['Location']))
    found.push(`Location: ${answer.headers.get('Location')}`)
  if (typeof response.body === 'string') {
    if (step.sameText !== false && answer.text !== response.body) found.push(`body: ${answer.text.slice(0, 300)}`)
    return found
  }
  return [...found, ...differences(response.body, answer.body, step)]
}
