import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format } from 'prettier'
import { CONFIG_SCHEMA } from '../src/config/schema.ts'
import { RESULT_SCHEMA } from '../src/day2/index.ts'
import { buildApp, type AppParts, OPENAPI_PATH } from '../src/http/index.ts'
import { createLogger, createMetrics } from '../src/telemetry/index.ts'
import { VERSION } from '../src/version.ts'
import { configTable } from './config-table.ts'

/**
 * Writes what is published of the schemas in `src`: `schemas/config-v1.json`, `schemas/result-v1.json`, `schemas/openapi-v1.json`, and the table of
 * `docs/configuration.md` between its two marks. `node build/schemas.ts` after each change of a schema or route; tests compare.
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
    [
      join(root, 'schemas', 'result-v1.json'),
      await format(JSON.stringify(RESULT_SCHEMA), { ...style, parser: 'json' }),
    ],
    [join(root, 'schemas', 'openapi-v1.json'), await format(await apiDocument(), { ...style, parser: 'json' })],
    [docs, await format(`${before}${table}${after}`, { ...style, parser: 'markdown' })],
  ])
}

/** The document of the API: what it is made of needs none of the parts that answer. */
async function apiDocument(): Promise<string> {
  const { signal } = new AbortController()
  const parts: Pick<AppParts, 'signal' | 'metrics' | 'logger' | 'version'> = {
    signal,
    metrics: createMetrics(),
    logger: createLogger({ level: 'silent', people: false }),
    version: VERSION,
  }
  const app = buildApp(parts as AppParts)
  const { body } = await app.inject(OPENAPI_PATH)
  await app.close()
  return body
}

if (import.meta.main) {
  for (const [file, content] of await publishedSchemas(join(import.meta.dirname, '..'))) writeFileSync(file, content)
}
