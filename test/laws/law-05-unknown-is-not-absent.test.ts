import { describe, expect, test } from 'vitest'
import { aVm, aVmi, Folding, listed, live, unavailable, watching } from '../cluster/folding.ts'
import { HOLDS } from '../vm/story.ts'

/** A VM that is reachable, and a bridge that begins anew. */
function restarted(): Folding {
  const folding = new Folding(false).take(listed('vm', aVm('a')), listed('vmi', aVmi('a')))
  folding.fold.adopt()
  folding.restart()
  folding.told.splice(0)
  return folding
}

describe('Unknown is not absent.', () => {
  test.each([
    ['only VMs were listed', [listed('vm', aVm('a')), watching('vm')]],
    ['only VMIs were listed, without its own', [listed('vmi'), watching('vmi')]],
    [
      'VMs change, and VMIs were not listed',
      [listed('vm', aVm('a')), live('changed', 'vm', aVm('a', { status: 'Stopped' })), live('changed', 'vm', aVm('b'))],
    ],
    ['VMIs are forbidden', [listed('vm', aVm('a')), unavailable('vmi', 'forbidden')]],
    ['VMIs are not installed', [listed('vm', aVm('a')), unavailable('vmi', 'absent')]],
    ['VMIs can not be reached', [listed('vm', aVm('a')), unavailable('vmi', 'unreachable')]],
    ['VMs can not be reached', [listed('vmi'), unavailable('vm', 'unreachable')]],
  ])('no fact arises while %s', (_, inbound) => {
    const folding = restarted()
      .take(...inbound)
      .wait(HOLDS.unreachable)
    expect([folding.told, folding.fold.complete]).toEqual([[], false])
  })

  test.each(['forbidden', 'absent'] as const)('nobody stops because VMIs become %s', kind => {
    const folding = restarted().take(listed('vm', aVm('a')), listed('vmi', aVmi('a')), watching('vm'), watching('vmi'))
    folding
      .take(unavailable('vmi', kind), live('changed', 'vm', aVm('a', { status: 'Unknown' })))
      .wait(HOLDS.unreachable)
    folding.take(listed('vm', aVm('a'))).wait(HOLDS.unreachable)
    expect(folding.told).toEqual([])
  })

  test('what waits is not told while nobody could see it end', () => {
    const folding = restarted().take(listed('vm', aVm('a')), listed('vmi'), watching('vm'), watching('vmi'))
    folding.take(unavailable('vmi', 'unreachable')).wait(HOLDS.stopped)
    expect(folding.told).toEqual([])
    folding
      .take(live('changed', 'vmi', aVmi('a', { uid: 'boot-2', agentConnected: false })), watching('vmi'))
      .wait(HOLDS.stopped)
    expect(folding.told).toEqual(['restarted a'])
  })
})
