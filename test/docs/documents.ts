import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The project's folder, with its README at the top. */
export const ROOT = join(import.meta.dirname, '..', '..')

/** A page of the documentation. */
export interface Page {
  /** Relative to the project. */
  readonly path: string
  readonly text: string
  /** What stands between backticks in running text, and the lines of fenced blocks. */
  readonly code: readonly string[]
}

/** README.md, CHANGELOG.md and everything below docs/. */
export function pages(): readonly Page[] {
  const below = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.md'),
  )
  return ['README.md', 'CHANGELOG.md', ...below.map(name => join('docs', name))].sort().map(path => {
    const text = readFileSync(join(ROOT, path), 'utf8')
    return { path, text, code: codeOf(text) }
  })
}

/** One page by its path. */
export function page(path: string): Page {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return { path, text, code: codeOf(text) }
}

/** The relative targets of a page's links, as paths of the project, with their anchors. */
export function linksOf({ path, text }: Page): readonly { readonly to: string; readonly anchor: string }[] {
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(match => match[1] ?? '')
  return targets
    .filter(target => !/^[a-z]+:/.test(target))
    .map(target => {
      const [file = '', anchor = ''] = target.split('#')
      return { to: file === '' ? path : join(dirname(path), file), anchor }
    })
}

/** The anchors of a page, one for each heading, as GitHub makes them. */
export function anchorsOf({ text }: Page): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(match =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The fenced blocks of a page as they would stand on a screen: those of a list without its indent. */
export function blocksOf({ text }: Page): readonly string[] {
  return [...text.matchAll(/^( *)```.*\n([\s\S]*?)^ *```$/gm)].map(([, indent = '', block = '']) =>
    block.replace(new RegExp(`^${indent}`, 'gm'), '').trimEnd(),
  )
}

/** A text without what is another each time that a command is run: ids, times, numbers of jobs. */
export function shapeOf(text: string): string {
  return text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replace(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z/g, '<time>')
    .replace(/(\bjobs?[ /])\d+/g, '$1<n>')
    .replace(/ +$/gm, '')
}

function codeOf(text: string): readonly string[] {
  const fences = [...text.matchAll(/^```.*\n([\s\S]*?)^```/gm)].flatMap(match => (match[1] ?? '').split('\n'))
  const running = text.replace(/^```[\s\S]*?^```/gm, '')
  return [...fences, ...[...running.matchAll(/`([^`\n]+)`/g)].map(match => match[1] ?? '')]
}
