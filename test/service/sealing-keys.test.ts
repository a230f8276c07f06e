import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkSealingKeys } from '../../src/check/sealing-key.ts'
import { readSealingKey, vaultOf } from '../../src/service/sealing-keys.ts'
import { temporaryFolder } from '../support/bridge.ts'

/** 32 bytes that no answer may have a part of. */
const KEY = Buffer.from('sesame-opens-and-nobody-knows-it').toString('base64')
const OTHER = Buffer.alloc(32, 9).toString('base64')

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

let files = 0
async function file(text: string | Buffer, mode = 0o600): Promise<string> {
  const path = join(folder.path, `key-${++files}`)
  await writeFile(path, text)
  await chmod(path, mode)
  return path
}

describe('a sealing key', () => {
  test.each([
    ['as base64 writes it', `${KEY}\n`, 0o600],
    ['without a line break', KEY, 0o400],
    ['of a group that may read it, as Kubernetes mounts it', `${KEY}\n`, 0o440],
  ])('is read %s', async (_, text, mode) => {
    expect(readSealingKey(await file(text, mode)).id).toBe(readSealingKey(await file(KEY)).id)
  })

  test.each<[string, string | Buffer, number, RegExp]>([
    ['that is empty', '', 0o600, /is not 32 bytes in base64$/],
    ['that is too short', Buffer.alloc(31, 1).toString('base64'), 0o600, /is not 32 bytes in base64$/],
    ['that is too long', Buffer.alloc(33, 1).toString('base64'), 0o600, /is not 32 bytes/],
    ['that is not base64', 'x'.repeat(44), 0o600, /is not 32 bytes/],
    ['that is the bytes themselves', Buffer.from(KEY, 'base64'), 0o600, /is not 32 bytes/],
    ['of two lines', `${KEY}\n${OTHER}\n`, 0o600, /is not 32 bytes/],
    ['that is larger than 4,096 bytes', `${KEY}${' '.repeat(4_096)}`, 0o600, /can not be read: it has 4140 bytes/],
    ['that others may read', KEY, 0o644, /may be read or changed by others \(mode 644\)$/],
    ['that its group may change', KEY, 0o660, /may be read or changed by others \(mode 660\)$/],
  ])('is none %s: it says which file, and nothing of what is in it', async (_, text, mode, message) => {
    const path = await file(text, mode)
    let thrown: unknown
    try {
      readSealingKey(path)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ code: 'sealing_key', message: expect.stringMatching(message) as string })
    expect(thrown).toMatchObject({ message: expect.stringContaining(path) as string })
    expect(`${String(thrown)} ${(thrown as { hint: string }).hint}`).not.toMatch(/sesame|c2VzYW1l/)
  })

  test('that is not there says how to make one', () => {
    expect(() => readSealingKey(join(folder.path, 'none'))).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('/dev/urandom') as string }),
    )
  })
})

test('keys are read at each use: another first one seals, the old one opens until it is taken away', async () => {
  const [old, next] = [await file(KEY), await file(OTHER)]
  let named = [old]
  const vault = vaultOf(() => named)
  const before = vault.seal('r', { a: 'x' })
  named = [next, old]
  expect(vault.open('r', before)).toEqual({ a: 'x' })
  expect(vault.open('r', vault.seal('r', { a: 'y' }))).toEqual({ a: 'y' })
  named = [next]
  expect(vault.whyShut(before)).toContain(readSealingKey(old).id)
  await rm(next)
  expect(vault.whyShut(before)).toMatch(/can not be read: ENOENT.*make one/)
})

test('check tells which key seals, which open, and which are none', async () => {
  const [good, open, bad] = [await file(KEY), await file(OTHER), await file(KEY, 0o644)]
  const found = [...checkSealingKeys({ secrets: { sealing_keys: [good, open, bad] } })]
  expect(found).toMatchObject([
    {
      what: `sealing key ${good}`,
      result: 'ok',
      detail: expect.stringMatching(/^[0-9a-f]{16}, seals and opens$/) as string,
    },
    { result: 'ok', detail: expect.stringMatching(/^[0-9a-f]{16}, opens$/) as string },
    {
      result: 'fail',
      detail: expect.stringContaining('by others') as string,
      hint: expect.stringContaining('chmod 600') as string,
    },
  ])
  expect([...checkSealingKeys({ secrets: { sealing_keys: [] } })]).toEqual([])
})
