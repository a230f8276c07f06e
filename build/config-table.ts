/** One key of the configuration, as people read of it. */
export interface Key {
  /** `clusters[].name`, `hubs[].labels.<name>` */
  readonly path: string
  readonly type: string
  /** As it would be written; `required`, or empty for a part without a value of its own. */
  readonly preset: string
  readonly meaning: string
}

interface Node {
  readonly type?: string
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly items?: Node
  readonly additionalProperties?: boolean | Node
}

/** Every key that a JSON Schema of a configuration knows, in its order. */
export function configKeys(schema: object): readonly Key[] {
  return keysOf(schema, '')
}

/** The same as a Markdown table. */
export function configTable(schema: object): string {
  const rows = configKeys(schema).map(key => `| \`${key.path}\` | ${key.type} | ${key.preset} | ${key.meaning} |`)
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

function keysOf(node: Node, prefix: string): readonly Key[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`
    const required = node.required?.includes(name) === true
    const own: Key = {
      path,
      type: typeOf(child).replaceAll('|', '\\|'),
      preset: required ? 'required' : presetOf(child),
      meaning: (child.description ?? '').replaceAll('<', '\\<').replaceAll('|', '\\|'),
    }
    const each =
      typeof child.additionalProperties === 'object'
        ? keysOf(child.additionalProperties, `${path}.<${name.replace(/s$/, '')}>`)
        : []
    const items = child.items === undefined ? [] : keysOf(child.items, `${path}[]`)
    return [own, ...keysOf(child, path), ...each, ...items]
  })
}

function typeOf(node: Node): string {
  if (node.title === 'secret') return '`{env: NAME}` or `{file: PATH}`'
  if (node.enum !== undefined) return node.enum.join(', ')
  if (node.type === 'array')
    return node.items?.properties === undefined ? `list of ${typeOf(node.items ?? {})}` : 'list'
  if (node.type === 'object') return isMapOfText(node.additionalProperties) ? 'map of strings' : ''
  const range = node.minimum === undefined || node.maximum === undefined ? '' : `, ${node.minimum} to ${node.maximum}`
  return `${node.type ?? ''}${range}`
}

function isMapOfText(values: boolean | Node | undefined): boolean {
  return typeof values === 'object' && values.properties === undefined
}

function presetOf(node: Node): string {
  if (node.default === undefined || node.properties !== undefined) return ''
  return `\`${JSON.stringify(node.default).replaceAll('|', '\\|')}\``
}
