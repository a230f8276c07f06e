#!/usr/bin/env node
/** The way in. It says plainly when Node is too old, so it imports nothing that an old Node could not even read. */
export const NEEDED = 24

const [major = 0] = process.versions.node.split('.').map(Number)
if (major >= NEEDED) {
  await import('./process.ts')
} else {
  process.stderr.write(
    `virtbridge: this is Node ${process.versions.node}, and it needs Node ${NEEDED} or later\n  install that; in a checkout npm ci brings it, and npm run -s virtbridge -- takes it\n`,
  )
  process.exitCode = 1
}
