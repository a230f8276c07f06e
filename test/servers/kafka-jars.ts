import { copyFile, readFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { provision, type Recipe, type Say } from './cache.ts'
import { run } from './run.ts'
import { java, maven, requireTools } from './toolchain.ts'

const folder = join(import.meta.dirname, 'kafka')
const pom = readFileSync(join(folder, 'pom.xml'), 'utf8')
const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'

/** The Kafka that the tests run against. */
export const kafkaVersion = /<artifactId>kafka_2\.13<\/artifactId><version>([^<]+)</.exec(pom)?.[1] ?? ''

/** The jars of a Kafka broker from Maven Central; `kafka/pom.xml` says which. */
export const kafkaRecipe: Recipe = {
  name: 'kafka',
  why: `the jars of Kafka ${kafkaVersion} from Maven Central (44 MB to download)`,
  takes: '10 seconds',
  tools: [java, maven],
  inputs: [pom, plugin],
  async build(into, { tools }) {
    await copyFile(join(folder, 'pom.xml'), join(into, 'pom.xml'))
    const goal = [plugin, '-DincludeScope=runtime', `-DoutputDirectory=${join(into, 'libs')}`]
    await run(tools.get('mvn') ?? 'mvn', ['-q', '-B', ...goal], { cwd: into, env: process.env })
  },
}

/** The folder of the jars, provisioned first when they are not in the cache. */
export async function kafkaJars(options: { say?: Say } = {}): Promise<string> {
  return join(await provision(kafkaRecipe, options), 'libs')
}

/** What every node has in its properties. */
export function commonProperties(): Promise<string> {
  return readFile(join(folder, 'server.properties'), 'utf8')
}

/** The Java that the jars run on. */
export async function javaProgram(): Promise<string> {
  const found = (await requireTools([java])).get(java.name) ?? 'java'
  return found === 'java' ? found : found.endsWith('/bin/java') ? found : join(found, 'bin', 'java')
}
