/** The one schema of the configuration (JSON Schema draft-07); `schemas/config-v1.json` is its published copy. */
export const CONFIG_SCHEMA = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'https://virtbridge.io/schemas/config-v1.json',
  title: 'virtbridge configuration',
  type: 'object',
  additionalProperties: false,
  properties: {
    log: object({
      path: text('./virtbridge.db'),
      retention_days: whole(7, 1, 3650),
      audit_retention_days: whole(400, 1, 3650),
    }),
    http: object({
      listen: { type: 'string', pattern: '^(\\[[0-9a-fA-F:]+\\]|[^:\\s]+):[0-9]{1,5}$', default: '127.0.0.1:8080' },
      tokens: { type: 'array', maxItems: 100, default: [], items: token() },
    }),
    clusters: { type: 'array', maxItems: 1000, default: [], items: cluster({}) },
    hubs: { type: 'array', maxItems: 20, default: [], items: hub() },
    watch: object({
      stopped_hold_seconds: amount(20),
      reachable_hold_seconds: amount(5),
      unreachable_hold_seconds: amount(60),
      address_hold_seconds: amount(10),
      heartbeat_seconds: amount(10, 0.1),
    }),
    inventory: object({
      stale_after_seconds: amount(60),
      disable_stale_after_seconds: amount(3600),
      label_groups: { type: 'array', maxItems: 50, default: [], items: { type: 'string', minLength: 1 } },
    }),
    controller: controller(),
    verbs: object({ onboard: verb('Day2 | Onboard'), patch: verb('Day2 | Patch') }),
    dispatch: object({
      coalesce_seconds: amount(5),
      max_hosts_per_job: whole(500, 1, 500),
      max_jobs: whole(20, 1, 1000),
      brake: object({ hosts: whole(50, 1, 100_000), per_seconds: amount(3600, 1) }),
    }),
    telemetry: object({ log_level: { type: 'string', enum: ['debug', 'info', 'warn', 'error'], default: 'info' } }),
  },
} as const

function object(properties: Record<string, unknown>, required: readonly string[] = []): Record<string, unknown> {
  return { type: 'object', additionalProperties: false, default: {}, properties, required }
}

function text(preset: string): Record<string, unknown> {
  return { type: 'string', minLength: 1, default: preset }
}

function optionalText(): Record<string, unknown> {
  return { type: 'string', default: '' }
}

function whole(preset: number, minimum: number, maximum: number): Record<string, unknown> {
  return { type: 'integer', minimum, maximum, default: preset }
}

function amount(preset: number, minimum = 0): Record<string, unknown> {
  return { type: 'number', minimum, maximum: 31_536_000, default: preset }
}

function flag(): Record<string, unknown> {
  return { type: 'boolean', default: false }
}

/** A DNS label (RFC 1123): it becomes the last part of host names. */
function name(): Record<string, unknown> {
  return { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' }
}

function secret(): Record<string, unknown> {
  const one = (key: string): Record<string, unknown> => {
    return {
      type: 'object',
      additionalProperties: false,
      required: [key],
      properties: { [key]: { type: 'string', minLength: 1 } },
    }
  }
  return { title: 'secret', oneOf: [one('env'), one('file')] }
}

function token(): Record<string, unknown> {
  const can = {
    type: 'array',
    minItems: 1,
    uniqueItems: true,
    default: ['read'],
    items: { type: 'string', enum: ['read', 'run', 'admin'] },
  }
  return object({ name: { type: 'string', minLength: 1 }, token: secret(), can }, ['name', 'token'])
}

function cluster(more: Record<string, unknown>): Record<string, unknown> {
  const own = {
    name: name(),
    kubeconfig: optionalText(),
    context: optionalText(),
    in_cluster: flag(),
    allow_exec: flag(),
  }
  return { ...object({ ...own, ...more }, ['name']), default: undefined }
}

function hub(): Record<string, unknown> {
  const map = { type: 'object', default: {}, additionalProperties: { type: 'string' } }
  const proxy = {
    ...object({ url: { type: 'string', pattern: '^https?://' }, ca_file: optionalText() }, ['url']),
    default: undefined,
  }
  const schema = cluster({ labels: map, aliases: { ...map, additionalProperties: name() }, proxy })
  return { ...schema, required: ['name', 'proxy'] }
}

function controller(): Record<string, unknown> {
  const properties = {
    url: { type: 'string', pattern: '^https?://' },
    token: secret(),
    ca_file: optionalText(),
    organization: text('Default'),
    inventory: text('virtbridge fleet'),
    inventory_source: text('virtbridge'),
    request_timeout_seconds: amount(30, 0.1),
    quiet_period_seconds: amount(45, 0.1),
    poll_seconds: amount(2, 0.05),
  }
  return { ...object(properties, ['url', 'token']), default: undefined }
}

function verb(template: string): Record<string, unknown> {
  return object({
    template: text(template),
    driver: { type: 'string', enum: ['bridge', 'eda', 'off'], default: 'bridge' },
    os: { type: 'array', default: ['linux'], uniqueItems: true, items: { type: 'string', enum: ['linux', 'windows'] } },
  })
}
