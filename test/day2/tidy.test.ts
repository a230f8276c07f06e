import { expect, test } from 'vitest'
import { Ledger, newRun, type VerbRecord } from '../../src/day2/index.ts'
import { forgotten, runEntry } from '../../src/day2/record.ts'
import { buried } from '../../src/day2/verb-record.ts'
import { uuid } from './guest.ts'

const verb = (uid: string, at: number): VerbRecord => ({
  schema: 1,
  kind: 'verb',
  uid,
  host: `${uid}.shop.prod-1`,
  verb: 'onboard',
  status: 'ok',
  run: 'r',
  asked_by: 'bridge',
  detail: '',
  at,
  refusals: 0,
})

test('what a verb did is kept while its VM lives, and for a time after; then the ledger forgets it', () => {
  const ledger = new Ledger()
  for (const record of [verb('alive', 1), verb('just-gone', 100), verb('long-gone', 1)]) {
    ledger.apply({ key: `vm/${record.uid}/onboard`, value: record })
  }

  const entries = buried(ledger.outlived(uid => uid === 'alive', 50))
  for (const entry of entries) ledger.apply(entry)

  expect(entries).toEqual([{ stream: 'state.runs', key: 'vm/long-gone/onboard', value: null }])
  expect([...ledger.verbs()].map(record => record.uid)).toEqual(['alive', 'just-gone'])
})

test.each([10, 25, 1_000])(
  'of runs that have ended the newest %d are kept, of ours and of others each, and those under way',
  keep => {
    const ledger = new Ledger()
    const external = { by: 'alice', launch_type: 'manual', limit: '', whole: false, copy_of: '' }
    const wish = { verb: 'patch', template: 'T', askedBy: 'ops', reason: '', hosts: [] }
    for (let number = 0; number < 30; number += 1) {
      const run = { ...newRun({ ...wish, id: uuid(number) }, number), status: 'finished' as const, finished_at: number }
      ledger.apply(runEntry(run))
      ledger.apply(runEntry({ ...run, id: uuid(100 + number), external }))
    }
    ledger.apply(runEntry(newRun({ ...wish, id: uuid(500) }, 0)))

    for (const entry of forgotten(ledger.expired(keep), ledger)) ledger.apply(entry)

    const most = Math.min(keep, 30)
    expect(ledger.runs.size).toBe(2 * most + 1)
    const kept = [...ledger.runs.values()].filter(run => run.external === undefined && run.status === 'finished')
    expect(Math.min(...kept.map(run => run.finished_at))).toBe(30 - most)
  },
)
