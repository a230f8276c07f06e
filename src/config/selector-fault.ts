import { messageOf } from '../errors.ts'
import type { ConfigFault } from './fault.ts'
import { parseSelector, SELECTOR_HINT } from './label-selector.ts'

/** That a label selector can not be read; nothing when it can. */
export function selectorFaults(selector: string, path: string): readonly ConfigFault[] {
  try {
    parseSelector(selector)
    return []
  } catch (error) {
    return [{ path, message: messageOf(error), hint: SELECTOR_HINT }]
  }
}
