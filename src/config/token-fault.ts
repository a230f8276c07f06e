import { createHash } from 'node:crypto'
import type { Secret, TokenConfig } from './config.ts'
import type { ConfigFault } from './fault.ts'
import { readSecret } from './secret.ts'

/** The process environment, or a stand-in. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Tokens that are one: whose rights count would be for their order to say. Their files are absolute. Without `env` none is read, and those from
 * one place alone are found. One that can not be read is none here: who uses it tells of that. Names tokens, and never what they are.
 */
export function sharedTokenFaults(tokens: readonly TokenConfig[], env?: Environment): readonly ConfigFault[] {
  const known = new Map<string, string>()
  return tokens.flatMap(({ name, token }, at) => {
    const signs = signsOf(token, env)
    const other = signs.map(sign => known.get(sign)).find(one => one !== undefined)
    for (const sign of signs) if (!known.has(sign)) known.set(sign, name)
    if (other === undefined) return []
    const message = `"${name}" and "${other}" are one token: whoever shows it could be either`
    return [{ path: `http.tokens.${at}.token`, message, hint: 'give each a value of its own: openssl rand -hex 24' }]
  })
}

/** By what a token is known again: where it is, and the hash of each of its values. */
function signsOf(token: Secret, env: Environment | undefined): readonly string[] {
  const place = JSON.stringify(token)
  if (env === undefined) return [place]
  try {
    const values = readSecret(token, env).split(/\s+/)
    return [place, ...values.map(value => (value.startsWith('sha256:') ? value : hashOf(value)))]
  } catch {
    return [place]
  }
}

function hashOf(value: string): string {
  return `sha256:${createHash('sha256').update(value).digest('hex')}`
}
