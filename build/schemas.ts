import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format } from 'prettier'
import { CONFIG_SCHEMA } from '../src/config/schema.ts'
import { configTable } from './config-table.ts'

/**
 * Writes what is published of the schemas in `src`: `schemas/config-v1.json`, and the table of `docs/configuration.md` between its
 * two marks. `node build/schemas.ts` after each change of a schema; a test compares.
 */
export async function publishedSchemas(root: string): Promise<ReadonlyMap<string, string>> {
  const docs = join(root, 'docs', 'configuration.md')
  const [before = '', after = ''] = readFileSync(docs, 'utf8').split(/<!-- keys -->[^]*<!-- \/keys -->/)
  const table = `<!-- keys -->\n\n${configTable(CONFIG_SCHEMA)}\n\n<!-- /keys -->`
  const style = { printWidth: 120 }
  return new Map([
    [
      join(root, 'schemas', 'config-v1.json'),
      await format(JSON.stringify(CONFIG_SCHEMA), { ...style, parser: 'json' }),
    ],
    [docs, await format(`${before}${table}${after}`, { ...style, parser: 'markdown' })],
  ])
}

if (import.meta.main) {
  for (const [file, content] of await publishedSchemas(join(import.meta.dirname, '..'))) writeFileSync(file, content)
}
