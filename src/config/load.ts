import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Ajv, type ErrorObject } from 'ajv'
import { parseDocument } from 'yaml'
import { Fault, messageOf } from '../errors.ts'
import type { Config, KafkaConfig, Secret } from './config.ts'
import { CONFIG_SCHEMA } from './schema.ts'

/** One thing that is wrong with a configuration: where, what, and what to do. */
export interface ConfigFault {
  readonly path: string
  readonly message: string
  readonly hint: string
}

/** Everything that is wrong with a configuration, at once. */
export class ConfigError extends Fault {
  readonly faults: readonly ConfigFault[]

  constructor(file: string, faults: readonly ConfigFault[]) {
    const lines = faults.map(fault => `  ${fault.path}: ${fault.message}${fault.hint === '' ? '' : ` (${fault.hint})`}`)
    super(
      'config',
      `${file} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${lines.join('\n')}`,
      {
        hint: 'virtbridge.example.yaml explains every key',
      },
    )
    this.faults = faults
  }
}

/** Reads and validates a configuration file; paths in it are relative to it. Throws a ConfigError with every fault. */
export function loadConfig(file: string): Config {
  let source: string
  try {
    source = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Fault('config', `the configuration ${file} can not be read: ${messageOf(error)}`, {
      hint: 'copy virtbridge.example.yaml and edit it',
    })
  }
  return parseConfig(source, file)
}

/** The same for text; `file` names it in faults and is what its paths are relative to. */
export function parseConfig(source: string, file: string): Config {
  const value = parseYaml(source, file)
  const validate = new Ajv({ allErrors: true, useDefaults: true, strict: true, verbose: true }).compile(CONFIG_SCHEMA)
  if (!validate(value)) throw new ConfigError(file, explain(validate.errors ?? []))
  const config = value as Config
  const faults = contradictions(config)
  if (faults.length > 0) throw new ConfigError(file, faults)
  return absolute(config, dirname(resolve(file)))
}

function parseYaml(source: string, file: string): unknown {
  const document = parseDocument(source)
  if (document.errors.length > 0) {
    const faults = document.errors.map(error => yamlFault(`line ${error.linePos?.[0].line ?? '?'}`, error))
    throw new ConfigError(file, faults)
  }
  try {
    return document.toJS() ?? {}
  } catch (error) {
    throw new ConfigError(file, [{ ...yamlFault(WHOLE, error), hint: 'quote a value that begins with * or &' }])
  }
}

/** What the parser says, without the text that it says it of: that may be a secret. */
function yamlFault(path: string, error: unknown): ConfigFault {
  const [sentence = ''] = messageOf(error).split(/[\n:\\]| at line /)
  return { path, message: sentence, hint: '' }
}

/** The path of a fault of the file as a whole. */
const WHOLE = 'the file'

function explain(errors: readonly ErrorObject[]): readonly ConfigFault[] {
  const faults = new Map<string, ConfigFault>()
  for (const error of errors) {
    const inSecret = isSecret(error.schemaPath, error.parentSchema)
    const path = pathOf(inSecret ? error.instancePath.replace(/\/(env|file)$/, '') : error.instancePath)
    const fault = inSecret ? secretFault(path) : plainFault(path, error)
    faults.set(`${fault.path} ${fault.message}`, fault)
  }
  return [...faults.values()]
}

function isSecret(schemaPath: string, parent: unknown): boolean {
  return schemaPath.includes('/oneOf') || (parent as { title?: string } | undefined)?.title === 'secret'
}

/** The value itself is not repeated: it may be the secret. */
function secretFault(path: string): ConfigFault {
  return { path, message: 'must name where the secret is, not be it', hint: 'write {env: NAME} or {file: /path}' }
}

function plainFault(path: string, error: ErrorObject): ConfigFault {
  const known = Object.keys((error.parentSchema as { properties?: object } | undefined)?.properties ?? {})
  switch (error.keyword) {
    case 'additionalProperties':
      return {
        path: join(path, String(error.params['additionalProperty'])),
        message: 'unknown key',
        hint: `known here: ${known.join(', ')}`,
      }
    case 'required':
      return { path: join(path, String(error.params['missingProperty'])), message: 'is missing', hint: '' }
    case 'type':
      return {
        path: path || WHOLE,
        message: error.message ?? 'is of another type',
        hint: path === '' ? 'it is a map of key: value' : '',
      }
    case 'enum':
      return {
        path,
        message: 'is none of the choices',
        hint: `one of ${(error.params['allowedValues'] as string[]).join(', ')}`,
      }
    case 'pattern':
      return {
        path,
        message: 'is not well formed',
        hint:
          PATTERN_HINTS.get(path.replace(/\.\d+/g, '').split('.').at(-1) ?? '') ??
          `must match ${String(error.params['pattern'])}`,
      }
    default:
      return { path, message: error.message ?? 'is wrong', hint: '' }
  }
}

const PATTERN_HINTS = new Map([
  ['listen', 'host:port, as 127.0.0.1:8080 or [::1]:8080'],
  ['name', 'a DNS label: lower-case letters, digits and dashes, at most 63'],
  ['url', 'starts with https:// or http://'],
])

function pathOf(pointer: string): string {
  return pointer.split('/').slice(1).join('.')
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

/** What the schema can not say. */
function contradictions(config: Config): readonly ConfigFault[] {
  return [...clusterFaults(config), ...httpFaults(config.http), ...timeFaults(config), ...kafkaFaults(config.log.kafka)]
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
  return [...twice(named, 'names are unique over all hubs'), ...faults]
}

/** Who asked, of a run that nobody asked for (src/day2/run.ts). */
const SELF = 'bridge'

function httpFaults({ listen, tokens }: Config['http']): readonly ConfigFault[] {
  const faults = [...twice(entries('http.tokens', tokens), 'runs are recorded under the name')]
  for (const [index, { name }] of tokens.entries()) {
    if (name !== SELF) continue
    faults.push({
      path: `http.tokens.${index}.name`,
      message: `"${SELF}" is what runs that start by themselves are recorded under`,
      hint: 'take another name',
    })
  }
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(listen) ?? []
  if (Number(port) > 65_535) faults.push({ path: 'http.listen', message: `${port} is no port`, hint: 'at most 65535' })
  const local = ['127.0.0.1', 'localhost', '[::1]'].includes(host)
  if (!local && tokens.length === 0) {
    faults.push({
      path: 'http.tokens',
      message: `listening on ${host} without a token would show the fleet to everybody`,
      hint: 'add a token, or listen on 127.0.0.1',
    })
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

function kafkaFaults(kafka: KafkaConfig | undefined): readonly ConfigFault[] {
  if (kafka === undefined) return []
  const faults: ConfigFault[] = []
  const { partitions, partitions_per_cluster: perCluster, tls, sasl } = kafka
  if (partitions % perCluster !== 0) {
    const message = `${partitions} partitions can not be shared out by ${perCluster}`
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

/** Paths as the process sees them, whatever folder it runs in. */
function absolute(config: Config, base: string): Config {
  const at = (path: string): string => (path === '' ? '' : resolve(base, path))
  const secretAt = (secret: Secret): Secret => ('file' in secret ? { file: at(secret.file) } : secret)
  const kafkaAt = ({ tls, sasl, ...kafka }: KafkaConfig): KafkaConfig => ({
    ...kafka,
    tls: { ...tls, ca_file: at(tls.ca_file), cert_file: at(tls.cert_file), key_file: at(tls.key_file) },
    ...(sasl === undefined ? {} : { sasl: { ...sasl, password: secretAt(sasl.password) } }),
  })
  const { controller, ...rest } = config
  const { kafka } = config.log
  return {
    ...rest,
    log: { ...config.log, path: at(config.log.path), ...(kafka === undefined ? {} : { kafka: kafkaAt(kafka) }) },
    http: { ...config.http, tokens: config.http.tokens.map(token => ({ ...token, token: secretAt(token.token) })) },
    clusters: config.clusters.map(cluster => ({ ...cluster, kubeconfig: at(cluster.kubeconfig) })),
    hubs: config.hubs.map(hub => ({
      ...hub,
      kubeconfig: at(hub.kubeconfig),
      proxy: { ...hub.proxy, ca_file: at(hub.proxy.ca_file) },
    })),
    ...(controller === undefined
      ? {}
      : { controller: { ...controller, token: secretAt(controller.token), ca_file: at(controller.ca_file) } }),
  }
}
