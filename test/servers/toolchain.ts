import { Fault, messageOf } from '../../src/errors.ts'
import { run, runToEnd } from './run.ts'

/** A program of the machine that a suite needs: how to find a good enough one, how to get one, and who needs it. */
export interface Tool {
  readonly name: string
  /** For a person: what exactly is needed. */
  readonly needs: string
  readonly get: string
  readonly suites: string
  /** Programs to try in turn. */
  readonly candidates: readonly string[]
  /** Resolves to the path to use when `candidate` will do; throws, saying why, when not. */
  probe(candidate: string): Promise<string>
}

/** Tool name → the program to run. */
export type FoundTools = ReadonlyMap<string, string>

const integration = 'the integration suite (npm test)'

/** Go builds the API server and etcd from their modules. */
export const go: Tool = {
  name: 'go',
  needs: 'Go 1.24 or later',
  get: 'install it from https://go.dev/dl/ or with your package manager (Debian: apt-get install golang)',
  suites: `${integration}, which builds kube-apiserver and etcd with it`,
  candidates: ['go', '/usr/local/go/bin/go'],
  async probe(candidate) {
    const version = await run(candidate, ['env', 'GOVERSION'], { env: { ...process.env, GOTOOLCHAIN: 'local' } })
    atLeast(version, /^go(\d+)\.(\d+)/, [1, 24])
    return candidate
  },
}

/** Python makes the environments that Ansible lives in; ansible-core 2.19 runs on 3.11 to 3.13. */
export const python: Tool = {
  name: 'python3',
  needs: 'Python 3.11, 3.12 or 3.13 with its venv module',
  get: 'install it with your package manager (Debian: apt-get install python3 python3-venv)',
  suites: `${integration}, which runs ansible-core and ansible-rulebook in it`,
  candidates: ['python3', 'python3.13', 'python3.12', 'python3.11'],
  async probe(candidate) {
    const script = 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2]); print(sys.executable)'
    const [version, path] = (await run(candidate, ['-c', script])).trim().split('\n')
    const [, minor] = atLeast(version ?? '', /^(\d+)\.(\d+)/, [3, 11])
    if (minor > 13) throw new Error(`is ${version}, too new for ansible-core 2.19`)
    return path ?? candidate
  },
}

/** Java runs the rule engine inside ansible-rulebook. */
export const java: Tool = {
  name: 'java',
  needs: 'Java 17 or later',
  get: 'install it with your package manager (Debian: apt-get install openjdk-17-jre-headless)',
  suites: `${integration}, whose ansible-rulebook runs its rules on it, and Kafka`,
  candidates: ['java', ...(process.env['JAVA_HOME'] === undefined ? [] : [`${process.env['JAVA_HOME']}/bin/java`])],
  async probe(candidate) {
    const { stderr: properties } = await runToEnd(candidate, ['-XshowSettings:properties', '-version'])
    atLeast(properties, /java\.specification\.version = (\d+)()/, [17, 0])
    return /java\.home = (.+)/.exec(properties)?.[1]?.trim() ?? candidate
  },
}

/** Maven brings the jars of Kafka. */
export const maven: Tool = {
  name: 'mvn',
  needs: 'Maven 3.6 or later',
  get: 'install it with your package manager (Debian: apt-get install maven)',
  suites: `${integration}, which takes the jars of Kafka from Maven Central with it`,
  candidates: ['mvn'],
  async probe(candidate) {
    atLeast(await run(candidate, ['-v']), /Apache Maven (\d+)\.(\d+)/, [3, 6])
    return candidate
  },
}

/** Finds every tool, or throws one `Fault` that names all that are missing, how to get each and which suites need it. */
export async function requireTools(tools: readonly Tool[]): Promise<FoundTools> {
  const found = new Map<string, string>()
  const missing: string[] = []
  const hints: string[] = []
  for (const tool of tools) {
    const { path, reasons } = await find(tool)
    if (path !== undefined) found.set(tool.name, path)
    else {
      missing.push(`${tool.needs} is missing (${reasons.join('; ')}); needed by ${tool.suites}`)
      hints.push(`${tool.name}: ${tool.get}`)
    }
  }
  if (missing.length > 0) throw new Fault('toolchain_missing', missing.join('\n'), { hint: hints.join('\n') })
  return found
}

async function find(tool: Tool): Promise<{ path?: string; reasons: string[] }> {
  const reasons: string[] = []
  for (const candidate of tool.candidates) {
    try {
      return { path: await tool.probe(candidate), reasons }
    } catch (error) {
      reasons.push(isNotFound(error) ? `${candidate} is not on the PATH` : `${candidate}: ${messageOf(error)}`)
    }
  }
  return { reasons }
}

function isNotFound(error: unknown): boolean {
  const cause = error instanceof Fault ? error.cause : error
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
}

function atLeast(text: string, pattern: RegExp, [major, minor]: readonly [number, number]): [number, number] {
  const match = pattern.exec(text.trim())
  if (match === null) throw new Error('does not tell its version')
  const found: [number, number] = [Number(match[1]), Number(match[2])]
  if (found[0] < major || (found[0] === major && found[1] < minor)) throw new Error(`is version ${match[0]}`)
  return found
}
