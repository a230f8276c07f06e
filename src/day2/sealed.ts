import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'

/** A secret as the log has it. It says nothing to who has no key: not even how long it is, to the nearest 64 bytes. */
export interface Sealed {
  /** `v1.<id of the key>.<mark>.<box>`; without the box when the secret is not needed any more. */
  readonly sealed: string
}

/** What a secret belongs to: moved to another run or another variable it can not be opened. */
export interface Place {
  readonly run: string
  readonly name: string
}

/** A key of a site. What is in it can not be seen in a log or an error. */
export interface SealingKey {
  /** Tells keys apart, and nothing of what they are: 16 hex digits. */
  readonly id: string
  readonly cipher: KeyObject
  readonly mark: KeyObject
}

/** Bytes of a sealing key. */
export const KEY_SIZE = 32

/** A sealed text is no longer; a secret has 4,096 bytes at most. */
export const MAX_SEALED_BYTES = 6_144

const VERSION = 'v1'
const NONCE_SIZE = 12
const TAG_SIZE = 16
/** Secrets are filled up to a multiple of this, so that a short one does not show. */
const BLOCK = 64

/** The key of 32 random bytes. One that was made otherwise has other bytes than its owner thinks, so it is refused: RangeError. */
export function sealingKey(bytes: Uint8Array): SealingKey {
  if (bytes.length !== KEY_SIZE) throw new RangeError(`a sealing key has ${KEY_SIZE} bytes, not ${bytes.length}`)
  const derived = (purpose: string, size: number): Buffer =>
    Buffer.from(hkdfSync('sha256', bytes, '', `virtbridge sealing ${VERSION} ${purpose}`, size))
  return {
    id: derived('id', 8).toString('hex'),
    cipher: createSecretKey(derived('cipher', 32)),
    mark: createSecretKey(derived('mark', 32)),
  }
}

/**
 * A secret, sealed for one place (AES-256-GCM). The nonce is random and nobody may choose it: with one that was used before, both secrets
 * would be open. The mark tells who has the key whether another text is the same, also when the box is gone.
 */
export function seal(key: SealingKey, place: Place, text: string): Sealed {
  const head = `${VERSION}.${key.id}.${markOf(key, place, text)}`
  const nonce = randomBytes(NONCE_SIZE)
  const cipher = createCipheriv('aes-256-gcm', key.cipher, nonce, { authTagLength: TAG_SIZE })
  cipher.setAAD(bindingOf(head, place))
  const box = Buffer.concat([nonce, cipher.update(padded(text)), cipher.final(), cipher.getAuthTag()])
  return { sealed: `${head}.${box.toString('base64url')}` }
}

/**
 * What opening came to. `unknown_key`: none of these keys sealed it. `spent`: the secret was dropped. `broken`: it is not as it was sealed,
 * or was sealed for another place.
 */
export type Opened =
  { readonly kind: 'open'; readonly text: string } | { readonly kind: 'unknown_key' | 'spent' | 'broken' }

/** Opens what one of these keys sealed for this place. Throws nothing. */
export function unseal(keys: readonly SealingKey[], place: Place, { sealed }: Sealed): Opened {
  const parts = partsOf(sealed)
  if (parts === null) return { kind: 'broken' }
  const key = keys.find(each => each.id === parts.key)
  if (key === undefined) return { kind: 'unknown_key' }
  if (parts.box === null) return { kind: 'spent' }
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.cipher, parts.box.subarray(0, NONCE_SIZE), {
      authTagLength: TAG_SIZE,
    })
    decipher.setAAD(bindingOf(parts.head, place))
    decipher.setAuthTag(parts.box.subarray(-TAG_SIZE))
    const plain = Buffer.concat([decipher.update(parts.box.subarray(NONCE_SIZE, -TAG_SIZE)), decipher.final()])
    return { kind: 'open', text: plain.subarray(2, 2 + plain.readUInt16BE(0)).toString('utf8') }
  } catch {
    // What OpenSSL says of it helps nobody.
    return { kind: 'broken' }
  }
}

/** The same without its box: it can not be opened any more, and still tells whether another text is the same. */
export function spent({ sealed }: Sealed): Sealed {
  return { sealed: partsOf(sealed)?.head ?? '' }
}

/** Whether a text is the secret that was sealed for this place; null when that can not be told, as none of these keys sealed it. */
export function isSame(keys: readonly SealingKey[], place: Place, { sealed }: Sealed, text: string): boolean | null {
  const parts = partsOf(sealed)
  const key = keys.find(each => each.id === parts?.key)
  if (parts === null || key === undefined) return null
  return timingSafeEqual(Buffer.from(parts.mark), Buffer.from(markOf(key, place, text)))
}

/** The key that sealed it, by its id; empty when it is no sealed text. */
export function keyOf({ sealed }: Sealed): string {
  return partsOf(sealed)?.key ?? ''
}

/** Keyed, and for its place alone: without the key it can not be tried out, and equal secrets of two runs have different marks. */
function markOf(key: SealingKey, { run, name }: Place, text: string): string {
  return createHmac('sha256', key.mark)
    .update(JSON.stringify([run, name, text]))
    .digest('hex')
    .slice(0, 32)
}

function bindingOf(head: string, { run, name }: Place): Buffer {
  return Buffer.from(JSON.stringify([head, run, name]))
}

function padded(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  const block = Buffer.alloc(Math.ceil((bytes.length + 2) / BLOCK) * BLOCK)
  block.writeUInt16BE(bytes.length, 0)
  bytes.copy(block, 2)
  return block
}

interface Parts {
  readonly head: string
  readonly key: string
  readonly mark: string
  readonly box: Buffer | null
}

const FORM = /^(v1\.([0-9a-f]{16})\.([0-9a-f]{32}))(?:\.([\w-]+))?$/

function partsOf(sealed: string): Parts | null {
  if (sealed.length > MAX_SEALED_BYTES) return null
  const [, head, key, mark, text] = FORM.exec(sealed) ?? []
  if (head === undefined || key === undefined || mark === undefined) return null
  if (text === undefined) return { head, key, mark, box: null }
  const box = Buffer.from(text, 'base64url')
  // Other texts stand for the same bytes; only the one that was written counts.
  const written = box.toString('base64url') === text && box.length >= NONCE_SIZE + BLOCK + TAG_SIZE
  return written ? { head, key, mark, box } : null
}
