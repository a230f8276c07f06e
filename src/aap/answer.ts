import { ControllerError } from './error.ts'

/**
 * One JSON object of an answer, read key by key. Keys that nobody asks for are ignored (newer controllers add them); a key that is
 * needed and missing, or of another type, is an error that names the request and the key.
 */
export class Answer {
  readonly #value: Readonly<Record<string, unknown>>
  readonly #where: string

  /** `where` is the request, for messages: `GET /api/v2/jobs/3/`. Throws when `value` is no object. */
  constructor(value: unknown, where: string) {
    if (!isRecord(value)) throw new ControllerError('protocol', `${where} answered something that is no JSON object`)
    this.#value = value
    this.#where = where
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined && this.raw(key) !== null
  }

  /** Own keys only: a host or a group may be called `constructor`. */
  raw(key: string): unknown {
    return Object.hasOwn(this.#value, key) ? this.#value[key] : undefined
  }

  string(key: string): string {
    const value = this.raw(key)
    return typeof value === 'string' ? value : this.#refuse(key, 'text')
  }

  integer(key: string): number {
    const value = this.raw(key)
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : this.#refuse(key, 'a whole number')
  }

  boolean(key: string): boolean {
    const value = this.raw(key)
    return typeof value === 'boolean' ? value : this.#refuse(key, 'true or false')
  }

  /** The texts of a list; what is no text is left out. */
  strings(key: string): string[] {
    const value = this.raw(key)
    return Array.isArray(value) ? value.filter(item => typeof item === 'string') : this.#refuse(key, 'a list')
  }

  answer(key: string): Answer {
    return new Answer(this.raw(key), `${this.#where}: ${key}`)
  }

  answers(key: string): Answer[] {
    const value = this.raw(key)
    if (!Array.isArray(value)) return this.#refuse(key, 'a list')
    return value.map((item, index) => new Answer(item, `${this.#where}: ${key}[${index}]`))
  }

  record(key: string): Readonly<Record<string, unknown>> {
    const value = this.raw(key)
    return isRecord(value) ? value : this.#refuse(key, 'an object')
  }

  #refuse(key: string, wanted: string): never {
    const found = this.raw(key)
    const what = found === undefined ? 'is missing' : `is ${found === null ? 'null' : `a ${typeof found}`}`
    throw new ControllerError(
      'protocol',
      `${this.#where} answered in a form that is not known: "${key}" ${what}, ${wanted} was expected`,
    )
  }
}

/** True for a JSON object: neither null nor a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
