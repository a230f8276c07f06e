import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'

/** A key and a certificate as PEM. */
export interface Identity {
  readonly key: string
  readonly certificate: string
}

/** A private authority, as companies have one: its certificate, and what it signs. */
export interface Authority {
  readonly certificate: string
  /** A new key for `name`, certified for the loopback or for these names and addresses (IPv4), as a server or as a client, for a day. */
  issue(name: string, at?: readonly string[]): Identity
}

interface Keys {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const DAY_MS = 86_400_000

/** Makes an authority with a key of its own (P-256). Node reads certificates but makes none, so they are written here (RFC 5280, DER). */
export function createAuthority(name: string): Authority {
  const own = newKeys()
  const certify = (subject: string, keys: Keys, extensions: Buffer): string => {
    const tbs = sequence(
      tagged(0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
      ECDSA_SHA256,
      commonName(name),
      sequence(time(Date.now() - DAY_MS), time(Date.now() + DAY_MS)),
      commonName(subject),
      keys.publicKey.export({ type: 'spki', format: 'der' }),
      tagged(3, extensions),
    )
    return pem('CERTIFICATE', sequence(tbs, ECDSA_SHA256, bits(sign('sha256', tbs, own.privateKey))))
  }
  return {
    certificate: certify(name, own, sequence(extension([0x55, 0x1d, 0x13], sequence(TRUE)))),
    issue(subject, at = ['127.0.0.1']) {
      const keys = newKeys()
      const names = at.map(one =>
        isIPv4(one) ? der(0x87, Buffer.from(one.split('.').map(Number))) : der(0x82, Buffer.from(one)),
      )
      const certificate = certify(subject, keys, sequence(extension([0x55, 0x1d, 0x11], sequence(...names))))
      return { key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, certificate }
    },
  }
}

function newKeys(): Keys {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const tagged = (number: number, part: Buffer): Buffer => der(0xa0 + number, part)
const integer = (value: Buffer): Buffer => der(0x02, value)
const bits = (value: Buffer): Buffer => der(0x03, Buffer.from([0]), value)
const identifier = (bytes: readonly number[]): Buffer => der(0x06, Buffer.from(bytes))
const TRUE = der(0x01, Buffer.from([255]))
/** 1.2.840.10045.4.3.2 */
const ECDSA_SHA256 = sequence(identifier([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]))

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(identifier([0x55, 0x04, 0x03]), der(0x0c, Buffer.from(name)))))
}

function extension(id: readonly number[], value: Buffer): Buffer {
  return sequence(identifier(id), der(0x04, value))
}

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return der(0x17, Buffer.from(text.slice(2)))
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
