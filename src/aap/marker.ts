import { ControllerError } from './error.ts'

/** `skip_tags` is a column of this many characters. */
export const MAX_SKIP_TAGS = 1024
const MARKER = /^virtbridge-[0-9a-f]{32}$/

/**
 * The marker of one intent: `virtbridge-` and the 32 hex digits of its UUID. Always of one length, because it is searched with
 * `contains`: a marker must not be found inside another. Throws when the id is no UUID.
 */
export function marker(intentId: string): string {
  const made = `virtbridge-${intentId.replaceAll('-', '').toLowerCase()}`
  if (!isMarker(made))
    throw new ControllerError(
      'protocol',
      `an intent is named by a UUID, not by ${JSON.stringify(intentId.slice(0, 64))}`,
    )
  return made
}

/** True for a text that is a marker as `marker()` makes it, and nothing else. */
export function isMarker(text: string): boolean {
  return MARKER.test(text)
}

/**
 * What is sent as `skip_tags`: it replaces the template's own, so those come first and go on working. No task has our marker as its
 * tag, so it skips nothing.
 */
export function skipTags(templateDefault: string, marker: string): string {
  return templateDefault.trim() === '' ? marker : `${templateDefault},${marker}`
}

/** The UUID of the intent whose marker is one of these skip tags; empty when none is. */
export function intentIn(skipTags: string): string {
  const found = skipTags.split(',').find(tag => isMarker(tag.trim()))
  const hex = found?.trim().slice('virtbridge-'.length) ?? ''
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** True when `marker` is one whole tag of `skipTags`. */
export function carries(skipTags: string, marker: string): boolean {
  return skipTags.split(',').some(tag => tag.trim() === marker)
}
