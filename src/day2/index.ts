export { MAX_LIMIT_BYTES, splitHosts } from '../aap/index.ts'
export { baselineEntry } from './baseline.ts'
export { type Brake, whyBraked } from './brake.ts'
export type { DispatchReport } from './book.ts'
export type { Caps } from './caps.ts'
export { confirmedEvent, lossEvent } from './loss-event.ts'
export { Dispatcher, type DispatcherOptions } from './dispatcher.ts'
export { type Chance, explain, type Explanation, type Holding } from './explain.ts'
export {
  CURSOR_PATTERN,
  followHistory,
  History,
  type HistoryQuestion,
  type HistoryRow,
  type HistoryView,
} from './history.ts'
export { rightOfToken } from './grounds.ts'
export { followLedger, Ledger, type LedgerView, loadLedger } from './ledger.ts'
export { whyNotNow } from './admission.ts'
export { dueBySelf, type Policy, plan, whyNotOnboard } from './plan.ts'
export type { VerbPolicy } from './verb-policy.ts'
export type * from './command.ts'
export {
  MAX_VARIABLES,
  MAX_VARIABLES_BYTES,
  type Variables,
  variablesDigest,
  variablesFault,
  nameFault,
} from './variables.ts'
export * from './run.ts'
export { newRun } from './new-run.ts'
export { type RunStep, stepName } from './run-step.ts'
export { KEY_SIZE, type SealingKey, sealingKey } from './sealed.ts'
export { MAX_SECRETS, MAX_SECRET_BYTES, type SealedSecrets, type Secrets, secretsFault } from './secrets.ts'
export { MAKE_A_KEY, Vault } from './vault.ts'
export { hostsDigest, isSameWish, markOf, markOfRun, type WishMark } from './wish.ts'
export type { HostProgress } from './progress.ts'
export { RESULT_SCHEMA } from './result-schema.ts'
export { COMMAND_SCHEMA, LEDGER_SCHEMA, refuseNewerCommands } from './version.ts'
export type { Onlooking } from './onlooker.ts'
export type { Place } from './lookup.ts'
export { PATIENCE, type Patience } from './step.ts'
