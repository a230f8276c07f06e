import type * as fc from 'fast-check'

/**
 * Of these texts those that can be keys of JSON which is read again here: V8 from 12.8 on, when it has read a key with a backslash, may read an
 * escaped one as that (https://github.com/nodejs/node/issues/63785). That is no fault of what is tested, and no key of a label, an annotation or
 * a field that an API server accepts holds one.
 */
export function plainKey(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return text.filter(key => !key.includes('\\'))
}
