import { OPERATOR, type World } from './world.ts'

/** What a person launches from the controller, with all that its form offers; resolves with the id of the job. */
export async function launchByHand(world: World, template: string, body: object): Promise<number> {
  const { store } = world.controller
  const row = store.templates.filter(({ name }) => name === template)[0]
  return post(world, `job_templates/${row?.id ?? 0}/launch/`, body)
}

/** What a person launches again, as it was. */
export function relaunchByHand(world: World, job: number): Promise<number> {
  return post(world, `jobs/${job}/relaunch/`, {})
}

async function post({ controller }: World, path: string, body: object): Promise<number> {
  const answer = await fetch(`${controller.url}${controller.base}${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${OPERATOR}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (answer.status !== 201) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
  const { id } = (await answer.json()) as { id: number }
  return id
}
