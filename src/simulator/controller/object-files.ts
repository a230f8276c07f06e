import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

/** Ansible's mark for text that is no template of its own. */
const UNSAFE = { tag: '!unsafe', resolve: (text: string) => text }
/** The files are our own, or of who runs the simulator: as many aliases as they like. */
const AS_ANSIBLE = { customTags: [UNSAFE], merge: true, maxAliasCount: -1 }

/** The two ways in which the files ask whether rulebooks start a verb: a choice of texts, and a flag. */
const CHOICE = /^\{\{ '([^']*)' if '(\w+)' in virtbridge_rulebook_verbs \| default\(\[\]\) else '([^']*)' \}\}$/
const FLAG = /^\{\{ '(\w+)' in virtbridge_rulebook_verbs \| default\(\[\]\) \}\}$/

/**
 * The variable files of a folder (`deploy/aap`), one document each, in the order of their names: what `loadObjects` takes. Only the files
 * that lie in it, as Ansible's YAML has them: with anchors, merge keys and `!unsafe`; templates in them stay as they are written, but for
 * those that ask which verbs rulebooks start (`virtbridge_rulebook_verbs`): none, unless `rulebookVerbs` names some.
 */
export function readObjectFiles(folder: URL, rulebookVerbs: readonly string[] = []): unknown[] {
  const path = fileURLToPath(folder)
  return readdirSync(path)
    .filter(name => name.endsWith('.yml'))
    .sort()
    .map(name => {
      const text = readFileSync(join(path, name), 'utf8')
      return parse(text, (_, value: unknown) => chosen(value, rulebookVerbs), AS_ANSIBLE) as unknown
    })
}

/** A value as it is when rulebooks start these verbs. */
function chosen(value: unknown, verbs: readonly string[]): unknown {
  if (typeof value !== 'string') return value
  const [, is, verb, isNot] = CHOICE.exec(value) ?? []
  if (verb !== undefined) return verbs.includes(verb) ? is : isNot
  const [, asked] = FLAG.exec(value) ?? []
  return asked === undefined ? value : verbs.includes(asked)
}
