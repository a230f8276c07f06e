import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Approach, approachOf } from '../../src/inventory/index.ts'
import { USUAL_CONNECTION } from '../../src/inventory/connection.ts'
import type { VmRecord } from '../../src/vm/index.ts'
import { guest, hostOf } from '../day2/guest.ts'
import { startWorld } from '../day2/world.ts'

const PLAYBOOKS = new URL('../../playbooks/', import.meta.url)

describe('7. The right guest. Before a launch the controller’s own host variables must say the same uid and address as ours, else the inventory is updated and awaited; the first task of every play proves the guest’s identity before it changes anything', () => {
  test.each([
    ['uid', { uid: 'uid-of-another' }],
    ['address', { address: '10.66.6.6' }],
  ])('the controller has another %s: the inventory is updated and awaited, then it is launched', async (_, wish) => {
    await using world = await startWorld()
    world.put(guest('web-1', wish))
    await world.sync()
    world.put(guest('web-1'))
    await world.turn()
    expect(world.run().status).toBe('updating')
    await world.clock.advance(1_000)
    await world.turn()
    expect(world.jobs()).toEqual([])
    await world.settle()
    expect(world.updates()).toBe(2)
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
  })

  test.each([
    ['uid', { uid: 'uid-of-another' }, /the controller has the VM with uid/],
    ['address', { address: '10.66.6.6' }, /the controller would reach it at/],
  ])('the controller has another %s even then: it is not launched on, and told why', async (_, wish, why) => {
    await using world = await startWorld()
    world.put(guest('web-1', wish))
    await world.sync()
    world.breakSource(true)
    world.put(guest('web-1'))
    await world.settle()
    expect(world.jobs()).toEqual([])
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'refused' })
    expect(world.details()[hostOf('web-1')]).toMatch(why)
  })

  test('by a Service and by a proxy command the right guest is one that is led to so, whatever its address', async () => {
    for (const approach of [SERVICE, FORWARD]) {
      await using world = await startWorld({ approach })
      world.put(exposed(30_022))
      await world.sync()
      await world.settle()
      expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
      expect(world.updates()).toBe(1)
    }
  })

  test.each([
    ['the inventory is updated and awaited', false, 'ok', 1, /^3 ok, 0 changed/],
    ['and without that it is not launched', true, 'refused', 0, /would reach it at "n1:30022", the fleet says/],
  ])('the port of its Service went to another guest: %s', async (_, broken, outcome, jobs, why) => {
    await using world = await startWorld({ approach: SERVICE })
    world.put(exposed(30_022))
    await world.sync()
    world.breakSource(broken)
    world.put(exposed(30_099))
    await world.settle()
    expect(world.updates()).toBe(2)
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: outcome })
    expect(world.details()[hostOf('web-1')]).toMatch(why)
    expect(world.jobs()).toHaveLength(jobs)
  })

  test.each(readdirSync(PLAYBOOKS).filter(name => name.endsWith('.yml')))('%s proves it first', name => {
    for (const play of parse(readFileSync(new URL(name, PLAYBOOKS), 'utf8')) as Task[]) {
      expect(play['gather_facts']).toBe(false)
      expect(play['pre_tasks'] ?? play['roles']).toBeUndefined()
      const tasks = play['tasks'] as Task[]
      expect(tasks).toHaveLength(1)
      expect(tasks[0]).toMatchObject({ 'ansible.builtin.import_role': { name: 'verb' } })
      expect(tasks[0]?.['when']).toBeUndefined()
    }
  })

  test('as the frame of every play does, whatever tags are asked for', () => {
    for (const task of tasksOf('verb', 'main')) {
      expect(task['ansible.builtin.include_tasks']).toMatchObject({ file: 'frame.yml' })
      expect(task['tags']).toEqual(['always'])
    }
    const first = firstOf(tasksOf('verb', 'frame'))
    expect(first['ansible.builtin.include_role']).toEqual({ name: 'guard', apply: { tags: ['always'] } })
    expect(first['tags']).toEqual(['always'])
    expect(first['when']).toBeUndefined()
  })

  test('and the proof is the SMBIOS UUID, asked of the guest before anything is changed', () => {
    const looks = ['assert', 'fail', 'include_tasks', 'set_fact', 'slurp', 'setup'].map(
      each => `ansible.builtin.${each}`,
    )
    // Of a script for Windows all that it does stands in the task.
    const windows = ['ansible.windows.win_powershell', 'ansible.windows.setup']
    const main = tasksOf('guard', 'main')
    expect(main.at(-1)?.['when']).toBeUndefined()
    for (const [file, question] of [
      ['linux', '/sys/class/dmi/id/product_uuid'],
      ['windows', '(Get-CimInstance -ClassName Win32_ComputerSystemProduct).UUID'],
    ] as const) {
      const tasks = [...main, ...tasksOf('guard', file)].flatMap(withinBlocks)
      const modules = tasks.map(task => Object.keys(task).find(key => key.startsWith('ansible.')) ?? '')
      expect(modules.filter(module => ![...looks, ...windows].includes(module))).toEqual([])
      expect(JSON.stringify(tasks)).toContain(question)
      expect(JSON.stringify(tasks)).toContain('kubevirt_firmware_uuid')
    }
  })

  test('or, where nobody connects to the guest, the uid of its VM, asked of its cluster', () => {
    const tasks = [...tasksOf('guard', 'main'), ...tasksOf('guard', 'cluster')]
    const roles = tasks.filter(task => task['ansible.builtin.include_role'] !== undefined)
    const asked = roles.map(task => [
      (task['ansible.builtin.include_role'] as { name: string }).name,
      ((task['vars'] ?? {}) as Task)['cluster_method'] ?? 'GET',
    ])
    expect(asked.length).toBeGreaterThan(0)
    expect(asked.filter(([role, method]) => role !== 'cluster' || method !== 'GET')).toEqual([])
    const others = tasks.filter(task => !roles.includes(task))
    const looks = ['ansible.builtin.assert', 'ansible.builtin.include_tasks']
    expect(others.filter(task => !looks.some(module => task[module] !== undefined))).toEqual([])
    expect(JSON.stringify(tasks)).toContain('kubevirt_uid')
    // What is asked of a guest never is: neither by a connection nor by becoming somebody there.
    const elsewhere = tasksOf('verb', 'main').find(task => task['when'] === "verb_place != 'guest'")
    expect(elsewhere?.['ansible.builtin.include_tasks']).toMatchObject({
      apply: { become: false, delegate_to: 'localhost' },
    })
  })
})

/** The tasks of a block, also those for when it fails; of none, the task itself. */
function withinBlocks(task: Task): readonly Task[] {
  const inner = ['block', 'rescue', 'always'].flatMap(part => (task[part] ?? []) as readonly Task[])
  return inner.length === 0 ? [task] : inner.flatMap(withinBlocks)
}

/** `web-1`, led to by a port of its node. */
function exposed(node: number): VmRecord {
  const port = { name: '', protocol: 'TCP', port: 22, target: 22, node }
  const service = { name: 'ssh', type: 'NodePort', by: 'kubevirt.io/domain', ports: [port], ingress: [] } as const
  return { ...guest('web-1'), services: [service] }
}

function by(via: 'service' | 'port_forward'): Approach {
  return approachOf({ connection: { ...USUAL_CONNECTION, linux: { ...USUAL_CONNECTION.linux, via } } })
}
const SERVICE = by('service')
const FORWARD = by('port_forward')

type Task = Record<string, unknown>

/** The first task, also when it is in a block. */
function firstOf(tasks: readonly Task[]): Task {
  const [first = {}] = tasks
  return Array.isArray(first['block']) ? firstOf(first['block'] as Task[]) : first
}

function tasksOf(role: string, file: string): readonly Task[] {
  return parse(readFileSync(new URL(`roles/${role}/tasks/${file}.yml`, PLAYBOOKS), 'utf8')) as Task[]
}
