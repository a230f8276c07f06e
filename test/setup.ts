import { afterAll } from 'vitest'
import { faultsSeen, watchEvents } from './event/seen.ts'

/** Whatever a test is about: no event that it makes may be other than what consumers are told to expect. */
watchEvents()

afterAll(async () => {
  const faults = await faultsSeen()
  if (faults !== '') throw new Error(faults)
})
