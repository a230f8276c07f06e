import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const ROOT = join(import.meta.dirname, '..', '..', 'rulebooks')

export const FOLDERS = ['base', 'aap26', 'ha'] as const
export type Folder = (typeof FOLDERS)[number]

export type Keys = Readonly<Record<string, unknown>>

/** A rule set as it is written. */
export interface RuleSet extends Keys {
  readonly name: string
  readonly sources: readonly Keys[]
  readonly rules: readonly Rule[]
}

export interface Rule extends Keys {
  readonly name: string
  readonly condition: string
  readonly throttle?: Keys
  readonly action: Readonly<Record<string, Keys | null>>
}

/** Every rule set of a folder, by the name of its file. */
export function ruleSets(folder: Folder): ReadonlyMap<string, RuleSet> {
  const names = readdirSync(join(ROOT, folder)).filter(name => name.endsWith('.yml'))
  return new Map(
    names.map(name => {
      const sets = parse(readFileSync(join(ROOT, folder, name), 'utf8')) as RuleSet[]
      const [only] = sets
      if (only === undefined || sets.length !== 1) throw new Error(`${folder}/${name} is not one rule set`)
      return [name, only]
    }),
  )
}

/** What a rule launches; null when it launches nothing. */
export function launchOf(rule: Rule): Keys | null {
  return rule.action['run_job_template'] ?? null
}
