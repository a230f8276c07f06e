import { configureGlobal } from 'fast-check'
import { afterAll } from 'vitest'
import { faultsSeen, watchEvents } from './event/seen.ts'

/**
 * One seed for all properties of a file, so that a second look at a test tries the values of the first one again. fast-check tells the seed of
 * a failure; `FC_SEED` plays it again.
 */
configureGlobal({ seed: Number(process.env['FC_SEED'] ?? Math.floor(Math.random() * 2 ** 31)) })

/** Whatever a test is about: no event that it makes may be other than what consumers are told to expect. */
watchEvents()

afterAll(async () => {
  const faults = await faultsSeen()
  if (faults !== '') throw new Error(faults)
})
