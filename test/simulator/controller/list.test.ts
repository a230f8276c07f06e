import { describe, expect, test } from 'vitest'
import { day2World, launch } from './worlds.ts'
import type { World } from './worlds.ts'

async function ids(world: World, query: string): Promise<unknown> {
  const { status, body } = await world.ask('GET', `/api/v2/jobs/?${query}`)
  return status === 200 ? (body as { results: { id: number }[] }).results.map(({ id }) => id) : body
}

async function worldOfFive(): Promise<World> {
  const world = await day2World()
  for (const limit of ['vm1', 'vm2', 'vm3', 'vm1', 'vm2']) {
    await launch(world, { limit, skip_tags: `virtbridge-${world.store.jobs.size}` })
    await world.clock.advance(1000)
  }
  return world
}

describe('filters', () => {
  test.each([
    { query: 'skip_tags=virtbridge-2', finds: [3] },
    { query: 'skip_tags__contains=bridge-1', finds: [2] },
    { query: 'id__in=1,3,99&order_by=-id', finds: [3, 1] },
    { query: 'limit=vm1', finds: [1, 2, 3, 4, 5] },
    { query: 'limit__exact=vm1', finds: [1, 4] },
    { query: 'status__in=pending,waiting,running', finds: [3, 4, 5] },
    { query: 'not__limit__exact=vm1', finds: [2, 3, 5] },
    { query: 'or__id=1&or__id=5&limit__exact=vm2', finds: [5] },
    { query: 'created__gt=2026-11-21T08:00:02.500Z', finds: [4, 5] },
    { query: 'order_by=limit,-id', finds: [4, 1, 5, 2, 3] },
    { query: 'finished__isnull=true', finds: [3, 4, 5] },
    { query: 'job_template__name=Patch&id__lte=2', finds: [1, 2] },
    { query: 'nope=1', finds: { detail: "Job has no field named 'nope'" } },
    { query: 'extra_vars__contains=x', finds: { detail: 'Filtering on extra_vars is not allowed.' } },
    { query: 'id=x', finds: { detail: "Field 'id' expected a number but got 'x'." } },
    { query: 'order_by=nope', finds: { detail: "Cannot resolve keyword 'nope' into field." } },
  ])('?$query', async ({ query, finds }) => {
    await using world = await worldOfFive()
    expect(await ids(world, query)).toEqual(finds)
  })
})

describe('pages', () => {
  test('are followed by path, in the order asked for', async () => {
    await using world = await worldOfFive()
    const seen: number[] = []
    let next: string | null = '/api/v2/jobs/?order_by=-id&page_size=2'
    while (next !== null) {
      const { body } = await world.ask('GET', next)
      const page = body as { count: number; next: string | null; results: { id: number }[] }
      expect(page.count).toBe(5)
      seen.push(...page.results.map(({ id }) => id))
      next = page.next
    }
    expect(seen).toEqual([5, 4, 3, 2, 1])
  })

  test('hold at most 200 rows, whatever was asked for', async () => {
    await using world = await day2World({
      origins: { virtbridge: () => ({ g: { hosts: Array.from({ length: 300 }, (_, index) => `h${index}`) } }) },
    })
    await world.ask('POST', '/api/v2/inventory_sources/2/update/')
    await world.clock.advance(10_000)
    const { body } = await world.ask('GET', '/api/v2/inventories/1/hosts/?page_size=1000')
    expect((body as { results: unknown[] }).results).toHaveLength(200)
  })

  test('shift while somebody turns them, as rows come and go', async () => {
    await using world = await worldOfFive()
    const first = await ids(world, 'order_by=-id&page_size=2')
    world.deleteJob(5)
    expect([first, await ids(world, 'order_by=-id&page_size=2&page=2')]).toEqual([
      [5, 4],
      [2, 1],
    ])
  })
})
