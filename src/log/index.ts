export * from './log.ts'
export { openSqliteLog, type SqliteLogOptions } from './sqlite/engine.ts'
