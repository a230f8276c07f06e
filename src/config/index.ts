export * from './config.ts'
export { ConfigError, type ConfigFault, loadConfig, parseConfig } from './load.ts'
export { CONFIG_SCHEMA } from './schema.ts'
export { readSecret } from './secret.ts'
