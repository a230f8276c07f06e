import { access, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { listFiles } from './files.ts'

const literal = /new URL\(\s*'(\.[^']*)'\s*,\s*import\.meta\.url/g
const worker = /new URL\(\s*import\.meta\.url\.endsWith\('\.ts'\)\s*\?\s*'[^']*'\s*:\s*'([^']*)'/g

/** A file of `dist/` and what it names beside itself that no user would have. */
export interface MissingUrl {
  readonly file: string
  readonly url: string
}

/** What `dist/` finds by `new URL('…', import.meta.url)` and the package does not hold, by `files` of `package.json`. */
export async function missingUrls(root: string, dist: string): Promise<MissingUrl[]> {
  const { files } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { files: string[] }
  const missing: MissingUrl[] = []
  for (const file of await listFiles(dist)) {
    if (!file.endsWith('.js')) continue
    for (const url of urlsIn(await readFile(join(dist, file), 'utf8'))) {
      const path = relative(root, join(dirname(join(dist, file)), url))
      // npm always packs this one.
      const packed = path === 'package.json' || files.some(entry => path === entry || path.startsWith(`${entry}/`))
      const there =
        packed &&
        (await access(join(root, path)).then(
          () => true,
          () => false,
        ))
      if (!there) missing.push({ file, url })
    }
  }
  return missing
}

/** The relative URLs that a module makes from its own place, literal ones and the compiled half of a worker's. */
export function urlsIn(code: string): string[] {
  return [...code.matchAll(literal), ...code.matchAll(worker)].map(match => match[1] ?? '')
}
