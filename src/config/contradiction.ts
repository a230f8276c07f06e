import ipaddr from 'ipaddr.js'
import { messageOf } from '../errors.ts'
import { counted } from '../whole-number.ts'
import type { Config, HubConfig, KafkaConfig, VerbConfig } from './config.ts'
import type { ConfigFault } from './fault.ts'
import { parseSelector, SELECTOR_HINT } from './label-selector.ts'
import { isLoopback } from './loopback.ts'
import { profileFaults } from './profile-fault.ts'
import { viewFaults } from './view-fault.ts'

/** What the schema can not say. */
export function contradictions(config: Config): readonly ConfigFault[] {
  return [
    ...clusterFaults(config),
    ...httpFaults(config.http),
    ...proxyFaults(config.http),
    ...timeFaults(config),
    ...twice(entries('inventory.views', config.inventory.views), 'the name is its place in the URL'),
    ...twice(entries('inventory.networks', config.inventory.networks), 'each has its own'),
    ...viewFaults(config),
    ...twice(entries('profiles', config.profiles), 'each has its own'),
    ...profileFaults(config),
    ...verbFaults(config.verbs),
    ...kafkaFaults(config.log.kafka),
  ]
}

function clusterFaults({ clusters, hubs }: Config): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  if (clusters.length + hubs.length === 0) {
    faults.push({
      path: 'clusters',
      message: 'no cluster and no hub is named',
      hint: 'add a cluster with its kubeconfig, or in_cluster: true',
    })
  }
  const named = [...entries('clusters', clusters), ...entries('hubs', hubs)]
  for (const [path, cluster] of named) {
    if ((cluster.kubeconfig !== '') === cluster.in_cluster) {
      faults.push({ path, message: 'needs either kubeconfig or in_cluster: true', hint: 'exactly one of them' })
    }
  }
  return [...twice(named, 'names are unique over all hubs'), ...faults, ...entries('hubs', hubs).flatMap(hubFaults)]
}

function hubFaults([path, hub]: readonly [string, HubConfig]): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  if (hub.proxy === undefined && (hub.reach === 'hub_token' || hub.reach === 'managed_account')) {
    const message = `reach: ${hub.reach} goes through the cluster-proxy, and it is not said where that is`
    faults.push({ path: `${path}.proxy`, message, hint: 'add its url, or choose another way' })
  }
  try {
    parseSelector(hub.labels)
  } catch (error) {
    faults.push({ path: `${path}.labels`, message: messageOf(error), hint: SELECTOR_HINT })
  }
  const names = Object.values(hub.aliases)
  for (const name of new Set(names.filter((name, index) => names.indexOf(name) !== index))) {
    faults.push({ path: `${path}.aliases`, message: `"${name}" is given to two clusters`, hint: 'names are unique' })
  }
  return faults
}

/** Who asked, of a run that nobody asked for (src/day2/run.ts). */
const SELF = 'bridge'

function httpFaults({ listen, tokens }: Config['http']): readonly ConfigFault[] {
  const faults = [...twice(entries('http.tokens', tokens), 'runs are recorded under the name')]
  for (const [index, { name, expires }] of tokens.entries()) {
    if (expires !== undefined && Number.isNaN(Date.parse(expires)))
      faults.push({ path: `http.tokens.${index}.expires`, message: `${expires} is no day`, hint: 'as 2027-01-31' })
    if (name !== SELF) continue
    faults.push({
      path: `http.tokens.${index}.name`,
      message: `"${SELF}" is what runs that start by themselves are recorded under`,
      hint: 'take another name',
    })
  }
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(listen) ?? []
  if (Number(port) > 65_535) faults.push({ path: 'http.listen', message: `${port} is no port`, hint: 'at most 65535' })
  if (!isLoopback(host) && tokens.length === 0) {
    faults.push({
      path: 'http.tokens',
      message: `listening on ${host} without a token would show the fleet to everybody`,
      hint: 'add a token, or listen on 127.0.0.1',
    })
  }
  return faults
}

function proxyFaults({ trusted_proxies: proxies, limits }: Config['http']): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  for (const [index, proxy] of proxies.entries()) {
    const path = `http.trusted_proxies.${index}`
    const isRange = ipaddr.isValidCIDR(proxy)
    if (!isRange && !ipaddr.isValid(proxy)) {
      const message = `"${proxy}" is no address and no range of addresses`
      faults.push({ path, message, hint: 'as 10.128.0.7 or 10.128.0.0/14' })
    } else if (isRange && ipaddr.parseCIDR(proxy)[1] === 0) {
      const message = `${proxy} is everybody, so that who asks could say to be anybody`
      faults.push({ path, message, hint: 'name the proxies, or the network that they alone are in' })
    }
  }
  if (limits.large_answers_per_token > limits.large_answers) {
    const message = `there are ${limits.large_answers} in all`
    faults.push({ path: 'http.limits.large_answers_per_token', message, hint: 'at most http.limits.large_answers' })
  }
  return faults
}

function timeFaults({ watch, inventory }: Config): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const { stale_after_seconds: stale, disable_stale_after_seconds: disable } = inventory
  if (stale <= watch.heartbeat_seconds) {
    const message = `a heartbeat comes every ${watch.heartbeat_seconds} s, so every cluster would seem stale in between`
    faults.push({ path: 'inventory.stale_after_seconds', message, hint: 'at least twice watch.heartbeat_seconds' })
  }
  if (disable < stale) {
    faults.push({
      path: 'inventory.disable_stale_after_seconds',
      message: 'a cluster would be disabled before it is stale',
      hint: 'at least inventory.stale_after_seconds',
    })
  }
  return faults
}

/**
 * A run is asked for by the name of its template too, and what others launch from it counts as the verb: it can do one alone. That of a step
 * does no verb by itself, so it may be one of several.
 */
function verbFaults(verbs: Config['verbs']): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const seen = new Map<string, string>()
  for (const [name, verb] of Object.entries(verbs)) {
    const { template, steps, also } = verb
    if (steps !== undefined) faults.push(...stepFaults(`verbs.${name}`, { ...verb, steps }))
    for (const one of new Set([...(steps === undefined ? [template] : []), ...also])) {
      const other = seen.get(one)
      if (other !== undefined) {
        const message = `the job template "${one}" is one of verbs.${other} too`
        faults.push({ path: `verbs.${name}`, message, hint: 'a template does one verb' })
      }
      seen.set(one, name)
    }
  }
  return faults
}

function stepFaults(
  path: string,
  { template, steps, driver }: Pick<VerbConfig, 'template' | 'driver'> & Required<Pick<VerbConfig, 'steps'>>,
): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  if (template !== '') {
    const hint = 'write the template as one of the steps, or leave the steps out'
    faults.push({ path: `${path}.template`, message: 'a verb is one job, or it has steps', hint })
  }
  if (driver === 'eda') {
    const hint = 'driver: bridge, or one template'
    faults.push({ path: `${path}.driver`, message: 'a rulebook launches one job: only virtbridge orders steps', hint })
  }
  return [...faults, ...twice(entries(`${path}.steps`, steps), 'name each step once')]
}

function kafkaFaults(kafka: KafkaConfig | undefined): readonly ConfigFault[] {
  if (kafka === undefined) return []
  const faults: ConfigFault[] = []
  const { partitions, partitions_per_cluster: perCluster, tls, sasl } = kafka
  if (partitions % perCluster !== 0) {
    const message = `${counted(partitions, 'partition')} can not be shared out by ${perCluster}`
    faults.push({ path: 'log.kafka.partitions_per_cluster', message, hint: 'it must divide log.kafka.partitions' })
  }
  if ((tls.cert_file === '') !== (tls.key_file === '')) {
    const message = 'a certificate and its key are written together'
    faults.push({ path: 'log.kafka.tls', message, hint: 'set both cert_file and key_file, or none' })
  }
  if (!tls.enabled && (tls.ca_file !== '' || tls.cert_file !== '')) {
    faults.push({ path: 'log.kafka.tls.enabled', message: 'TLS is off, but has files', hint: 'enabled: true' })
  }
  if (!tls.enabled && sasl?.mechanism === 'plain') {
    const message = 'plain sends the password as it is, and TLS is off'
    faults.push({ path: 'log.kafka.sasl.mechanism', message, hint: 'turn log.kafka.tls.enabled on, or use SCRAM' })
  }
  return faults
}

interface Named {
  readonly name: string
}

function twice(named: readonly (readonly [path: string, one: Named])[], hint: string): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const seen = new Map<string, string>()
  for (const [path, { name }] of named) {
    const other = seen.get(name)
    if (other !== undefined)
      faults.push({ path: `${path}.name`, message: `"${name}" is the name of ${other} too`, hint })
    seen.set(name, path)
  }
  return faults
}

function entries<T extends Named>(path: string, named: readonly T[]): readonly (readonly [string, T])[] {
  return named.map((one, index) => [`${path}.${index}`, one] as const)
}
