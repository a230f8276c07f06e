import { describe, expect, test } from 'vitest'
import { MIGRATIONS, CLUSTER_RESOURCES, VMIS, VMS } from '../../../src/simulator/kube/resource.ts'
import { Store } from '../../../src/simulator/kube/store.ts'
import type { Sketch } from '../../../src/simulator/cast/guest-vm.ts'
import { vmOf } from '../../../src/simulator/cast/guest-vm.ts'
import type { Migration, Vm, Vmi } from '../../../src/simulator/virt/objects.ts'
import { hasCondition } from '../../../src/simulator/virt/objects.ts'
import { startVirt } from '../../../src/simulator/virt/virt.ts'
import { ManualClock } from './manual-clock.ts'

const REF = { namespace: 'shop', name: 'web-1' }
const LONG = 60_000

function world(sketch: Partial<Sketch> = {}, speed = 1) {
  const clock = new ManualClock()
  const store = new Store({ resources: CLUSTER_RESOURCES, seed: 'virt', now: () => clock.now() })
  store.ensureNamespace('shop')
  const told: string[] = []
  const note = (word: string) => told.at(-1) === word || told.push(word)
  store.subscribe(VMS, ({ type, object }) => {
    note(type === 'DELETED' ? 'gone' : ((object as Vm).status?.printableStatus ?? 'new'))
  })
  const options = { store, cluster: 'c', nodes: ['n1', 'n2'], seed: 's', clock, speed }
  const virt = startVirt(options)
  store.create(VMS, vmOf({ ...REF, os: 'rhel9', ...sketch }))
  return {
    clock,
    store,
    told,
    virt,
    options,
    vm: () => store.get(VMS, REF) as Vm | null,
    vmi: () => store.get(VMIS, REF) as Vmi | null,
    /** The interfaces of the instance. */
    nics: () => (store.get(VMIS, REF) as Vmi | null)?.status?.interfaces ?? [],
    firmware: (object: Vm | Vmi | null) =>
      object === null
        ? ''
        : 'template' in object.spec
          ? (object as Vm).spec.template.spec.domain.firmware?.uuid
          : (object as Vmi).spec.domain.firmware?.uuid,
    phases: () => (store.get(VMIS, REF) as Vmi | null)?.status?.phaseTransitionTimestamps?.map(({ phase }) => phase),
  }
}

describe('the simulated virt-controller', () => {
  test('boots a VM through all phases, then its agent tells of the guest', async () => {
    const { clock, told, vm, vmi, nics, firmware, phases } = world({ vlan: 'vlan-120' })
    await clock.advance(6000)
    expect(phases()).toEqual(['Pending', 'Scheduling', 'Scheduled', 'Running'])
    expect(vmi()?.metadata).toMatchObject({
      name: 'web-1',
      labels: { 'kubevirt.io/domain': 'web-1', 'kubevirt.io/nodeName': vmi()?.status?.nodeName },
      ownerReferences: [{ kind: 'VirtualMachine', uid: vm()?.metadata.uid, controller: true }],
    })
    expect(nics()).toMatchObject([
      { name: 'default', infoSource: 'domain', ipAddress: expect.stringMatching(/^10\./) as unknown },
      { name: 'vlan-120', infoSource: 'domain, multus-status' },
    ])
    expect(nics()[1]?.ipAddress).toBeUndefined()
    expect(hasCondition(vmi()?.status?.conditions, 'AgentConnected')).toBe(false)

    await clock.advance(LONG)
    expect(vmi()?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'AgentConnected', status: 'True', lastTransitionTime: null }),
    )
    expect(vmi()?.status?.guestOSInfo).toMatchObject({ id: 'rhel', versionId: '9.4' })
    expect(nics()).toMatchObject([
      { name: 'default', infoSource: 'domain, guest-agent', interfaceName: 'eth0' },
      { name: 'vlan-120', interfaceName: 'eth1', ipAddress: expect.stringMatching(/^192\.168\./) as unknown },
    ])
    expect(firmware(vm())).toBe(firmware(vmi()))
    expect(told).toEqual(['new', 'Provisioning', 'Starting', 'Running'])
  })

  test('makes disks at the first boot only', async () => {
    const { clock, store, told } = world()
    await clock.advance(LONG)
    store.patch(VMS, REF, { spec: { runStrategy: 'Halted' } })
    await clock.advance(LONG)
    told.length = 0
    store.patch(VMS, REF, { spec: { runStrategy: 'Always' } })
    await clock.advance(LONG)
    expect(told).not.toContain('Provisioning')
    expect(told.at(-1)).toBe('Running')
  })

  test('stops a VM: the guest goes down, its instance goes, and the VM still claims an agent', async () => {
    const { clock, store, told, vm, vmi } = world()
    await clock.advance(LONG)
    const phases: unknown[] = []
    store.subscribe(VMIS, ({ type, object }) => phases.push(`${type} ${(object as Vmi).status?.phase}`))
    store.patch(VMS, REF, { spec: { runStrategy: 'Halted' } })
    await clock.advance(LONG)
    expect(vmi()).toBeNull()
    expect(phases).toEqual(['MODIFIED Running', 'MODIFIED Running', 'MODIFIED Succeeded', 'DELETED Succeeded'])
    expect(told.slice(-2)).toEqual(['Stopping', 'Stopped'])
    expect(vm()?.status?.conditions).toContainEqual(expect.objectContaining({ type: 'AgentConnected', status: 'True' }))
    expect(vm()?.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', reason: 'VMINotExists' }))
  })

  test('restarts a VM on request: another instance, another address, the same firmware', async () => {
    const { clock, store, vm, vmi } = world()
    await clock.advance(LONG)
    const first = vmi()
    const requests = [{ action: 'Stop', uid: first?.metadata.uid }, { action: 'Start' }]
    store.patch(VMS, REF, { status: { stateChangeRequests: requests } }, 'status')
    await clock.advance(LONG)
    expect(vmi()?.status?.phase).toBe('Running')
    expect(vmi()?.metadata.uid).not.toBe(first?.metadata.uid)
    expect(vmi()?.status?.interfaces?.[0]?.ipAddress).not.toBe(first?.status?.interfaces?.[0]?.ipAddress)
    expect(vmi()?.spec.domain.firmware?.uuid).toBe(first?.spec.domain.firmware?.uuid)
    expect(vm()?.status?.stateChangeRequests).toBeUndefined()
  })

  test('starts a crashed VM anew under Always', async () => {
    const { clock, store, vmi } = world()
    await clock.advance(LONG)
    const first = vmi()?.metadata.uid
    store.patch(VMIS, REF, { status: { phase: 'Failed' } })
    await clock.advance(LONG)
    expect([vmi()?.status?.phase, vmi()?.metadata.uid === first]).toEqual(['Running', false])
  })

  test('migrates a VM live: another node, another pod address, the agent gone for a moment', async () => {
    const { clock, store, told, vmi, nics } = world()
    await clock.advance(LONG)
    const before = vmi()
    const [address] = nics()
    const agent: boolean[] = []
    store.subscribe(VMIS, ({ object }) =>
      agent.push(hasCondition((object as Vmi).status?.conditions, 'AgentConnected')),
    )
    told.length = 0
    store.create(MIGRATIONS, { metadata: { namespace: 'shop', name: 'm-1' }, spec: { vmiName: 'web-1' } })
    await clock.advance(LONG)
    const migration = store.get(MIGRATIONS, { namespace: 'shop', name: 'm-1' }) as Migration
    expect(migration.status?.phaseTransitionTimestamps?.map(({ phase }) => phase)).toEqual([
      'Pending',
      'Scheduling',
      'Scheduled',
      'PreparingTarget',
      'TargetReady',
      'Running',
      'Succeeded',
    ])
    const after = vmi()
    const source = before?.status?.nodeName
    expect(after?.status?.migrationState).toMatchObject({
      migrationUid: migration.metadata.uid,
      completed: true,
      sourceNode: source,
      targetNode: after?.status?.nodeName,
    })
    expect(after?.status?.nodeName).not.toBe(source)
    expect(nics()[0]?.ipAddress).not.toBe(address?.ipAddress)
    expect(after?.metadata.uid).toBe(before?.metadata.uid)
    expect(told).toEqual(['Migrating', 'Running'])
    expect([agent.includes(false), agent.at(-1)]).toEqual([true, true])
  })

  test('fails the migration of a VM that is stopped meanwhile, and forgets it with the instance', async () => {
    const { clock, store, vmi } = world()
    await clock.advance(LONG)
    store.create(MIGRATIONS, { metadata: { namespace: 'shop', name: 'm-1' }, spec: { vmiName: 'web-1' } })
    await clock.advance(3000)
    expect(vmi()?.status?.migrationState?.startTimestamp).toBeDefined()
    const ends: unknown[] = []
    store.subscribe(MIGRATIONS, ({ type, object }) => ends.push(`${type} ${(object as Migration).status?.phase}`))
    store.patch(VMS, REF, { spec: { runStrategy: 'Halted' } })
    await clock.advance(LONG)
    expect(ends).toEqual(['MODIFIED Failed', 'DELETED Failed'])
  })

  test('keeps five finished migrations of a VM', async () => {
    const { clock, store } = world()
    await clock.advance(LONG)
    for (let index = 0; index < 8; index++) {
      store.create(MIGRATIONS, { metadata: { namespace: 'shop', name: `m-${index}` }, spec: { vmiName: 'web-1' } })
      await clock.advance(LONG)
    }
    expect(store.list(MIGRATIONS).map(({ metadata }) => metadata.name)).toEqual(['m-3', 'm-4', 'm-5', 'm-6', 'm-7'])
  })

  test('deletes a VM only after its guest is down', async () => {
    const { clock, store, told, vm, vmi } = world()
    await clock.advance(LONG)
    store.remove(VMS, REF)
    await clock.advance(100)
    expect([vm()?.status?.printableStatus, vmi()?.metadata.deletionTimestamp]).toEqual([
      'Terminating',
      expect.any(String),
    ])
    await clock.advance(LONG)
    expect([vm(), vmi(), told.at(-1)]).toEqual([null, null, 'gone'])
  })

  test('leaves a guest without an agent alone', async () => {
    const { clock, vmi } = world({ agent: false })
    await clock.advance(LONG)
    expect(vmi()?.status?.interfaces?.[0]?.ipAddress).toMatch(/^10\./)
    expect(vmi()?.status?.guestOSInfo).toEqual({})
    expect(hasCondition(vmi()?.status?.conditions, 'AgentConnected')).toBe(false)
  })

  test('comes to rest: no timer is left, and nothing more is written', async () => {
    const { clock, store, virt } = world()
    await clock.advance(LONG)
    const { revision } = store
    await clock.advance(LONG)
    expect([virt.busy, clock.pending, store.revision]).toEqual([0, 0, revision])
  })

  test('goes on where another one was ended, at every moment of a boot, a migration, a stop and a deletion', async () => {
    const { clock, store, virt, options, told, vm } = world()
    let current = virt
    const hop = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 100) {
        await clock.advance(100)
        current[Symbol.dispose]()
        // A controller that ends forgets since when it waits: a stage that is under way begins again, so let some pass.
        if (passed % 6000 === 0) {
          current = startVirt(options)
          await clock.advance(6000)
        } else current = startVirt(options)
      }
    }
    await hop(LONG)
    expect(vm()?.status?.printableStatus).toBe('Running')
    store.create(MIGRATIONS, { metadata: { namespace: 'shop', name: 'm-1' }, spec: { vmiName: 'web-1' } })
    await hop(LONG)
    expect((store.get(MIGRATIONS, { namespace: 'shop', name: 'm-1' }) as Migration).status?.phase).toBe('Succeeded')
    store.remove(VMS, REF)
    await hop(LONG)
    expect([vm(), told]).toEqual([
      null,
      ['new', 'Provisioning', 'Starting', 'Running', 'Migrating', 'Running', 'Terminating', 'gone'],
    ])
  })

  test('leaves alone what makes no sense, says so, and goes on with the others', async () => {
    const { clock, store, virt, vmi } = world()
    const odd = vmOf({ namespace: 'shop', name: 'odd', os: 'rhel9' })
    const spec = { runStrategy: 'Always', template: { spec: { domain: { devices: { interfaces: 7 } } } } }
    store.create(VMS, { ...odd, spec })
    await clock.advance(LONG)
    expect([...virt.stuck.keys()]).toEqual(['shop/odd'])
    expect(vmi()?.status?.phase).toBe('Running')
    store.patch(
      VMS,
      { namespace: 'shop', name: 'odd' },
      { spec: { template: { spec: { domain: { devices: { interfaces: [] } } } } } },
    )
    await clock.advance(LONG)
    expect([...virt.stuck.keys()]).toEqual([])
  })

  test('is a function of its seed: the same boot twice, write by write', async () => {
    const boot = async () => {
      const { clock, store } = world()
      const written: string[] = []
      store.subscribe(VMIS, ({ object }) => written.push(`${clock.now()} ${JSON.stringify(object)}`))
      await clock.advance(LONG)
      return written
    }
    expect(await boot()).toEqual(await boot())
  })

  test('is as many times faster as it is told', async () => {
    const { clock, vmi } = world({}, 100)
    await clock.advance(200)
    expect(hasCondition(vmi()?.status?.conditions, 'AgentConnected')).toBe(true)
  })
})
