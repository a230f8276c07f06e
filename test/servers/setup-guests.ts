import { provision } from './cache.ts'
import { ensureDebootstrap, guestRecipe, requireRoot } from './guest-root.ts'
import { plain } from './plain.ts'
import { ansibleRecipe } from './python-environment.ts'

/** Vitest's global setup of the guests suite: root or a clear error, debootstrap, the Debian root and Ansible in the cache. */
export default async function setup(): Promise<void> {
  const say = (line: string): void => console.log(`guests: ${line}`)
  try {
    requireRoot()
    await ensureDebootstrap(say)
    for (const recipe of [ansibleRecipe, guestRecipe]) await provision(recipe, { say })
  } catch (error) {
    throw plain(error)
  }
}
