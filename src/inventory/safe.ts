import { isTemplate } from '../template.ts'

/**
 * Text as Ansible may take it: inert as it is, or marked unsafe when it could be a template (a guest may have written it). Half of a
 * character, which a cut may leave behind, is replaced: Python can read it, and then not write it.
 */
export function safe(text: string): string | { readonly __ansible_unsafe: string } {
  const whole = text.toWellFormed()
  return isTemplate(whole) ? { __ansible_unsafe: whole } : whole
}

/** A value without the marks of `safe`: what was written, as it was. */
export function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  if ('__ansible_unsafe' in value) return value.__ansible_unsafe
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]))
}

/** True for text that can stand where nothing can be marked: as the key of a variable's value. */
export function isInert(text: string): boolean {
  // Keys that begin so are marks to Ansible.
  return text.isWellFormed() && !isTemplate(text) && !text.startsWith('__ansible_')
}

/** Every text in a value as Ansible may take it. Keys can not be marked, so one that would have to be is left out. */
export function marked(value: unknown): unknown {
  if (typeof value === 'string') return safe(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(marked)
  const entries = Object.entries(value).filter(([key]) => isInert(key))
  return Object.fromEntries(entries.map(([key, item]) => [key, marked(item)]))
}
