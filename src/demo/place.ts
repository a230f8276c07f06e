import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

/** The folder of a demo: everything it remembers, and everything the lines it prints refer to. */
export interface Place {
  readonly dir: string
  readonly fleetDir: string
  readonly controllerDir: string
  readonly configFile: string
  /** True when a demo ran here before. */
  readonly known: boolean
}

/** Opens (`fresh`: empties) the folder of a demo. Only files that a demo made are removed. */
export function openPlace(dir: string, fresh: boolean): Place {
  const parts = ['fleet', 'controller', 'bridge']
  if (fresh) for (const part of parts) rmSync(join(dir, part), { recursive: true, force: true })
  const known = existsSync(join(dir, 'fleet'))
  for (const part of parts) mkdirSync(join(dir, part), { recursive: true, mode: 0o700 })
  return {
    dir,
    known,
    fleetDir: join(dir, 'fleet'),
    controllerDir: join(dir, 'controller'),
    configFile: join(dir, 'bridge', 'virtbridge.yaml'),
  }
}

/** A secret of the demo, made once and kept in a file that only its owner may read. */
export function secretFile(place: Place, name: string): { path: string; value: string } {
  const path = join(place.dir, 'bridge', name)
  if (!existsSync(path)) writeFileSync(path, randomBytes(24).toString('hex'), { mode: 0o600 })
  return { path, value: readFileSync(path, 'utf8').trim() }
}

/** A number that is remembered, so that a URL printed once still holds the next time. */
export async function rememberedPort(place: Place, name: string, wish: number): Promise<number> {
  const path = join(place.dir, 'bridge', `${name}.port`)
  const known = existsSync(path) ? Number(readFileSync(path, 'utf8')) : wish
  const port = known !== 0 && (await isFree(known)) ? known : await anyPort()
  writeFileSync(path, String(port))
  return port
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
