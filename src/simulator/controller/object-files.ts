import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

/** Ansible's mark for text that is no template of its own. */
const UNSAFE = { tag: '!unsafe', resolve: (text: string) => text }
/** The files are our own, or of who runs the simulator: as many aliases as they like. */
const AS_ANSIBLE = { customTags: [UNSAFE], merge: true, maxAliasCount: -1 }

/**
 * The variable files of a folder (`deploy/aap`), one document each, in the order of their names: what `loadObjects` takes. Only the files
 * that lie in it, as Ansible's YAML has them: with anchors, merge keys and `!unsafe`; templates in them stay as they are written.
 */
export function readObjectFiles(folder: URL): unknown[] {
  const path = fileURLToPath(folder)
  return readdirSync(path)
    .filter(name => name.endsWith('.yml'))
    .sort()
    .map(name => parse(readFileSync(join(path, name), 'utf8'), AS_ANSIBLE) as unknown)
}
