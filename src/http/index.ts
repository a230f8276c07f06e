export { buildApp } from './app.ts'
export type { AppParts } from './parts.ts'
export { createAuthenticator, type TokenSource } from './auth.ts'
export type { Check, Health } from './health.ts'
