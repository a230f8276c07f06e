import { tmpdir } from 'node:os'
import { bundleRecipe } from './bundle.ts'
import { provision } from './cache.ts'
import { familyRecipe, redhat, suse } from './family-root.ts'
import { fedoraRecipe } from './fedora-root.ts'
import { executionEnvironmentRecipe } from './execution-environment.ts'
import { ensureDebootstrap, guestRecipe, requireRoot } from './guest-root.ts'
import { tidyGuests } from './left-guests.ts'
import { plain } from './plain.ts'
import { ansibleRecipe, windowsRecipe } from './python-environment.ts'
import { servicesRecipe } from './services-root.ts'

const recipes = [
  ansibleRecipe,
  bundleRecipe,
  executionEnvironmentRecipe,
  guestRecipe,
  familyRecipe(redhat),
  familyRecipe(suse),
  fedoraRecipe,
  servicesRecipe,
  windowsRecipe,
]

/** Vitest's global setup of the guests suite: root or a clear error, debootstrap, the roots and Ansible in the cache. */
export default async function setup(): Promise<void> {
  const say = (line: string): void => console.log(`guests: ${line}`)
  try {
    requireRoot()
    await tidyGuests(tmpdir(), say)
    await ensureDebootstrap(say)
    for (const recipe of recipes) await provision(recipe, { say })
  } catch (error) {
    throw plain(error)
  }
}
