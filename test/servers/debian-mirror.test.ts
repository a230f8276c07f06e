import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { debianMirror, mirrorOfLines, mirrorOfStanzas } from './debian-mirror.ts'

test.each([
  { why: 'plain', text: 'deb http://m.example/debian bookworm main', mirror: 'http://m.example/debian' },
  {
    why: 'with options',
    text: 'deb [arch=amd64 signed-by=/k] https://m.example/d bookworm main',
    mirror: 'https://m.example/d',
  },
  { why: 'commented out', text: '# deb http://m.example/debian bookworm main', mirror: undefined },
  { why: 'sources only', text: 'deb-src http://m.example/debian bookworm main', mirror: undefined },
  { why: 'another suite', text: 'deb http://m.example/debian bookworm-updates main', mirror: undefined },
  { why: 'not over HTTP', text: 'deb cdrom:[disc]/ bookworm main', mirror: undefined },
])('a line of sources.list, $why, gives $mirror', ({ text, mirror }) => {
  expect(mirrorOfLines(text, 'bookworm')).toBe(mirror)
})

test.each([
  {
    why: 'plain',
    text: 'Types: deb\nURIs: http://m.example/d\nSuites: bookworm bookworm-updates',
    mirror: 'http://m.example/d',
  },
  {
    why: 'after one of another suite, with a comment',
    text: 'Types: deb\nURIs: http://s.example/s\nSuites: bookworm-security\n\nTypes: deb deb-src\n# a comment\nURIs: http://m.example/d\nSuites: bookworm',
    mirror: 'http://m.example/d',
  },
  { why: 'disabled', text: 'Types: deb\nURIs: http://m.example/d\nSuites: bookworm\nEnabled: no', mirror: undefined },
  { why: 'sources only', text: 'Types: deb-src\nURIs: http://m.example/d\nSuites: bookworm', mirror: undefined },
])('a stanza, $why, gives $mirror', ({ text, mirror }) => {
  expect(mirrorOfStanzas(text, 'bookworm')).toBe(mirror)
})

test("the machine's own files are read, and Debian's public mirror is used when they say nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-apt-'))
  try {
    expect(await debianMirror('bookworm', folder)).toBe('http://deb.debian.org/debian')
    await mkdir(join(folder, 'sources.list.d'))
    await writeFile(
      join(folder, 'sources.list.d', 'own.sources'),
      'Types: deb\nURIs: http://own.example/d\nSuites: bookworm\n',
    )
    expect(await debianMirror('bookworm', folder)).toBe('http://own.example/d')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
