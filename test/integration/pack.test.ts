import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kubeconfigOf } from '../servers/kubeconfig.ts'
import { freePort } from '../servers/ports.ts'
import { run } from '../servers/run.ts'

const root = join(import.meta.dirname, '..', '..')
let folder = ''
let packed: { filename: string; size: number; files: { path: string; mode: number }[] }

// The Node that runs this test, before any other: what the shebang of an installed program finds.
const env = { ...process.env, PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter) }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'virtbridge-pack-'))
  const told = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, env })
  const result: unknown = JSON.parse(told.slice(told.search(/^[[{]/m)))
  packed = (Array.isArray(result) ? result : Object.values(result as object))[0] as typeof packed
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('the tarball holds plain JavaScript and what a user reads, and nothing of the workshop', () => {
  const paths = packed.files.map(file => file.path)
  expect(paths).toEqual(expect.arrayContaining(['dist/main.js', 'package.json', 'LICENSE']))
  expect(paths.filter(path => path.endsWith('.ts'))).toEqual([])
  expect(paths.filter(path => /^(src|test|bench|build|node_modules)\/|\.test\./.test(path))).toEqual([])
  expect((packed.files.find(file => file.path === 'dist/main.js')?.mode ?? 0) & 0o111).toBe(0o111)
  expect(packed.size).toBeLessThan(2_000_000)
})

test('it installs into an empty folder without development dependencies, and virtbridge runs', async () => {
  await run('npm', ['init', '--yes'], { cwd: folder, env })
  const flags = ['--prefer-offline', '--no-audit', '--no-fund']
  await run('npm', ['install', ...flags, join(folder, packed.filename)], { cwd: folder, env })

  const tree = JSON.parse(await run('npm', ['ls', '--all', '--json'], { cwd: folder, env })) as unknown
  expect(JSON.stringify(tree)).not.toMatch(/"(vitest|typescript|oxlint|prettier)":/)

  const program = join(folder, 'node_modules', '.bin', 'virtbridge')
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  expect((await run(program, ['--version'], { cwd: folder, env })).trim()).toContain(version)
  expect(await run(program, ['--help'], { cwd: folder, env })).toMatch(/serve[^]*check|check[^]*serve/)
})

test('what is installed serves, from JavaScript alone: its worker, its schema and its assets are there', async () => {
  await using stack = new AsyncDisposableStack()
  const port = await freePort()
  const entry = { context: 'dev-1', url: 'https://127.0.0.1:1', token: 'nobody' }
  const config = `
    log: { path: ./virtbridge.db }
    http: { listen: '127.0.0.1:${port}' }
    clusters: [{ name: dev-1, kubeconfig: ./kubeconfig, context: dev-1 }]`
  await writeFile(join(folder, 'kubeconfig'), JSON.stringify(kubeconfigOf([entry])), { mode: 0o600 })
  await writeFile(join(folder, 'virtbridge.yaml'), config)

  const program = join(folder, 'node_modules', '.bin', 'virtbridge')
  const child = spawn(program, ['serve', '--config', 'virtbridge.yaml'], { cwd: folder, env, stdio: 'inherit' })
  stack.defer(() => void child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const live = (): Promise<number> =>
    fetch(`http://127.0.0.1:${port}/livez`).then(
      answer => answer.status,
      () => 0,
    )
  await expect.poll(live, { timeout: 60_000 }).toBe(200)

  child.kill('SIGTERM')
  expect(await exited).toEqual([0, null])
})
