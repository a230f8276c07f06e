import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { KEY_SIZE, MAKE_A_KEY, type SealingKey, sealingKey, Vault } from '../day2/index.ts'
import { Fault, messageOf } from '../errors.ts'

/** Bytes of a file of a key: of a larger one nothing is read. */
const MAX_KEY_FILE = 4_096

/** The vault that seals and opens the secrets of runs with the keys in `files`, first key first. Files are read at each use, so that a rotated key counts at once. */
export function vaultOf(files: () => readonly string[]): Vault {
  return new Vault(() => files().map(readSealingKey))
}

/**
 * Reads a sealing key: a file with 32 random bytes in base64. Throws a Fault `sealing_key` when it holds anything else, or when others than
 * its owner and group may read it or anybody but its owner may change it. The Fault names the file and nothing of its content.
 */
export function readSealingKey(file: string): SealingKey {
  const { text, mode } = contentOf(file)
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== KEY_SIZE || bytes.toString('base64') !== text)
    throw new Fault('sealing_key', `the sealing key ${file} is not ${KEY_SIZE} bytes in base64`, {
      hint: `make one: ${MAKE_A_KEY}`,
    })
  // Its owner's, and a group's that may read it: so Kubernetes mounts a Secret for who is not root.
  if ((mode & 0o027) !== 0)
    throw new Fault('sealing_key', `the sealing key ${file} may be read or changed by others (mode ${shown(mode)})`, {
      hint: `chmod 600 ${file}; in a Pod set defaultMode: 0400 on the volume of its Secret. If others could read it, make another`,
    })
  return sealingKey(bytes)
}

/** Content and mode of one opened file, so that it can not be swapped between the two. */
function contentOf(file: string): { text: string; mode: number } {
  let opened: number | undefined
  try {
    opened = openSync(file, 'r')
    const { mode, size } = fstatSync(opened)
    if (size > MAX_KEY_FILE) throw new Error(`it has ${size} bytes`)
    const buffer = Buffer.alloc(MAX_KEY_FILE)
    const read = readSync(opened, buffer, 0, MAX_KEY_FILE, 0)
    return { text: buffer.toString('latin1', 0, read).trim(), mode }
  } catch (error) {
    throw new Fault('sealing_key', `the sealing key ${file} can not be read: ${messageOf(error)}`, {
      hint: `make one: ${MAKE_A_KEY}; it is for the user that virtbridge runs as`,
    })
  } finally {
    if (opened !== undefined) closeSync(opened)
  }
}

function shown(mode: number): string {
  return (mode & 0o777).toString(8)
}
