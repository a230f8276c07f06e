#!/usr/bin/env node
/**
 * The entry point. It checks the version of Node before anything else and imports the program dynamically: an older Node would fail to
 * parse the other files, and the person would see a syntax error instead of this message. Exit code 1 when Node is too old.
 */
const NEEDED = 24

const [major = 0] = process.versions.node.split('.').map(Number)
if (major >= NEEDED) {
  await import('./process.ts')
} else {
  process.stderr.write(
    `virtbridge: this is Node ${process.versions.node}, and it needs Node ${NEEDED} or later\n  install that; in a checkout npm ci brings it, and npm run -s virtbridge -- takes it\n`,
  )
  process.exitCode = 1
}
