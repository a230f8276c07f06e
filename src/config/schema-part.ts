/** A part of a JSON Schema. */
export type Schema = Record<string, unknown>

/** A map of known keys, there with its defaults when it is left out. */
export function object(description: string, properties: Schema, required: readonly string[] = []): Schema {
  return { type: 'object', description, additionalProperties: false, default: {}, properties, required }
}

/** An object that must be written, or may be left out as a whole: it has no default to make it appear by itself. */
export function part(description: string, properties: Schema, required: readonly string[]): Schema {
  const { default: _, ...schema } = object(description, properties, required)
  return schema
}

/** At most so many of one kind; none when it is left out. */
export function list(description: string, maxItems: number, items: Schema): Schema {
  return { type: 'array', description, maxItems, default: [], items }
}

/** Text that is not empty. */
export function text(preset: string, description: string): Schema {
  return { type: 'string', minLength: 1, default: preset, description }
}

/** Text, empty when it is left out. */
export function optionalText(description: string): Schema {
  return { type: 'string', default: '', description }
}

/** A whole number. */
export function whole(preset: number, minimum: number, maximum: number, description: string): Schema {
  return { type: 'integer', minimum, maximum, default: preset, description }
}

/** Seconds, or parts of one; at most a year. */
export function amount(preset: number, description: string, minimum = 0): Schema {
  return { type: 'number', minimum, maximum: 31_536_000, default: preset, description }
}

/** Off when it is left out. */
export function flag(description: string): Schema {
  return { type: 'boolean', default: false, description }
}

/** One of some words. */
export function choice(choices: readonly string[], preset: string, description: string): Schema {
  return { type: 'string', enum: choices, default: preset, description }
}

/** A DNS label (RFC 1123): it becomes the last part of host names. */
export function name(description: string): Schema {
  return { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$', description }
}

/** A URL. */
export function address(description: string): Schema {
  return { type: 'string', pattern: '^https?://', description }
}

/** Where a secret is: never the secret itself. */
export function secret(description: string): Schema {
  const one = (key: string, meaning: string): Schema => {
    return {
      type: 'object',
      additionalProperties: false,
      required: [key],
      properties: { [key]: { type: 'string', minLength: 1, description: meaning } },
    }
  }
  const places = [
    one('env', 'The environment variable that holds it.'),
    one('file', 'The file that holds it; read again when it changes.'),
  ]
  return { title: 'secret', description, oneOf: places }
}
