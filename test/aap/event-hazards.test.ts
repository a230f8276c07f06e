import { expect, test } from 'vitest'
import { eventHazards } from '../../src/aap/index.ts'

const fleet = { name: 'virtbridge fleet' }
const source = { name: 'virtbridge', updateOnLaunch: true, cacheSeconds: 0 }

test.each([
  ['that nothing fills', [], ['stop no_source']],
  ['that is not updated before a job', [{ ...source, updateOnLaunch: false }], ['warn not_on_launch']],
  [
    'whose update is believed for longer than a rulebook tries',
    [{ ...source, cacheSeconds: 61 }],
    ['warn believes_too_long'],
  ],
  ['that is updated before each job', [source], []],
  ['that is updated once for the launches of a minute', [{ ...source, cacheSeconds: 60 }], []],
  ['of which one source of two is updated', [{ ...source, updateOnLaunch: false }, source], []],
])('what a rulebook launches on an inventory %s: %#', (_, sources, hazards) => {
  expect(eventHazards(fleet, sources).map(({ code, severity }) => `${severity} ${code}`)).toEqual(hazards)
})
