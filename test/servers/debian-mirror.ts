import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const fallback = 'http://deb.debian.org/debian'

/** Where this machine gets Debian's `suite` from, by its own apt configuration (`/etc/apt`); Debian's public mirror when it says nothing. */
export async function debianMirror(suite: string, folder = '/etc/apt'): Promise<string> {
  const parts = await readdir(join(folder, 'sources.list.d')).catch(() => [])
  const files = [
    'sources.list',
    ...parts.toSorted((a, b) => a.localeCompare(b)).map(part => join('sources.list.d', part)),
  ]
  for (const file of files) {
    const text = await readFile(join(folder, file), 'utf8').catch(() => '')
    const mirror = file.endsWith('.sources') ? mirrorOfStanzas(text, suite) : mirrorOfLines(text, suite)
    if (mirror !== undefined) return mirror
  }
  return fallback
}

/** The one-line form: `deb [option=value …] URI suite component…`. */
export function mirrorOfLines(text: string, suite: string): string | undefined {
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s/.exec(line)
    if (match?.[2] === suite && isHttp(match[1])) return match[1]
  }
  return undefined
}

/** The form of `deb822`: stanzas of `Key: value`, blank lines between, `Enabled: no` for one that does not count. */
export function mirrorOfStanzas(text: string, suite: string): string | undefined {
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = new Map<string, string[]>()
    for (const line of stanza.split('\n')) {
      const match = /^([A-Za-z-]+):\s*(.*)$/.exec(line)
      if (match?.[1] !== undefined) fields.set(match[1].toLowerCase(), (match[2] ?? '').split(/\s+/))
    }
    if (fields.get('enabled')?.[0] === 'no' || !fields.get('types')?.includes('deb')) continue
    const uri = fields.get('uris')?.find(isHttp)
    if (fields.get('suites')?.includes(suite) && uri !== undefined) return uri
  }
  return undefined
}

/** debootstrap reads no `cdrom:`, `mirror+file:` and the like. */
function isHttp(uri: string | undefined): uri is string {
  return uri !== undefined && /^https?:\/\//.test(uri)
}
