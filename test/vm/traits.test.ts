import { describe, expect, test } from 'vitest'
import { HOLDS, reachable, Story, vm, vmi } from './story.ts'

const up = 'created started reachable'
const NO_WORD = { family: '', id: '', name: '', version: '' }
const claim = (uid: string): { claims: Record<string, string> } => ({ claims: { 'web-1-root': uid } })
const copies = { claims: { 'web-1-root': 'claim-1', copy: 'claim-2' } }
const copied = { rootClaim: 'copy', copiedFrom: 'web-1-root' }
const disked = (): Story => new Story().with(claim('claim-1')).look(vm(), vmi()).wait(HOLDS.reachable)

const rows: readonly (readonly [string, () => Story, string])[] = [
  [
    'a guest that says it is another is told',
    () => reachable().look(vm(), vmi({ kernel: '5.14.0-503' })),
    `${up} guest_changed`,
  ],
  [
    'the first word of a guest is no change, whatever its template declared',
    () => new Story().look(vm({ declaredOs: 'windows10' })).look(vm(), vmi({ agentConnected: false })),
    'created started',
  ],
  [
    'a guest that says nothing for a moment, or while it boots, is not another',
    () =>
      reachable()
        .look(vm(), vmi({ os: NO_WORD, kernel: '' }))
        .look(vm(), vmi())
        .look(vm(), vmi({ uid: 'boot-2', os: NO_WORD, kernel: '', agentConnected: false }))
        .look(vm(), vmi({ uid: 'boot-2', agentConnected: false })),
    `${up} restarted`,
  ],
  [
    'a boot that must be restarted is told, once',
    () =>
      reachable()
        .look(vm({ restartRequired: true }), vmi())
        .look(vm({ restartRequired: true }), vmi()),
    `${up} restart_required`,
  ],
  [
    'a restart ends that without a word',
    () =>
      reachable()
        .look(vm({ restartRequired: true }), vmi())
        .look(vm(), vmi({ uid: 'boot-2', agentConnected: false })),
    `${up} restart_required restarted`,
  ],
  [
    'a stopped VM keeps stale conditions: nothing that does not run must be restarted',
    () =>
      new Story()
        .look(vm())
        .look(vm({ restartRequired: true }))
        .look(vm({ restartRequired: true }), vmi({ phase: 'Succeeded' })),
    'created',
  ],
  [
    'another claim of the disk it boots from is another disk',
    () => disked().look(vm()).wait(HOLDS.stopped).with(claim('claim-2')).look(vm()),
    `${up} stopped root_disk_replaced`,
  ],
  [
    'so is a volume of another name, when the next boot has it',
    () =>
      disked()
        .with({ claims: { 'web-1-root': 'claim-1', restored: 'claim-2' } })
        .look(vm({ rootClaim: 'restored' }), vmi())
        .look(vm({ rootClaim: 'restored' }), vmi({ uid: 'boot-2', rootClaim: 'restored', agentConnected: false })),
    `${up} root_disk_replaced restarted`,
  ],
  [
    'a disk that was copied while the guest ran is no other',
    () =>
      disked()
        .with({ claims: { 'web-1-root': 'claim-1', copy: 'claim-2' } })
        .look(vm({ rootClaim: 'copy' }), vmi({ rootClaim: 'copy' }))
        .wait(HOLDS.stopped)
        .look(vm({ rootClaim: 'copy' }))
        .wait(HOLDS.stopped),
    `${up} stopped`,
  ],
  [
    'nor is one that was copied while nobody looked, and booted from since, when its VM says which it was copied from',
    () =>
      disked()
        .with(copies)
        .look(vm(copied), vmi({ uid: 'boot-2', rootClaim: 'copy', agentConnected: false })),
    `${up} restarted`,
  ],
  ['nor when the VM is down by now', () => disked().with(copies).look(vm(copied)).wait(HOLDS.stopped), `${up} stopped`],
  [
    'one that was copied from another than the one that is known is told',
    () =>
      disked()
        .with({ claims: { ...copies.claims, between: 'claim-3' } })
        .look(vm({ ...copied, copiedFrom: 'between' }))
        .wait(HOLDS.stopped),
    `${up} root_disk_replaced stopped`,
  ],
  [
    'so is one of which the disk it was copied from is gone by then: nobody can know that it was the same',
    () =>
      disked()
        .with({ claims: { copy: 'claim-2' } })
        .look(vm(copied))
        .wait(HOLDS.stopped),
    `${up} root_disk_replaced stopped`,
  ],
  [
    'so is one that the boot has while its VM speaks of the next one',
    () =>
      disked()
        .with({ claims: { ...copies.claims, restored: 'claim-3' } })
        .look(vm(copied), vmi({ uid: 'boot-2', rootClaim: 'restored', agentConnected: false })),
    `${up} root_disk_replaced restarted`,
  ],
  [
    'one that was replaced is told also when the end of the boot before it is seen later',
    () => disked().with(claim('claim-2')).look(vm(), vmi()).look(vm()).wait(HOLDS.stopped),
    `${up} root_disk_replaced stopped`,
  ],
  [
    'a claim that goes and comes back as it was is no other',
    () => disked().look(vm()).with({ claims: {} }).look(vm()).with(claim('claim-1')).look(vm(), vmi()),
    up,
  ],
  [
    'disks of a VM that never ran are still being made',
    () => new Story().with(claim('claim-1')).look(vm()).with(claim('claim-2')).look(vm()),
    'created',
  ],
  [
    'a claim that can be read from now on is the one it had',
    () => reachable().with(claim('claim-1')).look(vm(), vmi()),
    up,
  ],
  [
    'so is one that can be read from now on while the VM is down',
    () => reachable().look(vm()).wait(HOLDS.stopped).with(claim('claim-1')).look(vm()),
    `${up} stopped`,
  ],
]

describe('what a VM and its guest are', () => {
  test.for(rows)('%s', ([, play, told]) => {
    expect(play().told.join(' ')).toBe(told)
  })

  test('guest_changed says what, and from what to what', () => {
    const os = { family: 'linux', id: 'rhel', name: 'Red Hat Enterprise Linux', version: '10.0' }
    expect(reachable().look(vm(), vmi({ os, kernel: '6.12.0-55' })).last).toMatchObject({
      changed: ['os.version', 'kernel'],
      transition: {
        from: 'Red Hat Enterprise Linux 9.4 5.14.0-427',
        to: 'Red Hat Enterprise Linux 10.0 6.12.0-55',
      },
    })
  })

  test('what comes and goes has another id each time', () => {
    const story = disked()
    for (let turn = 0; turn < 3; turn += 1) {
      const boot = (values: Parameters<typeof vmi>[0] = {}): ReturnType<typeof vmi> =>
        vmi({ uid: `boot-${turn + 1}`, ...values })
      story.look(vm({ restartRequired: true }), boot({ paused: true, kernel: 'a' })).look(vm(), boot())
      story.look(vm(), boot({ migrationFailed: { uid: `m-${turn}`, from: '', to: '', reason: '' } }))
      story.look(vm({ runStrategy: 'Halted' })).wait(HOLDS.stopped)
      for (const uid of ['claim-2', 'claim-1']) story.with(claim(uid)).look(vm())
      story.look(vm({ failedBoots: 1, failedBoot: 'same' })).look(vm(), vmi({ uid: `boot-${turn + 2}` }))
    }
    expect(new Set(story.facts.map(fact => fact.id)).size).toBe(story.facts.length)
  })
})
