import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32, gunzipSync, zstdDecompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { crcOfBoth } from '../../src/inventory/crc.ts'
import { Document } from '../../src/inventory/document.ts'
import { glue, Piece } from '../../src/inventory/piece.ts'
import { GAP } from '../../src/inventory/zstd-frame.ts'

/** A text of the kind that documents are of, which repeats itself. */
function textOf(length: number, seed: number): string {
  let [text, state] = ['', seed]
  while (text.length < length) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    text += `"vm-${state % 1000}.ns-${state % 7}.prod-1":{"os":"rhel é","at":"10.0.${state % 256}.1"},`
  }
  return text.slice(0, length)
}

function piece(lead: string, length: number, seed: number): Piece {
  return new Piece(Buffer.from(`${lead}${GAP}${textOf(length, seed)}`), Buffer.byteLength(lead))
}

function documentOf(lengths: readonly number[]): Document {
  const lists = [{ hosts: ['a'], revisions: Float64Array.of(1) }]
  const [hosts, groups] = [
    lengths.map((each, n) => piece(',', each, n)),
    lengths.map((each, n) => piece(']},', each, -n)),
  ]
  return new Document({ hosts, groups, lists })
}

test('the CRC of two texts is that of both in a row, whatever their lengths', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.uint8Array({ maxLength: 5_000 }), (one, other) => {
      expect(crcOfBoth(crc32(one), crc32(other), other.length)).toBe(crc32(Buffer.concat([one, other])))
    }),
  )
})

test('pieces that were compressed apart are one stream that says what they say in a row', async () => {
  const length = fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 300_000 }))
  await fc.assert(
    fc.asyncProperty(fc.array(length, { minLength: 1, maxLength: 5 }), async lengths => {
      const document = documentOf(lengths)
      const [gzip, zstd] = await Promise.all([document.encoded('gzip'), document.encoded('zstd')])
      expect(gunzipSync(Buffer.concat(gzip.chunks)).toString()).toBe(document.body)
      expect(zstdDecompressSync(Buffer.concat(zstd.chunks)).toString()).toBe(document.body)
    }),
    { numRuns: 25 },
  )
})

test('a text that stands between pieces may be longer than a block of zstd', async () => {
  const long = glue(textOf(300_000, 1))
  const document = new Document({ hosts: [piece(',', 10, 1)], groups: [long], lists: [] })
  const { chunks } = await document.encoded('zstd')
  expect(zstdDecompressSync(Buffer.concat(chunks)).toString()).toBe(document.body)
})

const PYTHON = {
  urllib:
    'import sys,urllib.request as u,gzip;r=u.urlopen(u.Request(sys.argv[1],headers={"Accept-Encoding":"gzip"}));b=gzip.decompress(r.read())',
  'zlib.decompressobj':
    'import sys,urllib.request as u,zlib;r=u.urlopen(u.Request(sys.argv[1],headers={"Accept-Encoding":"gzip"}));b=zlib.decompressobj(31).decompress(r.read())',
}

test('curl, Node and Python read it to its end: there is but one member of gzip and one frame of zstd', async () => {
  const document = documentOf([70_000, 3, 200_000])
  await using server = createServer((request, response) => {
    const coding = request.headers['accept-encoding']?.startsWith('zstd') === true ? 'zstd' : 'gzip'
    void document.encoded(coding).then(({ chunks, length }) => {
      response.writeHead(200, { 'content-encoding': coding, 'content-length': length })
      response.end(Buffer.concat(chunks))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  for (const coding of ['gzip', 'zstd']) {
    const answer = await fetch(url, { headers: { 'accept-encoding': coding } })
    expect([coding, await answer.text()]).toEqual([coding, document.body])
  }
  const run = async (command: string, args: readonly string[]): Promise<string> => {
    const { promisify } = await import('node:util')
    const { execFile } = await import('node:child_process')
    const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 2 ** 24 })
    return stdout
  }
  const takesZstd = execFileSync('curl', ['--version'], { encoding: 'utf8' }).includes('zstd')
  for (const coding of takesZstd ? ['gzip', 'zstd'] : ['gzip'])
    expect(await run('curl', ['-sS', '--compressed', '-H', `accept-encoding: ${coding}`, url])).toBe(document.body)
  for (const code of Object.values(PYTHON))
    expect(await run('python3', ['-c', `${code};sys.stdout.write(b.decode())`, url])).toBe(document.body)
})

test('what nobody asked for since the last time is forgotten, and made again when somebody does', async () => {
  const document = documentOf([5_000])
  const first = await document.encoded('gzip')
  document.tidy()
  expect(await document.encoded('gzip')).toBe(first)
  document.tidy()
  document.tidy()
  const again = await document.encoded('gzip')
  expect(again).not.toBe(first)
  expect(again).toEqual(first)
})

test('two pieces are compressed at once, however many there are', async () => {
  const document = documentOf(Array.from({ length: 40 }, () => 20_000))
  const both = [document.encoded('gzip'), document.encoded('zstd'), document.encoded('gzip')]
  expect((await Promise.all(both)).map(({ chunks }) => chunks.length > 40)).toEqual([true, true, true])
  expect(await document.encoded('gzip')).toBe(await both[0])
})
