import type { Config } from '../config/index.ts'
import { readSealingKey } from '../service/sealing-keys.ts'
import { failure, type Finding } from './finding.ts'

/** The keys that secrets of runs are sealed with can be read, by nobody else, and are keys. */
export function* checkSealingKeys({ secrets }: Pick<Config, 'secrets'>): Iterable<Finding> {
  for (const [index, file] of secrets.sealing_keys.entries()) {
    const what = `sealing key ${file}`
    try {
      const { id } = readSealingKey(file)
      yield { what, result: 'ok', detail: index === 0 ? `${id}, seals and opens` : `${id}, opens`, hint: '' }
    } catch (error) {
      yield failure(what, error)
    }
  }
}
