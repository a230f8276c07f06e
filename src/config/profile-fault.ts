import { isTemplate } from '../template.ts'
import type { Config, ProfileConfig } from './config.ts'
import type { ConfigFault } from './fault.ts'
import { selectorFaults } from './selector-fault.ts'

/** Bytes of JSON that the variables of one profile take, with those from above it: each of its hosts has them. */
export const MAX_PROFILE_VARIABLES_BYTES = 4_096
/** Profiles below one another. */
const MAX_DEPTH = 8

/** Variables of the bridge and of the connection begin so. */
const OURS = /^(ansible|kubevirt|day2|virtbridge)_/
/** What Ansible calls variables of its own, and what is a key of a play (ansible-core 2.19). */
const ANSIBLE = new Set(
  `environment group_names groups hosts hostvars inventory_dir inventory_file inventory_hostname inventory_hostname_short
   name omit play_hosts playbook_dir role_name role_names role_path roles tags tasks vars become become_user connection
   port remote_user strategy serial gather_facts`.split(/\s+/),
)
const SECRET = /(^|_)(password|passwd|passphrase|secret|token|private_?key|api_?key)(_hash)?$/i

/** What is wrong with the profiles that the schema can not say, all of it at once. */
export function profileFaults({ profiles }: Config): readonly ConfigFault[] {
  return [...profiles.entries()].flatMap(([at, profile]) => {
    const path = `profiles.${at}`
    const variables = Object.entries(profile.variables).flatMap(([name, value]) =>
      variableFaults(name, value, `${path}.variables.${name}`),
    )
    const above = parentFaults(profile, path, profiles)
    const sized = above.length > 0 ? [] : sizeFaults(profile, path, profiles)
    return [...selectorFaults(profile.selector, `${path}.selector`), ...above, ...variables, ...sized]
  })
}

/** Names of profiles that are none. */
export function profileNameFaults(
  names: readonly string[],
  path: string,
  profiles: readonly ProfileConfig[],
): readonly ConfigFault[] {
  const known = profiles.map(({ name }) => name)
  const hint = known.length === 0 ? 'add it to profiles' : `one of ${known.join(', ')}`
  const wrong = [...names.entries()].filter(([, name]) => !known.includes(name))
  return wrong.map(([at, name]) => ({ path: `${path}.${at}`, message: `no profile is called "${name}"`, hint }))
}

function parentFaults(
  { name, parent }: ProfileConfig,
  path: string,
  profiles: readonly ProfileConfig[],
): readonly ConfigFault[] {
  const at = `${path}.parent`
  if (parent === '') return []
  const [unknown] = profileNameFaults([parent], at, profiles)
  if (unknown !== undefined) return [{ ...unknown, path: at }]
  const chain = chainOf(parent, profiles)
  if (chain.some(one => one.name === name))
    return [{ path: at, message: `"${name}" would be below itself`, hint: 'leave parent out of one of them' }]
  if (chain.length < MAX_DEPTH) return []
  return [
    { path: at, message: `it is ${chain.length + 1} deep`, hint: `${MAX_DEPTH} profiles below one another at most` },
  ]
}

/** A profile and those above it, the closest first; of a circle each once. */
function chainOf(name: string, profiles: readonly ProfileConfig[]): readonly ProfileConfig[] {
  const chain: ProfileConfig[] = []
  for (let next = name; next !== '';) {
    const found = profiles.find(profile => profile.name === next)
    if (found === undefined || chain.includes(found)) break
    chain.push(found)
    next = found.parent
  }
  return chain
}

function sizeFaults({ name }: ProfileConfig, path: string, profiles: readonly ProfileConfig[]): readonly ConfigFault[] {
  const own = [...chainOf(name, profiles)].reverse().map(({ variables }) => variables)
  const bytes = Buffer.byteLength(JSON.stringify(Object.assign({}, ...own)))
  if (bytes <= MAX_PROFILE_VARIABLES_BYTES) return []
  const message = `with those of the profiles above it they are ${bytes} bytes, ${MAX_PROFILE_VARIABLES_BYTES} is the most`
  return [{ path: `${path}.variables`, message, hint: 'each of its hosts has them; what is long stands in group_vars' }]
}

function variableFaults(name: string, value: unknown, path: string): readonly ConfigFault[] {
  if (OURS.test(name))
    return [{ path, message: 'begins like a variable of virtbridge or of the connection', hint: 'take another name' }]
  if (ANSIBLE.has(name))
    return [{ path, message: `"${name}" means something else to Ansible`, hint: 'take another name' }]
  return [...secretFaults(name, value, path), ...keyFaults(value, path)]
}

function keyFaults(value: unknown, path: string): readonly ConfigFault[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) => {
    if (Array.isArray(value)) return keyFaults(item, `${path}.${key}`)
    // A key can not be marked as data.
    if (isTemplate(key) || key.startsWith('__ansible_'))
      return [{ path, message: 'has a key that Ansible would render', hint: 'write what it stands for' }]
    return [...secretFaults(key, item, `${path}.${key}`), ...keyFaults(item, `${path}.${key}`)]
  })
}

/** A switch or a number under such a name says how, and is no secret itself. */
function secretFaults(name: string, value: unknown, path: string): readonly ConfigFault[] {
  if (!SECRET.test(name) || typeof value !== 'string' || value === '') return []
  const message = 'looks like a secret, which every reader of the inventory would see'
  return [{ path, message, hint: 'give it to the job template as a credential of the controller' }]
}
