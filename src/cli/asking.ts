import { type Command, InvalidArgumentError } from 'commander'
import { readSecret } from '../config/index.ts'
import { Fault } from '../errors.ts'
import { type Api, openApi } from './api.ts'
import type { ProgramContext } from './context.ts'

/** Adds a command that asks a running bridge: it has the options `--url` and `--token-file`. */
export function asking(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--url <url>', 'where the bridge listens (VIRTBRIDGE_URL)')
    .option('--token-file <file>', 'a file with the token (VIRTBRIDGE_TOKEN has the token itself)')
}

/** The value of an option that narrows what a command is about. An empty one, as of a variable that is not set, would widen it: throws. */
export function narrowing(value: string): string {
  if (value.trim() !== '') return value
  throw new InvalidArgumentError('It is empty: leave it out to mean all.')
}

/** The options of such a command. */
export interface Asking {
  readonly url?: string
  readonly tokenFile?: string
}

/** The client for these options, or for VIRTBRIDGE_URL and VIRTBRIDGE_TOKEN where they are not given. Sends nothing yet. Throws a Fault `no_token` or `bad_token`. */
export function connect(options: Asking, context: ProgramContext): Api {
  return openApi({ url: addressOf(options, context), token: tokenOf(options, context.env) })
}

/** Where the bridge is asked: `--url`, else VIRTBRIDGE_URL, else its usual address on this machine. Maybe no URL: a person wrote it. */
export function addressOf({ url }: Asking, { env }: Pick<ProgramContext, 'env'>): string {
  return url ?? env['VIRTBRIDGE_URL'] ?? 'http://127.0.0.1:8080'
}

function tokenOf(options: Asking, env: ProgramContext['env']): string {
  const token =
    options.tokenFile === undefined ? env['VIRTBRIDGE_TOKEN']?.trim() : readSecret({ file: options.tokenFile }, env)
  if (token === undefined || token === '')
    throw new Fault('no_token', 'no token is given', { hint: 'set VIRTBRIDGE_TOKEN, or give --token-file' })
  // A value that can not stand in a header would be repeated, in clear, in the error message of fetch.
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new Fault('bad_token', 'the token has characters that none has', {
      hint: 'give the token alone, on one line',
    })
  return token
}
