import { plainText } from '../event/index.ts'
import { isPrivate } from './secret.ts'
import { dict } from './raw.ts'

/** The annotations of a VM that configuration names, by their keys: empty where the VM has none, or one that may hold a secret. */
export type Annotations = Readonly<Record<string, string>>

/**
 * A VirtualMachine as the API sends it → what it says in the annotations of these keys, in their order, each as one short line without
 * control characters. A key is there whether the VM has it or not: so what was never looked for is told from what is not there.
 */
export function annotationsOf(object: unknown, keys: readonly string[]): Annotations {
  const said = dict(dict(dict(object)['metadata'])['annotations'])
  return Object.fromEntries(keys.map(key => [key, Object.hasOwn(said, key) ? shown(key, said[key]) : '']))
}

function shown(key: string, value: unknown): string {
  return typeof value !== 'string' || isPrivate(key, value) ? '' : plainText(value)
}
