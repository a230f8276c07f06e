import { readFileSync } from 'node:fs'
import { Fault, messageOf } from '../errors.ts'
import type { Secret } from './config.ts'

/**
 * The value of a secret, read anew at each call so that a rotated file counts at once. Throws a Fault that names where it should be,
 * never what it is. `env` is the process environment, or a stand-in.
 */
export function readSecret(secret: Secret, env: Readonly<Record<string, string | undefined>>): string {
  if ('env' in secret) {
    const value = env[secret.env]
    if (value === undefined || value === '')
      throw new Fault('secret', `the environment variable ${secret.env} is not set`, {
        hint: 'export it before the start',
      })
    return value
  }
  try {
    const value = readFileSync(secret.file, 'utf8').trim()
    if (value !== '') return value
  } catch (error) {
    throw new Fault('secret', `the secret file ${secret.file} can not be read: ${messageOf(error)}`, {
      hint: 'create it, readable to this user alone',
    })
  }
  throw new Fault('secret', `the secret file ${secret.file} is empty`, { hint: 'write the secret into it' })
}
