import { chmod, readFile, writeFile } from 'node:fs/promises'

const shebang = '#!/usr/bin/env node\n'

/** Makes a JavaScript file a program that a shell can start; one that is a program already stays as it is. */
export async function makeExecutable(path: string): Promise<void> {
  const text = await readFile(path, 'utf8')
  if (!text.startsWith('#!')) await writeFile(path, shebang + text)
  await chmod(path, 0o755)
}
