import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import { parseDocument } from 'yaml'
import { Fault, messageOf } from '../errors.ts'
import type { Config, KafkaConfig, Secret, VerbConfig } from './config.ts'
import { contradictions } from './contradiction.ts'
import { explain, WHOLE } from './explain.ts'
import type { ConfigFault } from './fault.ts'
import { CONFIG_SCHEMA } from './schema.ts'
import { needsOf, systemsOf, templateOf } from './verb-schema.ts'

export type { ConfigFault } from './fault.ts'

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

/** Made once: it takes ten times as long as to use it. */
let validate: ValidateFunction | null = null

/** The same for text; `file` names it in faults and is what its paths are relative to. */
export function parseConfig(source: string, file: string): Config {
  const value = parseYaml(source, file)
  validate ??= new Ajv({ allErrors: true, useDefaults: true, strict: true, verbose: true }).compile(CONFIG_SCHEMA)
  if (!validate(value)) throw new ConfigError(file, explain(validate.errors ?? []))
  const config = named(value as Config)
  const faults = contradictions(config)
  if (faults.length > 0) throw new ConfigError(file, faults)
  return absolute(config, dirname(resolve(file)))
}

/** With what is left out of a verb filled in by its name, which no schema can say. */
function named(config: Config): Config {
  const { onboard, patch, ...others } = config.verbs
  const written: Readonly<Record<string, Partial<VerbConfig>>> = { onboard, patch, ...others }
  const verbs = Object.entries(written).map(([name, verb]) => [
    name,
    { template: templateOf(name), os: systemsOf(name), needs: needsOf(name), ...verb },
  ])
  return { ...config, verbs: Object.fromEntries(verbs) as Config['verbs'] }
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
    secrets: { sealing_keys: config.secrets.sealing_keys.map(at) },
    clusters: config.clusters.map(cluster => ({ ...cluster, kubeconfig: at(cluster.kubeconfig) })),
    hubs: config.hubs.map(hub => ({
      ...hub,
      kubeconfig: at(hub.kubeconfig),
      ...(hub.proxy === undefined ? {} : { proxy: { ...hub.proxy, ca_file: at(hub.proxy.ca_file) } }),
    })),
    ...(controller === undefined
      ? {}
      : { controller: { ...controller, token: secretAt(controller.token), ca_file: at(controller.ca_file) } }),
  }
}
