/** The longest complaint that is kept: enough for a sentence, too short for a page or a traceback. */
export const MAX_COMPLAINT = 300
/** Characters of foreign text in which a complaint is looked for: a page may be of megabytes, and made to be searched for minutes. */
export const MAX_READ_TEXT = 16_384

// oxlint-disable-next-line no-control-regex -- control characters are what it removes
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g

/**
 * Why a request was turned down, as one short line: from the controller's JSON (`detail`, or one list of sentences per field), from
 * the HTML of a proxy or of a crash (its title), else the first words of the text. Empty when the body says nothing.
 */
export function complaint(contentType: string, body: string): string {
  if (contentType.includes('json')) {
    try {
      return oneLine(sentences(JSON.parse(body) as unknown))
    } catch {
      return oneLine(body)
    }
  }
  const start = body.slice(0, MAX_READ_TEXT)
  return oneLine(contentType.includes('html') || /^\s*<(!doctype|html)/i.test(start) ? htmlTitle(start) : start)
}

/** Foreign text on one line of at most 300 characters, without control or direction characters. */
export function oneLine(text: string): string {
  const line = text.slice(0, MAX_READ_TEXT).replace(CONTROL, ' ').replace(/\s+/g, ' ').trim()
  return line.length > MAX_COMPLAINT ? `${line.slice(0, MAX_COMPLAINT - 1)}…` : line
}

/** `text` with every occurrence of a secret (of four characters or more) replaced. */
export function withoutSecrets(text: string, secrets: Iterable<string>): string {
  let clean = text
  for (const secret of secrets) if (secret.length >= 4) clean = clean.replaceAll(secret, '<hidden>')
  return clean
}

/** Django REST framework answers `{detail}`, `{error}`, `{msg}`, `{field: [sentences]}` or `{__all__: [sentences]}`. */
function sentences(value: unknown): string {
  if (Array.isArray(value)) return value.map(sentences).join(' ')
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? value : JSON.stringify(value)
  return Object.entries(value)
    .map(([key, inner]) => (PLAIN_KEYS.has(key) ? sentences(inner) : `${key}: ${sentences(inner)}`))
    .join(' ')
}

const PLAIN_KEYS = new Set(['detail', 'error', 'msg', '__all__'])

function htmlTitle(body: string): string {
  const text = (html: string) => html.replace(/<[^<>]*>/g, ' ').trim()
  for (const tag of ['title', 'h1']) {
    const found = new RegExp(`<${tag}[^<>]*>([^]*?)</${tag}>`, 'i').exec(body)?.[1]
    if (found !== undefined && text(found) !== '') return text(found)
  }
  return text(body.replace(/<(script|style)[^]*?<\/\1>/gi, ' '))
}
