import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createMetrics } from '../../src/telemetry/index.ts'
import { viewWarnings } from '../../src/service/serve/view-warning.ts'

function warnings() {
  const logged: Record<string, unknown>[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line) as never) })
  const metrics = createMetrics()
  return { ...viewWarnings(logger, metrics), logged, metrics }
}

test('twenty hosts of a view that are not called as it asks are named, then it is said that there are more, once', () => {
  const { warnOfName, logged } = warnings()
  for (let at = 0; at < 50; at += 1) warnOfName('v', `web-${at}.shop.prod-1`, 'several would be called web')
  warnOfName('other', 'db-1.shop.prod-1', 'a group is called db')
  expect(logged.filter(({ view }) => view === 'v')).toHaveLength(21)
  expect(logged[0]).toMatchObject({ level: 40, host: 'web-0.shop.prod-1', because: 'several would be called web' })
  expect(logged[20]).toMatchObject({ msg: expect.stringContaining('more hosts of this view') })
  expect(logged.at(-1)).toMatchObject({ view: 'other', host: 'db-1.shop.prod-1' })
})

test('too many groups are a line in the log, failures of expressions a number', async () => {
  const { warnOfGroups, onFailure, logged, metrics } = warnings()
  warnOfGroups('v', 'expression tier', 2_000)
  for (let at = 0; at < 3; at += 1) onFailure('tier', 'No such key: tier')
  expect(logged).toEqual([expect.objectContaining({ level: 40, view: 'v', label: 'expression tier', most: 2_000 })])
  expect(await metrics.registry.metrics()).toContain(
    'virtbridge_inventory_expression_failures_total{expression="tier"} 3',
  )
})

test('twenty groups of a view that different values make are named, then it is said that there are more, once', () => {
  const { warnOfMerged, logged } = warnings()
  for (let at = 0; at < 50; at += 1)
    warnOfMerged('v', `label_tier_${at}`, ['its label tier is a.b', 'its label tier is A-b'])
  expect(logged).toHaveLength(21)
  expect(logged[0]).toMatchObject({ level: 40, group: 'label_tier_0', because: { length: 2 } })
  expect(logged[20]).toMatchObject({ msg: expect.stringContaining('more groups of this view') })
})
