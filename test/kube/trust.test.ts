import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { KubeClient, withToken } from '../../src/kube/index.ts'
import { secureContextOf } from '../../src/kube/trust.ts'

const pem = (name: string): string =>
  readFileSync(new URL(`../fixtures/kubernetes/tls/${name}.pem`, import.meta.url), 'utf8')

test('clusters with the same certificates share what is made of them, and no others do', () => {
  const [ca, key] = [pem('certificate'), pem('key')]
  expect(secureContextOf({ ca })).toBe(secureContextOf({ ca, servername: 'another' }))
  expect(secureContextOf({ ca })).not.toBe(secureContextOf({}))
  expect(secureContextOf({ ca, cert: ca, key })).not.toBe(secureContextOf({ ca }))
})

test('certificates that can not be read are told to who connects with them, and to nobody before', async () => {
  expect(secureContextOf({ ca: 'x', cert: 'no certificate', key: 'no key' })).toBeUndefined()
  const connection = withToken({ url: 'https://127.0.0.1:9', ca: '', token: () => Promise.resolve('x') })
  const tls = { cert: 'no certificate', key: 'no key' }
  await using client = new KubeClient({ connection: { ...connection, tls }, userAgent: 'test' })
  await expect(client.get('/', new AbortController().signal)).rejects.toMatchObject({ name: 'KubeError' })
})
