import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cacheRoot, folderOf, provision, type Recipe } from './cache.ts'
import { requireRoot } from './guest-root.ts'
import { acquireLock } from './lock.ts'
import { requireTools, type Tool } from './toolchain.ts'

let root = ''
const lines: string[] = []
const say = (line: string): void => void lines.push(line)

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'virtbridge-cache-'))
  lines.length = 0
})
afterEach(() => rm(root, { recursive: true, force: true }))

function recipe(build: Recipe['build'], changes: Partial<Recipe> = {}): Recipe {
  return { name: 'thing', why: 'a thing', takes: 'no time', tools: [], inputs: ['1'], build, ...changes }
}

const writesOne = (into: string): Promise<void> => writeFile(join(into, 'content'), 'one')

describe('the place of the cache', () => {
  test.each([
    { env: { VIRTBRIDGE_CACHE: '/a', XDG_CACHE_HOME: '/b' }, place: /^\/a$/ },
    { env: { VIRTBRIDGE_CACHE: '', XDG_CACHE_HOME: '/b' }, place: /^\/b\/virtbridge$/ },
    { env: {}, place: /\/\.cache\/virtbridge$/ },
  ])('$env → $place', ({ env, place }) => {
    expect(cacheRoot(env)).toMatch(place)
  })
})

describe('what is provisioned', () => {
  test('is built once, with lines that say what, for how long, and where', async () => {
    let builds = 0
    const counted = recipe(into => {
      builds += 1
      return writesOne(into)
    })

    const folder = await provision(counted, { root, say })
    expect(await provision(counted, { root, say })).toBe(folder)

    expect(builds).toBe(1)
    expect(await readFile(join(folder, 'content'), 'utf8')).toBe('one')
    expect(lines).toEqual([
      `thing: building a thing, once, into ${folder}; usually takes no time`,
      expect.stringMatching(/^thing: ready after \d+ s$/),
    ])
  })

  test('is built anew, beside the old, when the recipe changes', () => {
    const one = recipe(writesOne)
    expect(folderOf({ ...one, inputs: ['2'] }, root)).not.toBe(folderOf(one, root))
    expect(folderOf({ ...one, inputs: ['1', ''] }, root)).not.toBe(folderOf(one, root))
    expect(folderOf({ ...one, why: 'other words' }, root)).toBe(folderOf(one, root))
  })

  test('is there whole or not at all, and a second try can succeed', async () => {
    const failing = recipe(async into => {
      await writesOne(into)
      throw new Error('the disk is full')
    })

    await expect(provision(failing, { root, say })).rejects.toThrow('the disk is full')
    expect((await readdir(root)).filter(entry => entry.startsWith('thing-'))).toEqual([])
    expect(lines.at(-1)).toMatch(/^thing: failed after \d+ s: the disk is full$/)

    await provision(recipe(writesOne), { root, say })
    expect((await readdir(root)).filter(entry => entry.startsWith('thing-'))).toHaveLength(1)
  })

  test('is not mistaken for what a killed build left, which is swept away', async () => {
    const left = `${folderOf(recipe(writesOne), root)}.building-1`
    await mkdir(left, { recursive: true })
    await mkdir(join(root, 'other-1234.building-1'))

    await provision(recipe(writesOne), { root, say })

    expect(await readdir(root)).not.toContain(left.slice(root.length + 1))
    expect(await readdir(root)).toContain('other-1234.building-1')
  })

  test('is built by one of two that want it at once; the other waits, says so, and takes it', async () => {
    let builds = 0
    const finish = Promise.withResolvers<void>()
    const slow = recipe(async into => {
      builds += 1
      await finish.promise
      await writesOne(into)
    })

    const first = provision(slow, { root, say })
    const second = provision(slow, { root, say })
    await expect.poll(() => lines).toContainEqual(expect.stringContaining('waiting: process'))
    finish.resolve()

    expect(await first).toBe(await second)
    expect(builds).toBe(1)
    expect(lines).toContain(`thing: waiting: process ${process.pid} is already at building thing`)
  })
})

describe('the lock', () => {
  const script = `
    import { acquireLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))}
    globalThis.kept = await acquireLock(process.argv[1], { what: 'a test', say: console.log })
    console.log('held')
    setInterval(() => {}, 1000)`

  test('is held against another process, and taken over when that one is killed', async () => {
    const path = join(root, 'thing.lock')
    const args = ['--input-type=module', '-e', script, path]
    const holder = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(holder.stdout, 'data')

    const options = { what: 'a test', say }
    await expect(acquireLock(path, { ...options, signal: AbortSignal.timeout(400) })).rejects.toThrow(/abort/i)
    expect(lines).toEqual([`waiting: process ${holder.pid} is already at a test`])

    holder.kill('SIGKILL')
    await using lock = await acquireLock(path, options)
    expect(lock).toBeDefined()
  })
})

describe('a missing toolchain', () => {
  function tool(name: string, probe: Tool['probe']): Tool {
    const needs = `${name} 2 or later`
    return { name, needs, get: `install ${name}`, suites: `the ${name} suite`, candidates: [name], probe }
  }
  const missing = tool('nosuch', candidate => import('./run.ts').then(({ run }) => run(candidate, [])))
  const old = tool('old', () => Promise.reject(new Error('is version 1.0')))

  test('is one error that names every tool, how to get it and the suites that need it', async () => {
    await expect(
      requireTools([missing, old, tool('good', candidate => Promise.resolve(candidate))]),
    ).rejects.toMatchObject({
      code: 'toolchain_missing',
      message:
        'nosuch 2 or later is missing (nosuch is not on the PATH); needed by the nosuch suite\n' +
        'old 2 or later is missing (old: is version 1.0); needed by the old suite',
      hint: 'nosuch: install nosuch\nold: install old',
    })
  })

  test('stops a build before anything is written, and nothing is skipped', async () => {
    await expect(provision(recipe(writesOne, { tools: [old] }), { root, say })).rejects.toThrow(
      'old 2 or later is missing',
    )
    expect(await readdir(root)).toEqual([])
  })

  test('does not matter once the thing is built', async () => {
    await provision(recipe(writesOne), { root, say })
    await provision(recipe(writesOne, { tools: [old] }), { root, say })
    expect(lines).toHaveLength(2)
  })

  test('of the guests is root, which is asked for before anything else', () => {
    expect(() => requireRoot(0)).not.toThrow()
    expect(() => requireRoot(1000)).toThrow('the guests suite (npm run test:guests) needs root')
  })
})
