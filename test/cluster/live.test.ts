import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ClusterFold } from '../../src/cluster/fold.ts'
import { LiveChanges } from '../../src/cluster/live.ts'
import type { Staged } from '../../src/cluster/staged.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { CLUSTER, HOLDS } from '../vm/story.ts'
import { aVm, listed, live } from './folding.ts'

interface Stored {
  readonly keys: readonly string[]
  readonly done: PromiseWithResolvers<void>
}

/** A cluster of VMs, and a log that is as slow as the test says. */
function open(vms: number) {
  const records = new Map<string, VmRecord>()
  const fold = new ClusterFold({ cluster: CLUSTER, holds: HOLDS, adopted: true, records })
  const names = Array.from({ length: vms }, (_, n) => `vm-${n}`)
  for (const one of [listed('vm', ...names.map(name => aVm(name))), listed('vmi')])
    for (const staged of fold.fold(one, 1)) if (staged !== null) fold.commit(staged)
  const stored: Stored[] = []
  const told: string[] = []
  const changes = new LiveChanges(fold, async batch => {
    const staged = batch.filter((one): one is Staged => one !== null)
    const done = Promise.withResolvers<void>()
    stored.push({ keys: staged.map(({ key }) => key), done })
    await done.promise
    for (const one of staged) {
      told.push(...one.facts.map(fact => `${one.key} ${fact.previous} ${fact.id}`))
      fold.commit(one)
    }
  })
  const label = (name: string, turn: number): Promise<void> =>
    changes.take(live('changed', 'vm', aVm(name, { labels: { turn: String(turn) } })), turn)
  return { changes, stored, told, records, label }
}

const settled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>(resolve => setImmediate(resolve, false))])

describe('live changes', () => {
  test('of different VMs are stored a hundred at a time, and the next are looked at meanwhile', async () => {
    const { changes, stored, label } = open(250)
    for (let n = 0; n < 199; n += 1) await label(`vm-${n}`, 1)
    expect(stored.map(({ keys }) => keys.length)).toEqual([100])
    const full = label('vm-199', 1)
    expect(await settled(full)).toBe(false)
    stored[0]?.done.resolve()
    await full
    expect(stored.map(({ keys }) => keys.length)).toEqual([100, 100])
    await label('vm-200', 1)
    stored[1]?.done.resolve()
    const end = changes.end()
    expect(await settled(end)).toBe(false)
    stored[2]?.done.resolve()
    await end
    expect(stored.map(({ keys }) => keys.length)).toEqual([100, 100, 1])
  })

  test('of a VM that comes again wait until what was told of it is durable', async () => {
    const { changes, stored, told, records, label } = open(1)
    await label('vm-0', 1)
    const again = label('vm-0', 2)
    expect(await settled(again)).toBe(false)
    expect([stored.length, records.get('shop/vm-0')?.seen.labels]).toEqual([1, aVm('vm-0').labels])
    stored[0]?.done.resolve()
    await again
    const end = changes.end()
    await settled(end)
    stored[1]?.done.resolve()
    await end
    const [[, , first] = [], [, previous] = []] = told.map(line => line.split(' '))
    expect(previous).toBe(first)
  })

  test('go on while more comes, ten times in a row; then all are waited for, as they are when no more comes', async () => {
    const { changes, stored, label } = open(1)
    await label('vm-0', 1)
    for (let turn = 1; turn < 10; turn += 1) expect(await changes.rest(true)).toBe(false)
    expect(stored).toEqual([])
    for (const more of [true, false]) {
      const rest = changes.rest(more)
      expect(await settled(rest)).toBe(false)
      stored.at(-1)?.done.resolve()
      expect(await rest).toBe(true)
      await label('vm-0', more ? 2 : 3)
    }
    expect(stored).toHaveLength(2)
  })

  test('that can not be stored end it: nothing after them is stored', async () => {
    const { changes, stored, label } = open(3)
    await label('vm-0', 1)
    const again = label('vm-0', 2)
    await settled(again)
    stored[0]?.done.reject(new Error('the log is lost'))
    await expect(again).rejects.toThrow('the log is lost')
    await expect(changes.end()).rejects.toThrow('the log is lost')
    expect(stored).toHaveLength(1)
  })

  test('are all told, in order, each on what was told before it, whatever comes when', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(4), { maxLength: 40 }), fc.nat(3), async (vms, late) => {
        const { changes, stored, told, records, label } = open(5)
        const all = (async () => {
          for (const [turn, n] of vms.entries()) await label(`vm-${n}`, turn + 1)
          await changes.end()
        })()
        for (let done = 0; !(await settled(all));)
          if (stored.length > done) {
            for (let n = 0; n < late; n += 1) await Promise.resolve()
            stored[done]?.done.resolve()
            done += 1
          }
        for (let n = 0; n < 5; n += 1) {
          const lines = told.map(line => line.split(' ')).filter(([key]) => key === `shop/vm-${n}`)
          expect(lines.length).toBe(vms.filter(vm => vm === n).length)
          expect(lines.slice(1).map(([, previous]) => previous)).toEqual(lines.slice(0, -1).map(([, , id]) => id))
          const turn = vms.lastIndexOf(n) + 1
          const labels = turn === 0 ? aVm('x').labels : { turn: String(turn) }
          expect(records.get(`shop/vm-${n}`)?.seen.labels).toEqual(labels)
        }
      }),
      { numRuns: 100 },
    )
  })
})
