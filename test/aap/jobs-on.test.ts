import { describe, expect, test } from 'vitest'
import { answer, bodyOf, controllerFor, listOf, replayDiscovery, replaying } from './recorded.ts'

replaying()

const job = (id: number, more: object = {}) => ({ ...bodyOf('406-job-done'), id, inventory: 3, ...more })

describe('jobs on an inventory, whoever launched them', () => {
  test('at the first look are those that run, and where the newest stands', async () => {
    replayDiscovery()
    answer('/api/v2/jobs/', listOf(job(7), job(9)), {
      inventory: '3',
      status__in: 'new,pending,waiting,running',
      order_by: 'id',
      page_size: '200',
    })
    answer('/api/v2/jobs/', listOf(job(12)), { inventory: '3', order_by: '-id', page_size: '1' })
    await using controller = controllerFor()
    const { jobs, newest, more } = await controller.jobsOn([{ id: 3 }], null)
    expect([jobs.map(each => each.id), newest, more]).toEqual([[7, 9], 12, false])
  })

  test('are afterwards those with a later id', async () => {
    replayDiscovery()
    answer('/api/v2/jobs/', listOf(job(13)), { inventory: '3', id__gt: '12', order_by: 'id', page_size: '200' })
    await using controller = controllerFor()
    expect(await controller.jobsOn([{ id: 3 }], 12)).toMatchObject({ jobs: [{ id: 13 }], newest: 13, more: false })
  })

  test('of two inventories are asked for at once', async () => {
    replayDiscovery()
    const asked = { inventory__in: '3,4', id__gt: '12', order_by: 'id', page_size: '200' }
    answer('/api/v2/jobs/', listOf(job(13), job(14, { inventory: 4 })), asked)
    await using controller = controllerFor()
    const { jobs, newest } = await controller.jobsOn([{ id: 3 }, { id: 4 }], 12)
    expect([jobs.map(each => each.inventory), newest]).toEqual([[3, 4], 14])
  })

  test('are a thousand at one look, and it is told that there are more', async () => {
    replayDiscovery()
    for (let page = 1; page <= 5; page += 1) {
      const rows = Array.from({ length: 200 }, (_, row) => job(page * 1_000 + row))
      answer('/api/v2/jobs/', { ...listOf(...rows), next: `/api/v2/jobs/?inventory=3&page=${page + 1}` })
    }
    await using controller = controllerFor()
    const { jobs, more } = await controller.jobsOn([{ id: 3 }], 0)
    expect([jobs.length, more]).toEqual([1_000, true])
  })

  test('of an answer that did not heed the question are a fault, not jobs of ours', async () => {
    replayDiscovery()
    answer('/api/v2/jobs/', listOf(job(13, { inventory: 4 })))
    await using controller = controllerFor()
    await expect(controller.jobsOn([{ id: 3 }], 12)).rejects.toMatchObject({ kind: 'protocol' })
  })
})
