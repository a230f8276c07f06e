/** Variables of one host, as `ansible-inventory --list` prints them. */
export type Vars = Readonly<Record<string, unknown>>

/** What a view of the format kubevirt.core shows otherwise than the plugin does, on purpose. */
export interface Allowed {
  /** As docs/inventory.md says it. */
  readonly what: string
  readonly why: string
  /** The variables of a host of the plugin, as they are here; the same when it is not about that host. Null: it is not listed. */
  readonly apply: (vars: Vars, host: string, asked: Asked) => Vars | null
  /** Groups that the host is not in for it. */
  readonly outOf?: (host: string, group: string) => boolean
  /** Hosts that are listed here and not there. */
  readonly also?: readonly string[]
  /** Where it is shown, when one cluster can not show it. */
  readonly proof?: string
}

/** The options of the view. */
export interface Asked {
  readonly timestamps?: boolean
  readonly unset_ansible_port?: boolean
}

const BEAT = /(?:Timestamps?|Time|Seen|[rR]esourceVersion)$/
const INSTANT = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/
/** Of the VMs whose Service leads to both. */
const ADDRESSES: Readonly<Record<string, string>> = { 'odd-shared': '10.2.0.11', 'odd-shared-2': '10.2.0.12' }
const CONNECTION = ['ansible_host', 'ansible_port', 'ansible_connection']
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** Differences of the four kinds that were meant: plain strings, nothing that changes without news, unsafe text marked, several clusters. */
export const MEANT: readonly Allowed[] = [
  {
    what: 'A string is a string',
    why: 'strings are plain: ansible-core 2.19 prints every string of the plugin as `{"__ansible_unsafe": …}`, which a controller stores as that',
    apply: vars => mapped(vars, value => (isMark(value) ? value.__ansible_unsafe : value)) as Vars,
  },
  {
    what: 'No `vm_resource_version`, no `vmi_resource_version`, and in the statuses no resourceVersion and no instant: no key that ends in `Timestamp`, `Time`, `At`, `Since`, `Seen`, `Age`, `Uptime`, `Heartbeat` or `Epoch`, and no text that is one (RFC 3339). `timestamps: true` has them',
    why: 'they change without news, and a controller writes a host anew for each',
    apply: (vars, _, { timestamps = false }) => (timestamps ? vars : withoutInstants(vars)),
  },
  {
    what: 'Text with `{{`, `{%` or `{#` in it, or with `#jinja2:` before it, is marked as `{"__ansible_unsafe": …}`; such a key, or one of a status that can not be the name of a variable, is left out and named in `kubevirt_left_out`',
    why: 'unsafe text is marked: a guest can write it, and Ansible would run it where it runs',
    apply: (vars, host) => {
      const safe = mapped(vars, value =>
        typeof value === 'string' && /\{[{%#]|^#jinja2:/.test(value) ? { __ansible_unsafe: value } : value,
      ) as Vars
      const odd = ['vm_tomorrow-too', 'vmi_tomorrow-too']
      return host === 'odd-newer' ? { ...without(safe, odd), kubevirt_left_out: odd } : safe
    },
  },
  {
    what: 'The group of a cluster has the name of the cluster, unless `name` says otherwise',
    why: 'several clusters: the plugin calls it by the address of its API, which is another from elsewhere and through a hub',
    apply: unchanged,
    proof: 'test/inventory/kubevirt-core.test.ts',
  },
  {
    what: 'In a view that does not name one cluster, the groups of clusters and those of namespaces stand beside each other',
    why: 'several clusters: a namespace may be on more than one, and with a file for each cluster the plugin puts the hosts of all of them into each',
    apply: unchanged,
    proof: 'test/inventory/kubevirt-core.test.ts',
  },
  {
    what: 'Hosts that would share a name are called NAME.NAMESPACE.CLUSTER, with a warning',
    why: 'several clusters, and names that collide are found: the plugin merges those of several clusters into one host, and `a-b`/`c` with `a`/`b-c`',
    apply: unchanged,
    proof: 'test/inventory/kubevirt-core-view.test.ts',
  },
]

/** Those that a rule asks for which holds for everything else too. */
export const RULED: readonly Allowed[] = [
  {
    what: 'An annotation that holds a whole object, a password or user data is left out, as is what may be one of them in a key of a status that KubeVirt 1.8 does not have; both are named in `kubevirt_left_out`',
    why: 'no secret is in any variable: `kubectl apply` keeps the whole VM in an annotation, with the password of its cloud-init',
    apply: (vars, host) => {
      if (host === 'odd-newer') return withoutSecrets(vars)
      const applied = 'kubectl.kubernetes.io/last-applied-configuration'
      return host === 'odd-applied' ? leftOut(vars, [`vm_annotations.${applied}`], applied) : vars
    },
  },
  {
    what: 'An annotation of more than 16,384 characters is left out, a longer text of a status is cut, and so is what is nested deeper than 24; of an object with more than 65,536 the largest parts are left out, of a list its last items, labels last (a VM without them is listed, whatever `label_selector` says); all named in `kubevirt_left_out`',
    why: 'what is kept of a VM is bounded, and text that users and guests write is capped',
    apply: (vars, host) => {
      if (host === 'odd-long-note') return leftOut(vars, ['vm_annotations.long'], 'long')
      if (host === 'odd-long-word')
        return { ...vars, vmi_reason: 'y'.repeat(16_384), kubevirt_left_out: ['vmi_reason'] }
      if (host !== 'odd-many-disks') return vars
      const kept = (vars['vmi_volume_status'] as readonly unknown[]).slice(0, 14)
      return { ...vars, vmi_volume_status: kept, kubevirt_left_out: ['vmi_volume_status'] }
    },
  },
  {
    what: 'A control or direction character other than a line end or a tab is a space',
    why: 'text that users and guests write has none: a terminal would obey it',
    apply: vars => mapped(vars, value => (typeof value === 'string' ? value.replace(CONTROL, ' ') : value)) as Vars,
  },
  {
    what: 'No `ansible_host`, `ansible_port` and `ansible_connection` for an address that is none, of this machine (`127.0.0.1`) or of its link (`169.254.0.0/16`, `fe80::/10`)',
    why: 'what a guest says becomes no variable of a connection unchecked: a job would run on the controller itself',
    apply: (vars, host) => (['odd-loop', 'odd-link-local'].includes(host) ? without(vars, CONNECTION) : vars),
  },
  {
    what: 'The same for a boot that has ended',
    why: 'a job reaches the right guest or none: the address may be that of another VM by now',
    apply: (vars, host) => (host === 'odd-ended' ? without(vars, CONNECTION) : vars),
  },
  {
    what: 'The same for an address that another VM has the better claim to',
    why: 'no guest knocks out another by claiming its address: the job would run on that one',
    apply: (vars, host) => (host === 'odd-second-claim' ? without(vars, CONNECTION) : vars),
  },
  {
    what: 'A Service that leads to more than one VM is not used',
    why: 'a job reaches the right guest or none: it would run on any of them',
    apply: (vars, host, { unset_ansible_port = true }) => {
      const own = ADDRESSES[host]
      if (own === undefined || typeof vars['ansible_port'] !== 'number') return vars
      return {
        ...without(vars, ['ansible_port']),
        ansible_host: own,
        ...(unset_ansible_port ? { ansible_port: null } : {}),
      }
    },
  },
  {
    what: 'A VMI of another VM that had the same name, or of none, is not shown',
    why: 'a job reaches the right guest or none: it is another guest, or none that has a life beyond its boot',
    apply: (vars, host) => {
      if (host === 'odd-bare') return null
      return host === 'odd-of-another' ? own(vars, name => name.startsWith('vm_')) : vars
    },
    outOf: (host, group) =>
      host === 'odd-bare' || (host === 'odd-of-another' && group.startsWith('label_kubevirt_io_')),
  },
  {
    what: 'A VM that `host_format: "{name}"` would call `localhost`, `127.0.0.1`, `all` or `ungrouped` is called NAME.NAMESPACE.CLUSTER',
    why: 'a job reaches the right guest or none: plays for the machine that Ansible runs on would go to that guest',
    apply: unchanged,
    proof: 'test/inventory/kubevirt-core-view.test.ts',
  },
  {
    what: 'A VM without a status is listed',
    why: 'nothing makes the list shorter but the end of a VM',
    apply: unchanged,
    also: ['odd-no-status'],
  },
  {
    what: 'With `create_groups` a label makes 20,000 groups at most (`groups.max_per_label`), with a warning',
    why: 'groups that values make are capped: `kubevirt.io/domain` alone makes one for each VM',
    apply: unchanged,
    proof: 'test/inventory/kubevirt-core-view.test.ts',
  },
]

/**
 * Every difference that is allowed. The test applies them, one after the other, to what the plugin says, and nothing else may differ;
 * and each must be of use. The documentation holds the same two tables.
 */
export const ALLOWED: readonly Allowed[] = [...MEANT, ...RULED]

function unchanged(vars: Vars): Vars {
  return vars
}

function isMark(value: unknown): value is { readonly __ansible_unsafe: string } {
  return typeof value === 'object' && value !== null && '__ansible_unsafe' in value
}

function mapped(value: unknown, change: (value: unknown) => unknown): unknown {
  const changed = change(value)
  if (changed !== value || typeof value !== 'object' || value === null) return changed
  if (isMark(value)) return value
  if (Array.isArray(value)) return value.map(item => mapped(item, change))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapped(item, change)]))
}

function withoutInstants(vars: Vars): Vars {
  const volatile = ['vm_resource_version', 'vmi_resource_version', 'vmi_phase_transition_timestamps']
  const entries = Object.entries(without(vars, [...volatile, 'vm_beat', 'vmi_beat'])).map(([name, value]) =>
    /^vmi?_(annotations|labels)$/.test(name) ? [name, value] : [name, pruned(value)],
  )
  return Object.fromEntries(entries) as Vars
}

function pruned(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(pruned)
  const entries = Object.entries(value).filter(
    ([key, item]) => !BEAT.test(key) && !(typeof item === 'string' && INSTANT.test(item)),
  )
  return Object.fromEntries(entries.map(([key, item]) => [key, pruned(item)]))
}

/** The variables without one annotation. */
function leftOut(vars: Vars, left: readonly string[], annotation: string): Vars {
  return {
    ...vars,
    vm_annotations: without((vars['vm_annotations'] ?? {}) as Vars, [annotation]),
    kubevirt_left_out: left,
  }
}

/** The user data in keys that KubeVirt does not have: a structure and a text. */
function withoutSecrets(vars: Vars): Vars {
  const names = ['vm_heard_of_tomorrow', 'vmi_heard_of_tomorrow']
  const kept = names.map(name => [name, without((vars[name] ?? {}) as Vars, ['cloudInitNoCloud', 'applied'])])
  const left = [...names, ...(vars['kubevirt_left_out'] as readonly string[])].sort()
  return { ...vars, ...(Object.fromEntries(kept) as Vars), kubevirt_left_out: left }
}

function without(vars: Vars, names: readonly string[]): Vars {
  return own(vars, name => !names.includes(name))
}

function own(vars: Vars, keep: (name: string) => boolean): Vars {
  return Object.fromEntries(Object.entries(vars).filter(([name]) => keep(name)))
}
