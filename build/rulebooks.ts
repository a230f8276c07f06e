import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the first lines of a rulebook say of the versions it is for; those of the newest stand in `rulebooks/ha`. */
const NEWEST = '# For ansible-rulebook 1.3 with ansible.eda 2.12, and later, in an activation with persistence.'

/** The folders that are made of `rulebooks/ha`, and the marks of what each does not know: one key too many, and nothing of a rulebook loads. */
export const VARIANTS = {
  base: {
    for: '# For ansible-rulebook 1.1.3 and later (AAP 2.5, and AAP 2.4 with its newest decision environment). Made of ../ha by build/rulebooks.ts.',
    without: ['# since ansible-rulebook 1.2', '# since ansible-rulebook 1.3'],
  },
  aap26: {
    for: '# For ansible-rulebook 1.2 and later (AAP 2.6). Made of ../ha by build/rulebooks.ts.',
    without: ['# since ansible-rulebook 1.3'],
  },
} as const

/** Every rulebook of `rulebooks/base` and `rulebooks/aap26` by its path, as it follows from `rulebooks/ha`. */
export function publishedRulebooks(root: string): ReadonlyMap<string, string> {
  const from = join(root, 'rulebooks', 'ha')
  const names = readdirSync(from).filter(name => name.endsWith('.yml'))
  return new Map(
    Object.entries(VARIANTS).flatMap(([folder, variant]) =>
      names.map(name => {
        const text = without(readFileSync(join(from, name), 'utf8'), variant.without)
        return [join(root, 'rulebooks', folder, name), text.replace(NEWEST, variant.for)] as const
      }),
    ),
  )
}

/** The text without the lines that end with one of these marks, and without the comments right above such lines. */
function without(text: string, marks: readonly string[]): string {
  const kept: string[] = []
  for (const line of text.split('\n')) {
    if (!marks.some(mark => line.endsWith(mark))) kept.push(line)
    else while (kept.at(-1)?.trimStart().startsWith('# ') === true) kept.pop()
  }
  return kept.join('\n')
}

if (import.meta.main)
  for (const [file, content] of publishedRulebooks(join(import.meta.dirname, '..'))) writeFileSync(file, content)
