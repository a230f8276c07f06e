import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { missingUrls, urlsIn } from '../../build/urls.ts'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'virtbridge-pack-'))
  await mkdir(join(root, 'dist', 'log'), { recursive: true })
  await mkdir(join(root, 'schemas'))
  await writeFile(join(root, 'package.json'), JSON.stringify({ files: ['dist', 'schemas'] }))
  await writeFile(join(root, 'schemas', 'config.json'), '{}')
})
afterEach(() => rm(root, { recursive: true, force: true }))

test.each([
  { code: "new URL('./seed.json', import.meta.url)", urls: ['./seed.json'] },
  { code: "new URL(\n  './seed.json',\n  import.meta.url,\n)", urls: ['./seed.json'] },
  {
    code: "new URL(import.meta.url.endsWith('.ts') ? './writer.ts' : './writer.js', import.meta.url)",
    urls: ['./writer.js'],
  },
  { code: "new URL('/api', base)", urls: [] },
])('$code names $urls', ({ code, urls }) => {
  expect(urlsIn(code)).toEqual(urls)
})

test.each([
  { url: './writer.js', missing: true, why: 'is not there' },
  { url: './engine.js', missing: false, why: 'is there' },
  { url: '../../schemas/config.json', missing: false, why: 'is packed' },
  { url: '../../package.json', missing: false, why: 'is always packed' },
  { url: '../../deploy/job.yml', missing: true, why: 'is in no packed folder' },
])('$url is missing ($missing) because it $why', async ({ url, missing }) => {
  await mkdir(join(root, 'deploy'))
  await writeFile(join(root, 'deploy', 'job.yml'), '')
  await writeFile(join(root, 'dist', 'log', 'engine.js'), `new URL('${url}', import.meta.url)`)

  expect(await missingUrls(root, join(root, 'dist'))).toEqual(missing ? [{ file: 'log/engine.js', url }] : [])
})
