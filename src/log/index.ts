export * from './log.ts'
export { openSqliteLog, type SqliteLogOptions } from './sqlite/engine.ts'
export { openKafkaLog, type KafkaLogOptions } from './kafka/index.ts'
