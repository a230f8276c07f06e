import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import { anchorsOf, linksOf, page, type Page, pages, ROOT } from './documents.ts'

const PATH =
  /(?<![\w./-])(?:src|test|bench|build|deploy|docs|playbooks|rulebooks|schemas|collections|inventory-plugin)\/[\w./*-]*/g

test.each(pages())('every link of $path leads somewhere', document => {
  const broken = linksOf(document).filter(({ to, anchor }) => {
    if (!existsSync(join(ROOT, to))) return true
    return anchor !== '' && !anchorsOf(page(to)).includes(anchor)
  })
  expect(broken).toEqual([])
})

test.each(pages())('every path that $path names is there', ({ text }) => {
  const named = [...text.matchAll(PATH)].map(([path]) => path.replace(/[.-]+$/, ''))
  expect(named.filter(path => globSync(path, { cwd: ROOT }).length === 0)).toEqual([])
})

test.each(pages())('every script that $path runs is in package.json', ({ text }) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const named = [...text.matchAll(/npm run (?:-s )?([a-z][a-z:-]*)/g)].map(match => match[1] ?? '')
  expect(named.filter(script => scripts[script] === undefined)).toEqual([])
})

test.each(pages())('every function that $path names is there', ({ code }) => {
  const source = globSync(['src/**/*.ts', 'test/**/*.ts'], { cwd: ROOT })
    .map(file => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n')
  const named = code.flatMap(span => /^(?:\w+\.)?(\w+)\(\)$/.exec(span)?.[1] ?? [])
  expect(named.filter(name => !new RegExp(`\\b${name}(<\\w+>)?\\(`).test(source))).toEqual([])
})

test.each(pages())('every command that $path shows is in the help, with its options', async document => {
  const wrong: string[] = []
  for (const { words, options } of commandsOf(document)) {
    const help = await helpOf(words)
    if (help === null) wrong.push(words.join(' '))
    else wrong.push(...options.filter(option => !help.includes(option)).map(option => `${words.join(' ')} ${option}`))
  }
  expect(wrong).toEqual([])
})

test('a command or option that is not there would be found', async () => {
  expect(await helpOf(['frobnicate'])).toBeNull()
  expect(await helpOf(['runs', 'frobnicate'])).toBeNull()
  expect(await helpOf(['serve'])).not.toContain('--frobnicate')
  expect(await helpOf(['confirm-deletions'])).toContain('--digest')
})

/** `virtbridge …` at the start of code, or after what runs it. */
function commandsOf({ code }: Page): readonly { words: string[]; options: string[] }[] {
  return code.flatMap(line => {
    const [, rest] =
      /^(?:\$ )?(?:.*(?:run -s virtbridge --|-- virtbridge) |(?:[A-Z_]+=\S+ )*virtbridge )(.+)$/.exec(line) ?? []
    if (rest === undefined) return []
    const [command = '', second = ''] = rest.split(/\s+/)
    if (!/^[a-z][a-z-]*$/.test(command)) return []
    const words = ['log', 'loss', 'runs'].includes(command) && /^[a-z]+$/.test(second) ? [command, second] : [command]
    return [
      { words, options: [...rest.replace(/\s#.*$/, '').matchAll(/(?<=\s)--[a-z][a-z-]*/g)].map(([option]) => option) },
    ]
  })
}

/** What `virtbridge <words> --help` prints; null when there is no such command. */
async function helpOf(words: readonly string[]): Promise<string | null> {
  const printed: string[] = []
  const print = (text: string): void => void printed.push(text)
  const terminal = { out: print, err: print, colours: false, interactive: false, ask: () => Promise.resolve(false) }
  const around = { env: {}, signal: new AbortController().signal, now: () => 0, newId: () => '', terminal }
  await runProgram([...words, '--help'], around)
  const [usage = ''] = printed.join('\n').split('\n')
  // For a word it does not know the program prints the help of what stands above.
  return usage.startsWith(`Usage: virtbridge ${words.join(' ')} `) ? printed.join('\n') : null
}
