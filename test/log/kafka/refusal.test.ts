import { expect, test } from 'vitest'
import { refusalOf } from '../../../src/log/kafka/refusal.ts'
import { connectionTo } from './place.ts'

const plain = connectionTo(['k:9092'])
const tls = { ...plain, tls: { ca: 'x' } }
const mutual = { ...plain, tls: { ca: 'x', cert: 'y' } }
const sasl = { ...tls, sasl: { mechanism: 'plain', username: 'app', password: 'secret-word' } }

function thrown(message: string, more: object = {}): Error {
  return Object.assign(new Error(message), more)
}

test.each([
  [
    'no certificate (TLS 1.3)',
    { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' },
    tls,
    /want a certificate of ours/,
  ],
  [
    'no certificate, as Java says it',
    { code: 'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE' },
    tls,
    /want a certificate of ours/,
  ],
  ['a certificate nobody trusts', { code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' }, mutual, /refuse our certificate/],
  ['an old certificate', { code: 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED' }, mutual, /refuse our certificate/],
  ['brokers nobody trusts', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }, tls, /that we do not trust/],
  ['brokers whose certificate is old', { code: 'CERT_HAS_EXPIRED' }, tls, /that we do not trust/],
  ['another address', { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, tls, /not for this address/],
  ['a port without TLS', { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }, tls, /do not talk TLS/],
  ['a key of another certificate', { code: 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' }, mutual, /is none/],
  ['a mechanism they have not', { type: 'UNSUPPORTED_SASL_MECHANISM' }, sasl, /do not have this mechanism/],
  [
    'a wrong password',
    { name: 'KafkaJSSASLAuthenticationError' },
    sasl,
    /the user app \(plain\): name or password is wrong/,
  ],
])('%s is a refusal that no waiting ends', (_what, error, connection, what) => {
  const found = refusalOf(new Error('after retries', { cause: thrown('x', error) }), connection)
  expect(found).toMatchObject({ what: expect.stringMatching(what) as string, final: true })
  expect(JSON.stringify(found)).not.toContain('secret-word')
})

test.each([
  ['Client network socket disconnected before secure TLS connection was established', tls, /talks TLS/],
  ['Closed connection', plain, /want TLS .* or a user/],
])('%s may pass, and may be the wrong port', (message, connection, hint) => {
  const expected = { final: false, hint: expect.stringMatching(hint) as string }
  expect(refusalOf(thrown(message), connection)).toMatchObject(expected)
})

test('what nobody refused is no refusal', () => {
  expect(refusalOf(thrown('connect ECONNREFUSED', { code: 'ECONNREFUSED' }), tls)).toBeNull()
  expect(refusalOf('nothing', tls)).toBeNull()
})
