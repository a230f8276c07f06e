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

const INSTANT = /(?:Timestamps?|lastProbeTime|lastTransitionTime)$/
/** Of the VMs whose Service leads to both. */
const ADDRESSES: Readonly<Record<string, string>> = { 'odd-shared': '10.2.0.11', 'odd-shared-2': '10.2.0.12' }
const CONNECTION = ['ansible_host', 'ansible_port', 'ansible_connection']
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/**
 * Every difference that is allowed. The test applies them, one after the other, to what the plugin says, and nothing else may differ;
 * and each must be of use. The documentation holds the same table.
 */
export const ALLOWED: readonly Allowed[] = [
  {
    what: 'A string is a string',
    why: 'ansible-core 2.19 prints every string of the plugin as `{"__ansible_unsafe": …}`, which a controller stores as that',
    apply: vars => mapped(vars, value => (isMark(value) ? value.__ansible_unsafe : value)) as Vars,
  },
  {
    what: 'Text with `{{`, `{%` or `{#` in it is marked as `{"__ansible_unsafe": …}`',
    why: 'a guest can write it, and Ansible would run it where it runs',
    apply: vars =>
      mapped(vars, value =>
        typeof value === 'string' && /\{[{%#]/.test(value) ? { __ansible_unsafe: value } : value,
      ) as Vars,
  },
  {
    what: 'No `vm_resource_version`, no `vmi_resource_version`, and no instant (`…Timestamp`, `lastProbeTime`, `lastTransitionTime`), unless `timestamps: true`',
    why: 'they change without news, and a controller writes a host anew for each',
    apply: (vars, _, { timestamps = false }) => (timestamps ? vars : withoutInstants(vars)),
  },
  {
    what: 'An annotation that holds a whole object, a password or user data is left out, and named in `kubevirt_left_out`',
    why: '`kubectl apply` keeps the whole VM in one, with the password of its cloud-init',
    apply: (vars, host) =>
      host === 'odd-applied'
        ? leftOut(vars, ['vm_annotations', 'kubectl.kubernetes.io/last-applied-configuration'])
        : vars,
  },
  {
    what: 'An annotation of more than 4,096 characters is left out, a longer text of a status is cut, and of an object with more than 24,576 the largest parts are left out, labels last (a VM without them is listed, whatever `label_selector` says); all named in `kubevirt_left_out`',
    why: 'what a record holds is bounded',
    apply: (vars, host) => {
      if (host === 'odd-long-note') return leftOut(vars, ['vm_annotations', 'long'])
      return host === 'odd-many-disks' ? leftOut(vars, ['vmi_volume_status']) : vars
    },
  },
  {
    what: 'A key of a status that KubeVirt 1.8 does not define is left out',
    why: 'nobody has looked at what stands in it: what is kept is a list, and a newer one is an update of virtbridge',
    apply: unchanged,
    proof: 'test/vm/portrait.test.ts',
  },
  {
    what: 'A control or direction character other than a line end or a tab is a space',
    why: 'a guest can write it, and a terminal would obey it',
    apply: vars => mapped(vars, value => (typeof value === 'string' ? value.replace(CONTROL, ' ') : value)) as Vars,
  },
  {
    what: 'No `ansible_host`, `ansible_port` and `ansible_connection` for an address that is none, of this machine (`127.0.0.1`) or of its link (`169.254.0.0/16`, `fe80::/10`)',
    why: 'a guest says so, and a job would run on the controller itself',
    apply: (vars, host) => (['odd-loop', 'odd-link-local'].includes(host) ? without(vars, CONNECTION) : vars),
  },
  {
    what: 'The same for a boot that has ended',
    why: 'its address may be that of another VM by now',
    apply: (vars, host) => (host === 'odd-ended' ? without(vars, CONNECTION) : vars),
  },
  {
    what: 'The same for an address that another VM has the better claim to',
    why: 'the job would run on that one',
    apply: (vars, host) => (host === 'odd-second-claim' ? without(vars, CONNECTION) : vars),
  },
  {
    what: 'A VMI of another VM that had the same name, or of none, is not shown',
    why: 'it is another guest, or none that has a life beyond its boot',
    apply: (vars, host) => {
      if (host === 'odd-bare') return null
      return host === 'odd-of-another' ? own(vars, name => name.startsWith('vm_')) : vars
    },
    outOf: (host, group) =>
      host === 'odd-bare' || (host === 'odd-of-another' && group.startsWith('label_kubevirt_io_')),
  },
  {
    what: 'A VM without a status is listed',
    why: 'nothing makes the list shorter but the end of a VM',
    apply: unchanged,
    also: ['odd-no-status'],
  },
  {
    what: 'A Service that leads to more than one VM is not used',
    why: 'the job would run on any of them',
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
    what: 'In a view that does not name one cluster, the groups of clusters and those of namespaces stand beside each other',
    why: 'a namespace may be on several, and with a file for each cluster the plugin puts the hosts of all of them into each',
    apply: unchanged,
    proof: 'test/inventory/kubevirt-core.test.ts',
  },
  {
    what: 'Hosts that would share a name are called NAME.NAMESPACE.CLUSTER, with a warning',
    why: 'the plugin merges `a-b`/`c` and `a`/`b-c` into one host, and those of several clusters',
    apply: unchanged,
    proof: 'test/inventory/kubevirt-core-view.test.ts',
  },
  {
    what: 'With `create_groups` a label makes 2,000 groups at most (`groups.max_per_label`)',
    why: '`kubevirt.io/domain` alone makes one for each VM',
    apply: unchanged,
    proof: 'test/inventory/kubevirt-core-view.test.ts',
  },
  {
    what: 'The group of a cluster has the name of the cluster, unless `name` says otherwise',
    why: 'the plugin calls it by the address of its API, which is not told',
    apply: unchanged,
    proof: 'test/inventory/kubevirt-core.test.ts',
  },
  {
    what: 'A base domain is used when it is written down (`base_domain`)',
    why: 'the plugin reads it from OpenShift, which takes a right more',
    apply: unchanged,
    proof: 'test/inventory/kubevirt-core.test.ts',
  },
]

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
  const kept = without(vars, ['vm_resource_version', 'vmi_resource_version', 'vmi_phase_transition_timestamps'])
  const entries = Object.entries(kept).map(([name, value]) =>
    /^vmi?_(annotations|labels)$/.test(name) ? [name, value] : [name, pruned(value)],
  )
  return Object.fromEntries(entries) as Vars
}

function pruned(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(pruned)
  const entries = Object.entries(value).filter(([key]) => !INSTANT.test(key))
  return Object.fromEntries(entries.map(([key, item]) => [key, pruned(item)]))
}

function leftOut(vars: Vars, [name, key]: readonly [string, string?]): Vars {
  if (key === undefined) return { ...without(vars, [name]), kubevirt_left_out: [name] }
  return { ...vars, [name]: without((vars[name] ?? {}) as Vars, [key]), kubevirt_left_out: [`${name}.${key}`] }
}

function without(vars: Vars, names: readonly string[]): Vars {
  return own(vars, name => !names.includes(name))
}

function own(vars: Vars, keep: (name: string) => boolean): Vars {
  return Object.fromEntries(Object.entries(vars).filter(([name]) => keep(name)))
}
