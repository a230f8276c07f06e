import { messageOf } from '../errors.ts'
import type { Config, ViewConfig } from './config.ts'
import type { ConfigFault } from './fault.ts'
import { HOST_FORMAT_HINT, parseHostFormat } from './host-format.ts'
import { parseSelector, SELECTOR_HINT } from './label-selector.ts'

/** What is wrong with a view of the format kubevirt.core that the schema can not say. */
export function kubevirtCoreFaults(view: ViewConfig, path: string, { watch }: Config): readonly ConfigFault[] {
  if (view.format !== 'kubevirt.core') return []
  const { host_format, name, label_selector, network_name, use_service } = view.kubevirt_core
  const faults: ConfigFault[] = []
  try {
    parseHostFormat(host_format)
  } catch (error) {
    faults.push({ path: `${path}.host_format`, message: messageOf(error), hint: HOST_FORMAT_HINT })
  }
  if (name !== '' && view.clusters?.length !== 1) {
    const message = 'it is the group of one cluster, and the view may have several'
    faults.push({ path: `${path}.name`, message, hint: 'name the one cluster in clusters, or leave it out' })
  }
  if (use_service && network_name === '' && !watch.services) {
    const message = 'Services are not watched, so that none would be found'
    const hint = 'watch.services: true, with the right to list and watch Services; or use_service: false'
    faults.push({ path: `${path}.use_service`, message, hint })
  }
  try {
    parseSelector(label_selector)
  } catch (error) {
    faults.push({ path: `${path}.label_selector`, message: messageOf(error), hint: SELECTOR_HINT })
  }
  return faults
}
