import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { blocksOf, page, shapeOf } from '../docs/documents.ts'
import { runToEnd } from '../servers/run.ts'

const ROOT = join(import.meta.dirname, '..', '..')

test('npm run demo -- --eda: the event of a new guest goes over a Kafka to a rulebook, the job that it launches is on record, and nothing is left', async () => {
  const args = ['run', '-s', 'demo', '--', '--eda', '--exit-when-done', '--speed', '3', '--port', '0']
  const child = spawn('npm', args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  // With all that it started; when it ended by itself there is nobody any more.
  onTestFinished(() => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    } catch {}
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += String(chunk)))
  const [code] = (await once(child, 'exit')) as [number | null]
  expect(code, text).toBe(0)
  const told = [
    'ansible-rulebook runs rulebooks/aap26/eda-onboard.yml',
    'the rulebook reads virtbridge.events.vm',
    'somebody creates a RHEL 9 guest on prod-1',
    'rhel9-orders.shop.prod-1 is onboarded: its event went over Kafka to a rulebook, and the job that launched, by controller:virtbridge-rulebooks, is on record here',
    'the story is told',
    'the rulebook is stopped',
    'Kafka is stopped, and what it held is removed',
  ]
  const places = told.map(line => text.indexOf(line))
  expect(places, text).toEqual(places.filter(place => place >= 0).sort((a, b) => a - b))
  expect(text).not.toContain('the API was asked')
  const [block = ''] = blocksOf(page('docs/eda.md')).filter(each => each.startsWith('$ npm run demo'))
  const [, ...shown] = storyOf(block)
  const lines = new Set(storyOf(text))
  expect(shown.length).toBeGreaterThan(10)
  expect(
    shown.filter(line => !lines.has(line)),
    text,
  ).toEqual([])
})

test('a folder to remember things in is refused at once, as all of that demo goes with its Kafka', async () => {
  const { status, stderr } = await runToEnd('npm', ['run', '-s', 'demo', '--', '--eda', '--dir', 'kept'], { cwd: ROOT })
  expect(status).toBe(1)
  expect(stderr).toMatch(/what the demo remembers goes with it\n {2}leave out --dir/)
})

/** Its lines without what is another each time. */
function storyOf(text: string): readonly string[] {
  return shapeOf(text)
    .replace(/\b\d\d:\d\d:\d\d\b/g, '<at>')
    .replace(/\brun [0-9a-f]{8}\b/g, 'run <id>')
    .split('\n')
}
