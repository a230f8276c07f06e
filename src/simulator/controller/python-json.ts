/**
 * JSON as Python's `json.dumps` writes it: ", " and ": " between parts, and nothing but ASCII.
 * The API shows variables as such text, and clients compare it.
 */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .map(([key, entry]) => `${text(key)}: ${pythonJson(entry)}`)
      .join(', ')}}`
  }
  return typeof value === 'string' ? text(value) : JSON.stringify(value ?? null)
}

function text(value: string): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A value as the product prints it in a sentence: text as it is, anything else as Python's JSON. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? value : pythonJson(value)
}
