/** A right (Kafka: an ACL) that somebody needs, on everything whose name is, or begins with, `name`. */
export interface Right {
  readonly who: 'bridge' | 'creator' | 'reader'
  readonly operation: 'Read' | 'Write' | 'Create' | 'DescribeConfigs'
  readonly resource: 'topic' | 'transactional-id' | 'group'
  readonly pattern: 'literal' | 'prefixed'
  readonly name: string
}

/** The consumer groups of this project's rulebooks begin so. */
const GROUPS = 'virtbridge-'

/**
 * All rights that the log on Kafka takes: of the bridge, of whoever creates its topics, and of whoever only reads events. Describe is
 * never among them, as Read, Write and Create of the same thing imply it (KIP-11); nor is IdempotentWrite, which a transactional
 * id replaces.
 */
export function rightsOf(prefix: string): readonly Right[] {
  const topics = { resource: 'topic', pattern: 'prefixed', name: `${prefix}.` } as const
  const writer = { resource: 'transactional-id', pattern: 'literal', name: `${prefix}.writer` } as const
  const events = { resource: 'topic', pattern: 'prefixed', name: `${prefix}.events.` } as const
  return [
    { who: 'bridge', operation: 'Read', ...topics },
    { who: 'bridge', operation: 'Write', ...topics },
    { who: 'bridge', operation: 'DescribeConfigs', ...topics },
    { who: 'bridge', operation: 'Write', ...writer },
    { who: 'creator', operation: 'Create', ...topics },
    { who: 'reader', operation: 'Read', ...events },
    { who: 'reader', operation: 'Read', resource: 'group', pattern: 'prefixed', name: GROUPS },
  ]
}

/** A right as a person says it: `Write on topics virtbridge.*`. */
export function describeRight({ operation, resource, pattern, name }: Right): string {
  return `${operation} on ${resource}${pattern === 'prefixed' ? `s ${name}*` : ` ${name}`}`
}

/**
 * The commands that give rights to a principal (without `User:`), for Kafka's own `kafka-acls.sh`: one for each thing. `$BROKERS` and
 * `admin.properties` are of whoever runs them.
 */
export function aclCommands(rights: readonly Right[], principal: string): readonly string[] {
  const things = new Map<string, Right[]>()
  for (const right of rights) {
    const thing = `${right.pattern === 'prefixed' ? '--resource-pattern-type prefixed ' : ''}--${right.resource} ${quoted(right.name)}`
    things.set(thing, [...(things.get(thing) ?? []), right])
  }
  return [...things].map(([thing, rights]) => {
    const operations = rights.map(({ operation }) => `--operation ${operation}`).join(' ')
    return `${tool('kafka-acls.sh')} --add --allow-principal ${quoted(`User:${principal}`)} ${operations} ${thing}`
  })
}

/** How a tool of Kafka is called. */
export function tool(name: string): string {
  return `${name} --bootstrap-server "$BROKERS" --command-config admin.properties`
}

/** A word for a shell that takes nothing in it for its own. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}
