import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { cp, rm } from 'node:fs/promises'
import { listFiles } from './files.ts'
import { makeExecutable } from './executable.ts'
import { missingUrls } from './urls.ts'

/**
 * Makes `dist/` from `src/`, as plain JavaScript: Node strips no types under `node_modules`, so what is installed must have none.
 *
 * `npm pack` runs it (prepack). What is not TypeScript is copied as it is; `main.js` becomes a program; and every file that the
 * code finds by `new URL('…', import.meta.url)` must be in the package, which is checked here rather than met by a user.
 */
async function pack(root: string): Promise<number> {
  const dist = join(root, 'dist')
  await rm(dist, { recursive: true, force: true })
  const compiler = [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', join(root, 'build', 'tsconfig.json')]
  const { status } = spawnSync(process.execPath, compiler, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) return 1

  for (const file of await listFiles(join(root, 'src'))) {
    if (!file.endsWith('.ts')) await cp(join(root, 'src', file), join(dist, file))
  }
  await makeExecutable(join(dist, 'main.js'))

  const missing = await missingUrls(root, dist)
  for (const { file, url } of missing)
    console.error(`dist/${file} reads ${url}, which is not in the package (package.json: files)`)
  return missing.length === 0 ? 0 : 1
}

process.exitCode = await pack(join(import.meta.dirname, '..'))
