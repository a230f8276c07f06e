import { isProvisioned, provision, type Recipe } from './cache.ts'
import { plain } from './plain.ts'
import { recipes } from './recipes.ts'
import { requireTools } from './toolchain.ts'

/**
 * Vitest's global setup of the integration suite: builds what is not in the cache yet, telling what and how long.
 *
 * All missing tools are told in one error before the first build. `VIRTBRIDGE_SERVERS=kube,ansible` builds only those, for
 * somebody who runs a single file again and again.
 */
export default async function setup(): Promise<void> {
  const wanted = process.env['VIRTBRIDGE_SERVERS']?.split(',')
  const missing: Recipe[] = []
  for (const recipe of recipes) {
    if ((wanted?.includes(recipe.name) ?? true) && !(await isProvisioned(recipe))) missing.push(recipe)
  }
  try {
    await requireTools([...new Set(missing.flatMap(recipe => recipe.tools))])
    for (const recipe of missing) await provision(recipe, { say: line => console.log(`servers: ${line}`) })
  } catch (error) {
    throw plain(error)
  }
}
