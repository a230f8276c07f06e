import { describe, expect, test } from 'vitest'
import { HOLDS, reachable, Story, vm, vmi } from './story.ts'

const up = 'created started reachable'
const failed = vmi({ phase: 'Failed', end: 'failed' })
const down = vm({ status: 'Stopped' })

const rows: readonly (readonly [string, () => Story, string])[] = [
  ['a guest that fails while nobody asked is a crash, at once', () => reachable().look(vm(), failed), `${up} crashed`],
  [
    'what crashed and stays (Manual, Once) is not stopped as well',
    () => reachable().look(vm(), failed).wait(HOLDS.stopped).look(down).wait(HOLDS.stopped),
    `${up} crashed`,
  ],
  [
    'after a crash the next boot is a start, not a restart',
    () =>
      reachable()
        .look(vm(), failed)
        .look(vm(), vmi({ uid: 'boot-2', agentConnected: false })),
    `${up} crashed started`,
  ],
  [
    'a crash that is seen when the next boot runs is a restart',
    () => reachable().look(vm(), vmi({ uid: 'boot-2', agentConnected: false })),
    `${up} restarted`,
  ],
  [
    'a forced stop looks like a crash: whom somebody asked to stop before has not crashed',
    () =>
      reachable()
        .look(vm(), vmi({ phase: 'Failed', end: 'asked' }))
        .wait(HOLDS.stopped),
    `${up} stopped`,
  ],
  ...(
    [
      ['is Halted', vm({ runStrategy: 'Halted' })],
      ['was told to stop this boot', vm({ stopAsked: 'boot-1' })],
      ['is being deleted', vm({ deleting: true })],
    ] as const
  ).map(
    ([what, part]) =>
      [
        `nor has a guest whose VM ${what}`,
        () => reachable().look(part, failed).wait(HOLDS.stopped),
        `${up} stopped`,
      ] as const,
  ),
  [
    'a word to stop another boot does not excuse the crash of this one',
    () => reachable().look(vm({ stopAsked: 'boot-0' }), failed),
    `${up} crashed`,
  ],
  [
    'a boot that failed before anybody heard of its start is no crash',
    () => new Story().look(vm(), failed).wait(HOLDS.stopped),
    'created',
  ],
  [
    'boots that fail before the guest runs are told at once, and once',
    () =>
      new Story()
        .look(vm({ status: 'CrashLoopBackOff', failedBoots: 1, failedBoot: 'boot-1' }))
        .look(vm({ status: 'Starting', failedBoots: 1, failedBoot: 'boot-1' }))
        .look(vm({ status: 'CrashLoopBackOff', failedBoots: 2, failedBoot: 'boot-2' })),
    'created start_failed',
  ],
  [
    'a status that hinders is told when it lasts',
    () => new Story().look(vm({ status: 'ErrorUnschedulable' })).wait(HOLDS.stopped),
    'created start_failed',
  ],
  [
    'a status that hinders for a moment is no fact',
    () =>
      new Story()
        .look(vm({ status: 'ErrorPvcNotFound' }))
        .wait(HOLDS.stopped - 1)
        .look(vm({ status: 'Starting' }))
        .wait(HOLDS.stopped),
    'created',
  ],
  [
    'statuses that alternate hinder as one',
    () =>
      new Story()
        .look(vm({ status: 'ErrImagePull' }))
        .wait(HOLDS.stopped - 1)
        .look(vm({ status: 'ImagePullBackOff' }))
        .wait(1),
    'created start_failed',
  ],
  [
    'to be provisioned, or to wait for a volume, hinders nothing',
    () =>
      new Story()
        .look(vm({ status: 'Provisioning' }))
        .wait(HOLDS.stopped)
        .look(vm({ status: 'WaitingForVolumeBinding' }))
        .wait(HOLDS.stopped),
    'created',
  ],
  [
    'once it ran, or nobody wanted it to, the next failure is told again',
    () =>
      new Story()
        .look(vm({ failedBoots: 1, failedBoot: 'boot-1' }))
        .look(vm(), vmi({ uid: 'boot-2', agentConnected: false }))
        .look(vm({ status: 'CrashLoopBackOff', failedBoots: 1, failedBoot: 'boot-3' }))
        .wait(HOLDS.stopped)
        .look(vm({ runStrategy: 'Halted', status: 'Stopped' }))
        .look(vm({ failedBoots: 1, failedBoot: 'boot-4' })),
    'created start_failed started stopped start_failed start_failed',
  ],
  [
    'a restart that finds no room is a stop, then a failure',
    () =>
      reachable()
        .look(vm({ status: 'ErrorUnschedulable' }), vmi({ uid: 'boot-2', phase: 'Scheduling' }))
        .wait(HOLDS.stopped),
    `${up} stopped start_failed`,
  ],
  [
    'a VMI that only waits to receive a guest of another cluster has not started',
    () =>
      new Story()
        .look(vm({ runStrategy: 'WaitAsReceiver' }), vmi({ phase: 'WaitingForSync' }))
        .wait(HOLDS.stopped)
        .look(vm(), vmi({ agentConnected: false })),
    'created started',
  ],
]

describe('whether a VM runs', () => {
  test.for(rows)('%s', ([, play, told]) => {
    expect(play().told.join(' ')).toBe(told)
  })

  test.each([
    ['asked', vm({ runStrategy: 'Halted' }), vmi({ end: 'asked' })],
    ['guest shut down', vm({ runStrategy: 'Once' }), vmi({ phase: 'Succeeded', end: 'shutdown' })],
    ['went to another cluster', vm(), vmi({ phase: 'Succeeded', end: 'away' })],
    ['', vm(), vmi()],
  ] as const)('a stop says why (%s), even when its VMI is long gone', (reason, part, boot) => {
    const story = reachable().look(part, boot).look(down).restart().wait(HOLDS.stopped)
    expect(story.last).toMatchObject({ fact: 'stopped', reason })
  })

  test('a stop that nobody saw the end of was asked for, when the VM is Halted now', () => {
    const story = reachable()
      .look(vm({ runStrategy: 'Halted', status: 'Stopped' }))
      .wait(HOLDS.stopped)
    expect(story.last).toMatchObject({ fact: 'stopped', reason: 'asked' })
  })

  test('a crash says what KubeVirt says, and a failure to start what hinders', () => {
    const lost = vmi({ phase: 'Failed', end: 'failed', reason: 'NodeUnresponsive' })
    expect(reachable().look(vm(), lost).last).toMatchObject({ reason: 'NodeUnresponsive', changed: ['boot'] })
    const stuck = new Story().look(vm({ status: 'DataVolumeError' })).wait(HOLDS.stopped).last
    expect(stuck).toMatchObject({ reason: 'DataVolumeError', transition: { to: 'DataVolumeError' } })
  })
})
