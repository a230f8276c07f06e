import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
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

  test.each(readdirSync(PLAYBOOKS).filter(name => name.endsWith('.yml')))('%s proves it first', name => {
    for (const play of parse(readFileSync(new URL(name, PLAYBOOKS), 'utf8')) as Task[]) {
      expect(play['gather_facts']).toBe(false)
      expect(play['pre_tasks'] ?? play['roles']).toBeUndefined()
      const first = firstOf(play['tasks'] as Task[])
      expect(first['ansible.builtin.import_role']).toEqual({ name: 'guard' })
      expect(first['tags']).toEqual(['always'])
      expect(first['when']).toBeUndefined()
    }
  })

  test('and the proof is the SMBIOS UUID, asked of the guest before anything is changed', () => {
    const tasks = parse(readFileSync(new URL('roles/guard/tasks/main.yml', PLAYBOOKS), 'utf8')) as Task[]
    const modules = tasks.map(task => Object.keys(task).find(key => key.startsWith('ansible.')) ?? '')
    const looks = ['assert', 'slurp', 'setup', 'set_fact', 'fail', 'debug'].map(each => `ansible.builtin.${each}`)
    expect(modules.filter(module => !looks.includes(module))).toEqual([])
    expect(JSON.stringify(tasks)).toContain('/sys/class/dmi/id/product_uuid')
    expect(JSON.stringify(tasks)).toContain('kubevirt_firmware_uuid')
  })
})

type Task = Record<string, unknown>

/** The first task, also when it is in a block. */
function firstOf(tasks: readonly Task[]): Task {
  const [first = {}] = tasks
  return Array.isArray(first['block']) ? firstOf(first['block'] as Task[]) : first
}
