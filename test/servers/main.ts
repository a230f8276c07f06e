import { Fault, messageOf } from '../../src/errors.ts'
import { recipes } from './recipes.ts'
import { provision } from './cache.ts'

/** `npm run servers [-- NAME…]`: provisions the named servers, or all, and prints where each is. Exit status 1 when one could not be. */
async function main(names: readonly string[]): Promise<number> {
  const known = recipes.map(recipe => recipe.name)
  const unknown = names.filter(name => !known.includes(name))
  if (unknown.length > 0) {
    console.error(`unknown server ${unknown.join(', ')}; known: ${known.join(', ')}`)
    return 1
  }
  let status = 0
  for (const recipe of recipes) {
    if (names.length > 0 && !names.includes(recipe.name)) continue
    try {
      console.log(`${recipe.name}\t${await provision(recipe)}`)
    } catch (error) {
      status = 1
      console.error(`${recipe.name}: ${messageOf(error)}`)
      if (error instanceof Fault && error.hint !== '') console.error(error.hint)
    }
  }
  return status
}

process.exitCode = await main(process.argv.slice(2))
