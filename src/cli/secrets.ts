import { readFileSync, statSync } from 'node:fs'
import { isLoopback } from '../config/index.ts'
import { MAX_SECRET_BYTES, nameFault } from '../day2/index.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Terminal } from './terminal.ts'

/** Secrets as a command line says them: names that are asked for, and names with files. Never a value: others see command lines. */
export interface SecretsSaid {
  readonly secret: readonly string[]
  readonly secretFile: readonly string[]
}

/** Where a secret comes from; the file `-` is the standard input, null is a person. */
type Source = readonly [name: string, file: string | null]

/** Whatever could follow a secret in its file: of more it is none. */
const MAX_FILE = MAX_SECRET_BYTES + 2

/**
 * What is said of secrets, before any is asked for. `address`: where they would be sent. Throws a Fault `secrets` that repeats nothing
 * which may be one.
 */
export function sourcesOf({ secret, secretFile }: SecretsSaid, address: string): readonly Source[] {
  const asked = secret.map((name): Source => [name, null])
  const read = secretFile.map((pair): Source => {
    const [, name = '', file = ''] = /^([^=]*)=([^]+)$/.exec(pair) ?? []
    return [name, file]
  })
  const sources = [...asked, ...read]
  if (asked.some(([name]) => nameFault(name) !== ''))
    throw new Fault('secrets', '--secret is the name of a variable, and never its value', {
      hint: 'as --secret db_password: it is asked for. Others see what stands on a command line: if a secret stood there, change it',
    })
  if (read.some(([name, file]) => nameFault(name) !== '' || file === ''))
    throw new Fault('secrets', '--secret-file is NAME=FILE', {
      hint: 'as --secret-file db_password=/run/secrets/db, or db_password=- for the standard input',
    })
  if (new Set(sources.map(([name]) => name)).size < sources.length)
    throw new Fault('secrets', 'a secret is given twice', { hint: 'name each once' })
  if (sources.filter(([, file]) => file === '-').length > 1)
    throw new Fault('secrets', 'the standard input is one secret', { hint: 'put the others into files' })
  if (sources.length > 0 && isInTheClear(address))
    throw new Fault('secrets', `secrets would cross the network in the clear to ${new URL(address).host}`, {
      hint: 'give the https:// address of virtbridge by --url or VIRTBRIDGE_URL, or a tunnel to it that begins on this machine (kubectl port-forward, ssh -L)',
    })
  return sources
}

/** Plain HTTP to another machine. What is no URL is for who sends to tell. */
function isInTheClear(address: string): boolean {
  if (!URL.canParse(address)) return false
  const { protocol, hostname } = new URL(address)
  return protocol === 'http:' && !isLoopback(hostname)
}

/** The secrets themselves, asked for one after the other. Throws a Fault `secrets` that tells names alone. */
export async function secretsOf(
  sources: readonly Source[],
  terminal: Terminal,
): Promise<Readonly<Record<string, string>>> {
  const secrets: Record<string, string> = {}
  for (const [name, file] of sources) {
    const text = await (file === null
      ? askedFor(name, terminal)
      : file === '-'
        ? inputOf(name, terminal)
        : textOf(name, file))
    // The line break of an editor, or of `echo`, is none of it.
    const secret = file === null ? text : text.replace(/\r?\n$/, '')
    if (secret === '') throw new Fault('secrets', `the secret ${name} is empty`, { hint: 'nothing was started' })
    secrets[name] = secret
  }
  return secrets
}

async function askedFor(name: string, terminal: Terminal): Promise<string> {
  const answer = await terminal.askHidden?.(name)
  if (answer !== null && answer !== undefined) return answer
  throw new Fault('secrets', `nobody is there to be asked for the secret ${name}`, {
    hint: `on no terminal give --secret-file ${name}=FILE, where - is the standard input`,
  })
}

async function inputOf(name: string, terminal: Terminal): Promise<string> {
  const text = (await terminal.input?.(MAX_FILE)) ?? ''
  if (text.length <= MAX_FILE) return text
  throw new Fault('secrets', `the standard input is too long for the secret ${name}`, {
    hint: `${MAX_SECRET_BYTES} bytes are the most`,
  })
}

function textOf(name: string, file: string): string {
  const hint = 'a file of the secret and nothing else'
  let text: string
  try {
    const { size } = statSync(file)
    if (size > MAX_FILE) throw new Error(`it has ${size} bytes`)
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Fault('secrets', `the secret ${name} can not be read from ${file}: ${messageOf(error)}`, { hint })
  }
  return text
}
