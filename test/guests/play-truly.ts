import { expect } from 'vitest'
import { faultOf, type Played } from './stage.ts'

/** A verb as it was played in check mode, for real, and in check mode again. */
export interface PlayedTruly {
  readonly tried: Played
  readonly done: Played
  readonly after: Played
}

/**
 * Plays a verb in check mode, for real, and in check mode again, and expects that check mode tells the truth: it changes nothing of `state`, it
 * tells of changes on each host exactly where the real run then makes some, and when all is done of none. Where the result of a host has a word of
 * its own on that (`changed`), it agrees with what was counted. `again` is what is told of a verb that does its work anew each time.
 */
export async function playTruly(
  verb: string,
  play: (verb: string, check: boolean) => Promise<Played>,
  state: () => Promise<unknown>,
  again: 'nothing' | 'as before' = 'nothing',
): Promise<PlayedTruly> {
  const before = await state()
  const tried = await play(verb, true)
  expect(faultOf(tried)).toBe('')
  expect(await state(), `${verb} changes nothing in check mode`).toEqual(before)
  const done = await play(verb, false)
  expect(faultOf(done)).toBe('')
  expect(
    hostsThatChange(tried),
    `${verb} tells in check mode of whom it changes\n${tried.stdout}\n${done.stdout}`,
  ).toEqual(hostsThatChange(done))
  const after = await play(verb, true)
  expect(faultOf(after)).toBe('')
  expect(hostsThatChange(after), `${verb} tells in check mode what is left\n${after.stdout}`).toEqual(
    again === 'nothing' ? [] : hostsThatChange(done),
  )
  for (const played of [tried, done, after]) expectAgreement(played)
  return { tried, done, after }
}

/** The roles that changed something of a host, or would in check mode, by the tasks and handlers that said so. */
export function rolesThatChange({ stdout }: Played, host: string): readonly string[] {
  const roles = stdout.split(/^(?=(?:TASK|RUNNING HANDLER) \[)/m).flatMap(task => {
    const role = /^(?:TASK|RUNNING HANDLER) \[(\w+) : /.exec(task)?.[1]
    return role !== undefined && changedOf(task).has(host) ? [role] : []
  })
  return [...new Set(roles)].sort()
}

/** The hosts of which what a task printed says `changed`. */
function changedOf(task: string): ReadonlySet<string> {
  return new Set([...task.matchAll(/^changed: \[([^\] ]+)/gm)].map(([, host = '']) => host))
}

function hostsThatChange({ recap }: Played): readonly string[] {
  return Object.keys(recap)
    .filter(host => (recap[host]?.['changed'] ?? 0) > 0)
    .sort()
}

function expectAgreement(played: Played): void {
  const changing = hostsThatChange(played)
  for (const [host, result] of Object.entries(played.result))
    if (isWord(result))
      expect(result.changed, `what ${host} is told to have changed\n${played.stdout}`).toBe(changing.includes(host))
}

function isWord(result: unknown): result is { readonly changed: boolean } {
  return typeof result === 'object' && result !== null && 'changed' in result
}
