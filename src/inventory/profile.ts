import type { VmRecord } from '../vm/index.ts'
import { type Match, notSuch, notThere, wordsOf } from './match.ts'
import { marked } from './safe.ts'

/** A host group of day 2, as an administrator wrote it: who is of it, below which other, and the variables that its hosts get. */
export interface ProfileRule extends Match {
  /** A DNS label; unique. */
  readonly name: string
  /** The profile that it is below; empty: of none. */
  readonly parent: string
  readonly variables: Readonly<Record<string, unknown>>
}

/** The profile of one VM. */
export interface GuestProfile {
  /** Empty: it has none. */
  readonly name: string
  /** From the outermost to `name`. */
  readonly chain: readonly string[]
  /** As Ansible may take them: what stands closer to the VM counts. */
  readonly variables: Readonly<Record<string, unknown>>
}

/** Why a VM has its profile, and where each of its variables comes from. */
export interface ProfileWhy {
  readonly name: string
  readonly chain: readonly string[]
  readonly because: readonly string[]
  /** `over`: the profiles whose value does not count, the closest first. */
  readonly variables: readonly { readonly name: string; readonly from: string; readonly over: readonly string[] }[]
}

/** What is said of a VM that no profile takes. */
export const NO_PROFILE: GuestProfile = { name: '', chain: [], variables: {} }

interface Knot {
  readonly rule: ProfileRule
  readonly profile: GuestProfile
  readonly below: readonly Knot[]
}

/** How a VM fell through the profiles: those that took it, and at each level those before them that did not, with the reasons. */
interface Fall {
  readonly taken: readonly Knot[]
  readonly passed: readonly { readonly name: string; readonly reasons: readonly string[] }[]
  /** The profile that can not be decided, as the sets of the cluster are not known. */
  readonly stuck: string
}

/**
 * Profiles, as a tree. A VM is of the first that takes it among those without a parent, then of the first that takes it among those below
 * that, and so on: the order of the file decides at each level, and nothing is tried again. So two profiles never tie, and each VM has one
 * profile or none. Pure: decided by what is known of the VM and its cluster alone.
 */
export class Profiles {
  readonly #roots: readonly Knot[]
  readonly #names: readonly string[]
  /** Keys of labels that decide which profile a VM has. */
  readonly labelKeys: readonly string[]

  /** `rules` in the order of the file; each parent is one of them, and none is below itself. */
  constructor(rules: readonly ProfileRule[]) {
    this.#names = rules.map(({ name }) => name)
    this.labelKeys = [...new Set(rules.flatMap(({ labels }) => labels.map(({ key }) => key)))]
    const knotsBelow = (parent: string, above: GuestProfile): readonly Knot[] =>
      rules
        .filter(rule => rule.parent === parent)
        .map(rule => {
          const variables = { ...above.variables, ...(marked(rule.variables) as ProfileRule['variables']) }
          const profile = { name: rule.name, chain: [...above.chain, rule.name], variables }
          return { rule, profile, below: knotsBelow(rule.name, profile) }
        })
    this.#roots = knotsBelow('', NO_PROFILE)
  }

  /** In the order of the file. */
  get names(): readonly string[] {
    return this.#names
  }

  /** The profile of a VM; of none while it can not be told. `clusterSets`: those of its cluster, undefined while they are not known. */
  of(record: VmRecord, clusterSets?: readonly string[]): GuestProfile {
    if (this.#roots.length === 0) return NO_PROFILE
    const { taken, stuck } = this.#fall(record, clusterSets)
    return stuck === '' ? (taken.at(-1)?.profile ?? NO_PROFILE) : NO_PROFILE
  }

  /** The same, with the reasons. */
  why(record: VmRecord, clusterSets?: readonly string[]): ProfileWhy {
    const { taken, passed, stuck } = this.#fall(record, clusterSets)
    const missed = passed.map(({ name, reasons }) => `not ${name}: ${reasons.join(', ')}`)
    if (stuck !== '') return nowhere([...missed, `whether ${stuck} can not be told: ${UNKNOWN_SETS}`])
    const held = taken.map(({ rule }) => {
      const words = wordsOf(rule)
      return words.length === 0 ? `${rule.name} takes every VM` : `${rule.name}: ${words.join(', ')}`
    })
    const chain = taken.map(({ rule }) => rule.name)
    return { name: chain.at(-1) ?? '', chain, because: [...held, ...missed], variables: provenance(taken) }
  }

  #fall(record: VmRecord, clusterSets: readonly string[] | undefined): Fall {
    const taken: Knot[] = []
    const passed: { name: string; reasons: readonly string[] }[] = []
    for (let level = this.#roots; level.length > 0;) {
      let next: Knot | undefined
      for (const knot of level) {
        const { rule } = knot
        const reasons = [...notThere(rule, record, clusterSets), ...notSuch(rule, record)]
        // Nothing but the sets speaks against it, and those are not known: another profile would be a guess.
        const isOpen = clusterSets === undefined && rule.clusterSets.length > 0
        if (isOpen && reasons.length === 1) return { taken, passed, stuck: rule.name }
        if (reasons.length === 0) {
          next = knot
          break
        }
        passed.push({ name: rule.name, reasons })
      }
      if (next === undefined) break
      taken.push(next)
      level = next.below
    }
    return { taken, passed, stuck: '' }
  }
}

const UNKNOWN_SETS = 'the cluster sets of its cluster are not known'

function nowhere(because: readonly string[]): ProfileWhy {
  return { name: '', chain: [], because, variables: [] }
}

/** By name, as they stand in a host's variables. */
function provenance(taken: readonly Knot[]): ProfileWhy['variables'] {
  const closest = [...taken].reverse()
  const names = new Set(taken.flatMap(({ rule }) => Object.keys(rule.variables)))
  return [...names].sort().map(name => {
    const [from = '', ...over] = closest.flatMap(({ rule }) => (Object.hasOwn(rule.variables, name) ? [rule.name] : []))
    return { name, from, over }
  })
}
