import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Event } from '../../src/event/index.ts'
import { blocksOf, page } from '../docs/documents.ts'
import { samples } from '../event/samples.ts'
import { RULEBOOKS } from '../servers/python-environment.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { type RulebookRun, runningRulebook } from './rulebook-run.ts'

const SOURCES = join(import.meta.dirname, '..', 'eda', 'lines')
const SELECT = { kinds: ['vm'], facts: ['started', 'stopped'], news: true, selector: 'env=prod' }

/** The example of docs/eda.md. */
const [DOCUMENTED = ''] = blocksOf(page('docs/eda.md')).filter(block => block.includes('virtbridge.fleet.select'))
interface Example {
  readonly sources: readonly { readonly filters: readonly object[] }[]
  readonly rules: readonly { readonly condition: string }[]
}

/**
 * Three readers of one file: the one is laid open and selected from, of the other everything is laid open, and the third has the filters
 * and the condition of the example.
 */
const rulesets = (path: string): readonly object[] => [
  exampleOf('Documented', path),
  rulesetOf('Selected', path, [{ 'virtbridge.fleet.select': SELECT }, { 'virtbridge.fleet.unwrap': null }]),
  rulesetOf('All', path, [{ 'virtbridge.fleet.unwrap': {} }]),
]

function exampleOf(name: string, path: string): object {
  const { sources, rules } = parse(DOCUMENTED) as Example
  const [source] = sources
  const read = { name: `lines_of_${name}`, 'virtbridge.test.lines': { path }, filters: source?.filters }
  const action = { debug: { msg: `${name} launches on {{ event.limit }}` } }
  return { name, hosts: 'nobody', sources: [read], rules: rules.map(rule => ({ name, ...rule, action })) }
}

function rulesetOf(name: string, path: string, filters: readonly object[]): object {
  const say = (msg: string): object => ({ debug: { msg: `${name} ${msg}` } })
  return {
    name,
    hosts: 'nobody',
    sources: [{ name: `lines_of_${name}`, 'virtbridge.test.lines': { path }, filters }],
    rules: [
      {
        name: 'a start',
        condition:
          '(event.fact == "started") and (event.news == true) and (event.limit != "") and (event.vm.os.family == "linux") and (event.vm.labels["env"] == "prod")',
        action: say('launches on {{ event.limit }}'),
      },
      {
        name: 'no limit',
        condition: '(event.kind == "vm") and (event.limit == "")',
        action: say('refuses {{ event.host }}'),
      },
      {
        name: 'another',
        condition: 'event.fact is defined',
        action: say('sees {{ event.kind }} {{ event.fact }} {{ event.id }}'),
      },
      { name: 'not ours', condition: 'event.body.note is defined', action: say('reads {{ event.body.note }}') },
    ],
  }
}

/** The event of a fact as the bridge makes it, of a guest whose name is `host`, with what differs. */
function eventOf(fact: string, host: string, data: object = {}): Event {
  const event = samples().get(fact)
  if (event === undefined) throw new Error(`no sample of ${fact}`)
  const { vm } = event.data as { vm: object }
  const known = { ...vm, os: { family: 'linux', id: 'rhel', name: '', version: '9.4' }, labels: { env: 'prod' } }
  return { ...event, data: { ...event.data, host, vm: known, ...data } } as Event
}

describe.each(RULEBOOKS)('the filters in ansible-rulebook %s', version => {
  const stack = new AsyncDisposableStack()
  let path: string
  let run: RulebookRun
  let notes = 0

  beforeAll(async () => {
    path = join(stack.use(await temporaryFolder()).path, 'events')
    await writeFile(path, '')
    run = stack.use(await runningRulebook({ version, rulebook: rulesets(path), args: [`--source-dir=${SOURCES}`] }))
  })
  afterAll(() => stack.disposeAsync())

  /** Tells of events, and gives what the rules said of them; by a note behind them it knows when. */
  async function saidOf(...events: readonly object[]): Promise<readonly string[]> {
    const before = (await run.log()).length
    const note = `note-${(notes += 1)}`
    const marker = eventOf('vm.started', `${note}.shop.prod-1`)
    const bodies = [...events, marker, { note }]
    await appendFile(path, bodies.map(body => `${JSON.stringify({ body })}\n`).join(''))
    await run.said(
      log =>
        ['Documented launches on', 'Selected launches on', 'All reads'].every(say => log.includes(`${say} ${note}`)),
      `told of ${note}`,
    )
    const said = (await run.log()).slice(before).split('\n')
    return said.filter(line => /^(Documented|Selected|All) /.test(line) && !line.includes(note)).sort()
  }

  test('a rule of one line launches on the guest that started', async () => {
    expect(await saidOf(eventOf('vm.started', 'web-1.shop.prod-1'))).toEqual([
      'All launches on web-1.shop.prod-1',
      'Documented launches on web-1.shop.prod-1',
      'Selected launches on web-1.shop.prod-1',
    ])
  })

  test.each<[string, Event]>([
    ['was there before', eventOf('vm.started', 'web-2.shop.prod-1', { origin: 'bootstrap' })],
    ['is one of too many', eventOf('vm.started', 'web-2.shop.prod-1', { burst: true })],
    ['is another fact', eventOf('vm.paused', 'web-2.shop.prod-1')],
  ])('what %s is not selected, and seen where nothing is', async (_, event) => {
    const { fact } = event.data as { fact: string }
    expect(await saidOf(event)).toEqual([`All sees vm ${fact} ${event.id}`])
  })

  test('a guest whose name is no limit is refused', async () => {
    expect(await saidOf(eventOf('vm.started', 'all'), eventOf('vm.stopped', '{{ 6*7 }}'))).toEqual([
      'All refuses all',
      'All refuses {{ 6*7 }}',
      'Selected refuses all',
      'Selected refuses {{ 6*7 }}',
    ])
  })

  test('every event of the catalogue is laid open', async () => {
    const others = [...samples()].filter(([fact]) => fact !== 'vm.started')
    const said = await saidOf(...others.map(([, event]) => event))
    const seen = said.filter(line => line.startsWith('All '))
    expect(seen).toEqual(others.map(([name, event]) => `All sees ${name.replace('.', ' ')} ${event.id}`).sort())
  })
})
