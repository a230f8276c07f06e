import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/bridge.ts'
import { blocksOf, page } from '../docs/documents.ts'
import { expectNothingLostOrInvented, readRecord, startDemo } from '../support/demo.ts'

test('the demo tells the whole main job, is killed in the middle, goes on where it was, and loses and invents no VM', async () => {
  await using folder = await temporaryFolder()
  const dir = join(folder.path, 'demo')

  const first = startDemo(dir, '--fresh')
  await first.printed('created          debian-cache.shop.dev-1')
  first.child.kill('SIGKILL')
  await first.ended

  const second = startDemo(dir, '--exit-when-done')
  expect(await second.ended, second.text()).toBe(0)
  expect(second.text()).toContain('is onboarded: news, reachable, the right guest, launched once')
  expect(second.text()).toContain('host_failed      debian-cache.shop.dev-1')
  expect(second.text()).toContain('patched, host by host')
  const [shown = ''] = blocksOf(page('README.md')).filter(block => block.includes('  joined  '))
  const told = shapeOf(first.text() + second.text())
  // What became of a guest between the two is told before the second listens.
  const lines = shown.split('\n').filter(line => !line.includes('  reachable  '))
  expect(lines.length).toBeGreaterThan(5)
  expect(lines.filter(line => !told.includes(shapeOf(line)))).toEqual([])

  const third = startDemo(dir)
  await third.printed('the story is told')
  const record = await readRecord(third, dir)
  third.child.kill('SIGTERM')
  expect(await third.ended, third.text()).toBe(0)

  expectNothingLostOrInvented(record)
  const hosts = record.vms.map(vm => vm.host)
  expect(hosts).toContain('runner-1.build.dev-1')
  expect(hosts).not.toContain('mail-1.mail.prod-1')
  expect(JSON.stringify(record)).not.toMatch(/password/i)
  expect(record.runs.filter(run => run.verb === 'patch')).toEqual([
    expect.objectContaining({ outcome: 'ok', hosts: 2, asked_by: 'operator' }),
  ])
  const onboarded = record.runs.filter(run => run.verb === 'onboard').reduce((sum, run) => sum + run.hosts, 0)
  // rhel9-orders, debian-cache and, when it was ready before the end, the new runner-1: each once.
  expect(onboarded).toBeGreaterThanOrEqual(2)
  expect(onboarded).toBeLessThanOrEqual(3)
})

/** Lines of the demo without what may be another each time: when it was, which run, whether two guests came into one, and why a guest failed. */
function shapeOf(text: string): string {
  return text
    .replace(/\b\d\d:\d\d:\d\d\b/g, '<time>')
    .replace(/\brun [0-9a-f]{8}\b/g, 'run <id>')
    .replace(/\d+ hosts?, job \d+(, (ok|failed))?/g, '<hosts and job>')
    .replace(/(?<= skipped): .*/g, '')
}
