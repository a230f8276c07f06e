import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Audit } from '../../src/kube/audit.ts'
import { Budget } from '../../src/kube/index.ts'
import { isAtLeast } from '../../src/kube/version.ts'
import { clientOf, hear, SOON, startScripted, startWorld } from './world.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => {
  await stack.disposeAsync()
})

const OFTEN = { everyMs: 0, budget: new Budget({ atOnce: 1, perSecond: 1_000 }) }
const event = (type: string, name: string, version: number): string =>
  `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: String(version) } } })}\n`
const listed = (names: readonly string[], version: number): string =>
  JSON.stringify({ metadata: { resourceVersion: String(version) }, items: names.map(name => ({ metadata: { name } })) })

describe('an audit', () => {
  test('of a watch that missed nothing says what is there, in the order of the watch', async () => {
    const at = stack.use(await startWorld({ watch: { bookmarkEveryMs: 10 } }))
    at.addVm('a')
    const heard = stack.use(hear(stack.use(clientOf(at.server.url)), { audit: OFTEN }))
    await expect.poll(() => heard.words, SOON).toContain('watching')
    for (const name of ['b', 'c', 'd']) {
      at.addVm(name)
      await expect.poll(() => heard.words, SOON).toContain(`changed ${name}`)
    }
    at.removeVm('b')
    await expect.poll(() => heard.words.at(-1), SOON).toBe('audited a c d')
    // Each audit says exactly what was known when it was told.
    const known = new Set<string>()
    const audits: [told: string, known: string][] = []
    for (const word of heard.words) {
      const [kind = '', ...names] = word.split(' ')
      if (kind === 'listed' || kind === 'changed') for (const name of names) known.add(name)
      if (kind === 'gone') known.delete(names[0] ?? '')
      if (kind === 'audited') audits.push([names.sort().join(' '), [...known].sort().join(' ')])
    }
    expect(audits.map(([told]) => told)).toEqual(audits.map(([, were]) => were))
  })

  test('tells what a watch lost, once the watch has come as far as its list', async () => {
    let lists = 0
    const server = stack.use(
      await startScripted((path, response) => {
        if (path.includes('watch=1')) {
          response.write(event('BOOKMARK', '', 6))
          setTimeout(() => response.write(event('ADDED', 'c', 9)), 20)
          // Again and again: the list may be later than the first.
          const beat = setInterval(() => response.write(event('BOOKMARK', '', 10)), 40)
          response.on('close', () => clearInterval(beat))
          return
        }
        lists += 1
        response.end(lists === 1 ? listed(['a', 'b'], 5) : listed(['a', 'c'], 9))
      }),
    )
    const audit = { everyMs: 60_000, budget: OFTEN.budget }
    const heard = stack.use(hear(stack.use(clientOf(server.url)), { audit, random: () => -0.5 }))
    await expect
      .poll(() => heard.words.slice(0, 4), SOON)
      .toEqual(['listed a b', 'watching', 'changed c', expect.stringMatching(/^audited (a c|c a)$/)])
  })

  test('whose list fails is made another time, and nothing is told of it', async () => {
    const at = stack.use(await startWorld({ watch: { bookmarkEveryMs: 10 } }))
    at.server.faults.plant({ kind: 'status', code: 500 }, request => request?.query.has('limit') === true, 2)
    const heard = stack.use(hear(stack.use(clientOf(at.server.url)), { audit: OFTEN }))
    await expect.poll(() => heard.words.at(-1), SOON).toBe('audited')
    expect(heard.words.filter(word => word !== 'audited')).toEqual(['listed', 'watching'])
  })

  test.each([
    ['half of its time', 0, 50_000],
    ['its time', 0.5, 100_000],
    ['nearly one and a half of it', 0.96875, 146_875],
  ])(
    'is made again and again, after %s, as chance has it: not those of all clusters at once',
    async (_, random, ms) => {
      let now = 0
      const at = stack.use(await startWorld({ watch: { bookmarkEveryMs: 10 } }))
      const audit = { everyMs: 100_000, budget: new Budget({ atOnce: 1, perSecond: 1_000 }) }
      const heard = stack.use(
        hear(stack.use(clientOf(at.server.url)), { audit, random: () => random, clock: () => now }),
      )
      await expect.poll(() => heard.words, SOON).toContain('watching')
      const audits = (): number => heard.words.filter(word => word.startsWith('audited')).length
      for (const turn of [1, 2]) {
        now += ms - 1
        // What comes by the watch is the occasion on which it is looked whether it is time.
        at.addVm(`early-${turn}`)
        await expect.poll(() => heard.words.at(-1), SOON).toBe(`changed early-${turn}`)
        expect(audits()).toBe(turn - 1)
        now += 1
        await expect.poll(audits, SOON).toBe(turn)
      }
    },
  )

  test('is given up when so much changes meanwhile that it would take too much room', () => {
    const audit = new Audit<string>(new Promise(() => {}))
    const note = (n: number): void => {
      audit.note({ resourceVersion: '1', mark: '', told: { kind: 'changed', object: String(n) } }, name => name)
    }
    for (let n = 0; n < 50_000; n += 1) note(n)
    expect(audit.failed).toBe(false)
    note(50_000)
    expect(audit.failed).toBe(true)
  })
})

test.each([
  ['5', '5', true],
  ['10', '9', true],
  ['9', '10', false],
  ['18446744073709551615', '18446744073709551614', true],
  ['a', '5', null],
  ['5', '', null],
])('resourceVersion %s is at least %s: %s', (version, other, answer) => {
  expect(isAtLeast(version, other)).toBe(answer)
})
