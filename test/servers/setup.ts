import { Fault, messageOf } from '../../src/errors.ts'
import { provision } from './cache.ts'
import { recipes } from './recipes.ts'
import { requireTools, type Tool } from './toolchain.ts'

/**
 * Vitest's global setup of the integration suite: builds what is not in the cache yet, telling what and how long.
 *
 * All missing tools are told in one error before the first build. `VIRTBRIDGE_SERVERS=kube,ansible` builds only those, for
 * somebody who runs a single file again and again.
 */
export default async function setup(): Promise<void> {
  const wanted = process.env['VIRTBRIDGE_SERVERS']?.split(',')
  const chosen = recipes.filter(recipe => wanted?.includes(recipe.name) ?? true)
  try {
    await requireTools([...new Set<Tool>(chosen.flatMap(recipe => recipe.tools))])
    for (const recipe of chosen) await provision(recipe, { say: line => console.log(`servers: ${line}`) })
  } catch (error) {
    // Vitest prints the message of what a global setup throws, and nothing else of it.
    throw new Error(error instanceof Fault ? `${error.message}\n${error.hint}` : messageOf(error), { cause: error })
  }
}
