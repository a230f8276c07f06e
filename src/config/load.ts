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
import { type Environment, sharedTokenFaults } from './token-fault.ts'
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

/**
 * Reads and validates a configuration file. Relative paths in it are taken from the folder of the file and come out absolute. Throws a
 * ConfigError that names every fault at once, or a Fault `config` when the file can not be read. With `env`, the process environment or a stand-in,
 * the tokens of the API are read too: no two may be one.
 */
export function loadConfig(file: string, env?: Environment): Config {
  let source: string
  try {
    source = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Fault('config', `the configuration ${file} can not be read: ${messageOf(error)}`, {
      hint: 'copy virtbridge.example.yaml and edit it, or say with --config where yours is',
    })
  }
  return parseConfig(source, file, env)
}

/** Compiled at the first use and kept: to compile takes ten times as long as to validate. */
let validate: ValidateFunction | null = null

/** As loadConfig, for YAML that was read already. `file` is its name in faults, and its folder is where relative paths begin: it is not read itself. */
export function parseConfig(source: string, file: string, env?: Environment): Config {
  const value = parseYaml(source, file)
  validate ??= new Ajv({ allErrors: true, useDefaults: true, strict: true, verbose: true }).compile(CONFIG_SCHEMA)
  if (!validate(value)) throw new ConfigError(file, explain(validate.errors ?? []))
  const config = withVerbDefaults(value as Config)
  const absolute = withAbsolutePaths(config, dirname(resolve(file)))
  const faults = [...contradictions(config), ...sharedTokenFaults(absolute.http.tokens, env)]
  if (faults.length > 0) throw new ConfigError(file, faults)
  return absolute
}

/** Fills in the defaults of each verb that depend on its name (template, systems, needs), which a JSON Schema can not express. */
function withVerbDefaults(config: Config): Config {
  const { onboard, patch, ...others } = config.verbs
  const written: Readonly<Record<string, Partial<VerbConfig>>> = { onboard, patch, ...others }
  const verbs = Object.entries(written).map(([name, verb]) => {
    const template = verb.steps === undefined ? templateOf(name) : ''
    return [name, { template, os: systemsOf(name), needs: needsOf(name), ...verb }]
  })
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

/** The configuration with every path absolute, taken from `base`: the folder that the process runs in does not count. */
function withAbsolutePaths(config: Config, base: string): Config {
  const at = (path: string): string => (path === '' ? '' : resolve(base, path))
  const secretAt = (secret: Secret): Secret => ('file' in secret ? { file: at(secret.file) } : secret)
  const kafkaAt = ({ tls, sasl, ...kafka }: KafkaConfig): KafkaConfig => ({
    ...kafka,
    tls: { ...tls, ca_file: at(tls.ca_file), cert_file: at(tls.cert_file), key_file: at(tls.key_file) },
    ...(sasl === undefined ? {} : { sasl: { ...sasl, password: secretAt(sasl.password) } }),
  })
  const { controller, ...rest } = config
  const { kafka, path, history_path } = config.log
  const log = { ...config.log, path: at(path), history_path: at(history_path) }
  return {
    ...rest,
    log: kafka === undefined ? log : { ...log, kafka: kafkaAt(kafka) },
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
