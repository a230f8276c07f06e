import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/bridge.ts'
import { guestPrefix, tidyGuests } from './left-guests.ts'

/** A process that is surely gone: its number was given, and it was waited for. */
async function gone(): Promise<number> {
  const child = spawn('true')
  await once(child, 'exit')
  return child.pid ?? 0
}

/** Something that runs until it is ended, with that path among its arguments, as what holds a guest has it. */
async function holder(path: string, program = 'sh'): Promise<ChildProcess> {
  const script = 'echo up; while read -r line; do :; done'
  const child = spawn(program, ['-c', script, 'power', path], { stdio: ['pipe', 'pipe', 'ignore'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  return child
}

test('what is left of a guest whose maker is gone is ended and removed, and nothing else', async () => {
  await using place = await temporaryFolder()
  const dead = await gone()
  const guest = async (name: string): Promise<string> => {
    await mkdir(join(place.path, name, 'root'), { recursive: true })
    return join(place.path, name)
  }
  const left = await guest(`${guestPrefix(dead)}abcDEF`)
  const kept = [
    await guest(`${guestPrefix()}abcDEF`),
    await guest(`virtbridge-guest-1-${dead}-abcDEF`),
    await guest('virtbridge-guest-abcDEF'),
    await guest(`${guestPrefix(dead)}abcDEF.mine`),
    await guest(`not-${guestPrefix(dead)}abcDEF`),
  ]
  const its = await holder(join(left, 'root'))
  const others = [...(await Promise.all(kept.map(folder => holder(join(folder, 'root'))))), await holder(left)]
  const said: string[] = []
  await tidyGuests(place.path, line => said.push(line))
  if (its.signalCode === null) await once(its, 'exit')
  expect(its.signalCode).toBe('SIGKILL')
  expect(existsSync(left)).toBe(false)
  expect(said).toEqual([expect.stringContaining(`${left} is left of process ${dead}`)])
  expect(others.map(({ signalCode, exitCode }) => [signalCode, exitCode])).toEqual(others.map(() => [null, null]))
  for (const folder of kept) expect(existsSync(folder), folder).toBe(true)
})
