import { expect, test } from 'vitest'
import { Ledger, type VerbRecord } from '../../src/day2/index.ts'
import { buried } from '../../src/day2/record.ts'

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
