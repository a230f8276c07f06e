import { randomUUID } from 'node:crypto'
import { chown, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { provision, type Recipe } from './cache.ts'
import { withFreePorts } from './ports.ts'
import { ansible, ansibleRecipe, lockOf } from './python-environment.ts'
import { run } from './run.ts'
import { ServerProcess } from './server-process.ts'

/** Keeps of the one wheel in a folder what PostgreSQL is, with the rights that a wheel does not keep. */
const UNPACK = `
import pathlib, sys, zipfile
[wheel] = pathlib.Path(sys.argv[1]).glob("*.whl")
into = pathlib.Path(sys.argv[2])
with zipfile.ZipFile(wheel) as server:
    server.extractall(into, [name for name in server.namelist() if name.startswith(("pgserver/pginstall/bin/", "pgserver/pginstall/lib/", "pgserver/pginstall/share/", "pgserver.libs/"))])
for program in (into / "pgserver/pginstall/bin").iterdir():
    program.chmod(0o755)
`

/** PostgreSQL as a wheel of PyPI has it: the programs alone, which are those of no version of Python. */
export const postgresRecipe: Recipe = {
  name: 'postgres',
  why: 'PostgreSQL 16 (11 MB to download)',
  takes: '5 seconds',
  tools: ansibleRecipe.tools,
  inputs: [lockOf('postgres'), UNPACK],
  async build(into, { say }) {
    const { bin } = await ansible({ say })
    const pin = lockOf('postgres').trim()
    say(`pip download ${pin}`)
    const flags = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-deps', '--dest', join(into, 'wheel')]
    const any = ['--only-binary=:all:', '--python-version=3.11']
    await run(join(bin, 'python'), ['-m', 'pip', 'download', ...flags, ...any, pin])
    await run(join(bin, 'python'), ['-c', UNPACK, join(into, 'wheel'), into])
    await rm(join(into, 'wheel'), { recursive: true })
  },
}

/** A PostgreSQL on the loopback, empty at first, gone with all it held when disposed. */
export interface PostgresServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
}

/** Root is refused by PostgreSQL: then it is run by nobody, who could not read the cache of root. */
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
const asNobody = isRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'] : ['env']

/** Starts a PostgreSQL of its own (2 s), which asks for a password. */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = await provision(postgresRecipe)
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-postgres-'))
  await cp(programs, join(folder, 'programs'), { recursive: true })
  const bin = join(folder, 'programs', 'pgserver', 'pginstall', 'bin')
  const [data, words, logFile] = [join(folder, 'data'), join(folder, 'password'), join(folder, 'postgres.log')]
  const password = randomUUID()
  await writeFile(words, password)
  if (isRoot) for (const path of [folder, words]) await chown(path, NOBODY, NOBODY)
  const [program = '', ...as] = asNobody
  const how = ['--username=rulebooks', '--auth=scram-sha-256', `--pwfile=${words}`, '--encoding=UTF8', '--no-sync']
  await run(program, [...as, join(bin, 'initdb'), `--pgdata=${data}`, ...how])
  return withFreePorts(1, async ([port = 0]) => {
    const args = ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', '', '-F']
    const server = new ServerProcess({ program, args: [...as, join(bin, 'postgres'), ...args], logFile, folder })
    const isReady = async (): Promise<boolean> =>
      (await readFile(logFile, 'utf8')).includes('ready to accept connections')
    try {
      await server.waitUntil(isReady, 'ready')
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
    return {
      host: '127.0.0.1',
      port,
      database: 'postgres',
      user: 'rulebooks',
      password,
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]()
        await rm(folder, { recursive: true, force: true })
      },
    }
  })
}
