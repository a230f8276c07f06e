import { connection } from './connection-schema.ts'
import { kubevirtCore } from './kubevirt-core-schema.ts'
import { annotation, matching, selector, some } from './match-schema.ts'
import { choice, list, name, object, part, type Schema } from './schema-part.ts'

/** What the name of a group may be. */
const GROUP = '^[a-z][a-z0-9_]{0,127}$'

/** What `printableStatus` of a VirtualMachine may say (KubeVirt 1.8): a typing error must not select nothing. */
const STATUSES = [
  'CrashLoopBackOff',
  'DataVolumeError',
  'ErrImagePull',
  'ErrorPvcNotFound',
  'ErrorUnschedulable',
  'ImagePullBackOff',
  'Migrating',
  'Paused',
  'Provisioning',
  'Running',
  'Starting',
  'Stopped',
  'Stopping',
  'Terminating',
  'Unknown',
  'WaitingForReceiver',
  'WaitingForVolumeBinding',
] as const

/** How many hosts may be missing at once, in percent. */
export function maxShrink(description: string): Schema {
  return { type: 'integer', minimum: 0, maximum: 100, description }
}

/** A named part of the inventory. */
export function view(): Schema {
  const properties = {
    name: name('Its name in the URL: /api/v1/inventory/NAME.'),
    ...matching(),
    profiles: some('Only VMs of one of these profiles, or of one below them.', { minLength: 1 }),
    status: some('Only VMs with one of these statuses.', { enum: STATUSES }),
    reachable: {
      type: 'boolean',
      description:
        'Only VMs that are reachable, or only those that are not; both when it is left out. A cluster that can not be seen makes no VM leave: what was last known of it counts.',
    },
    profile: choice(
      ['slim', 'standard', 'full'],
      'standard',
      'Which variables each host has: slim for connection, identity and state alone; full for all that is kept.',
    ),
    host_name: {
      type: 'string',
      minLength: 1,
      maxLength: 200,
      default: '{name}.{namespace}.{cluster}',
      description:
        'How its hosts are called, made of {name}, {namespace}, {cluster} and {uid}. Hosts that would share a name keep the default, with a warning. Jobs that virtbridge launches are limited to default names.',
    },
    groups: groups(),
    format: choice(
      ['virtbridge', 'kubevirt.core'],
      'virtbridge',
      'In whose names, variables and groups its hosts are shown. kubevirt.core: in those of that inventory plugin, as kubevirt_core says; profile, host_name, addresses and connection say nothing then. The watch keeps more of each VM for it.',
    ),
    kubevirt_core: kubevirtCore(),
    exclude: selector(
      'Hosts whose labels this selector takes stay listed, and are disabled for the reason "excluded by label".',
    ),
    enabled: choice(
      ['reachable', 'known'],
      'reachable',
      'Whom kubevirt_enabled lets jobs run on. reachable: who can be connected to. known: every VM whose cluster can be seen, stopped and unreachable ones too; only for an inventory of work beside the guest (controller.beside_inventory).',
    ),
    addresses: addresses(),
    connection: connection(),
    variables: list(
      'Variables of the connection that labels or annotations of VMs may give, the last that does. No other label, annotation or word of a guest becomes one. Until an annotation was read of all VMs the view is closed (503).',
      20,
      variable(),
    ),
    on_stale: choice(
      ['disable', 'fail'],
      'disable',
      'When one of its clusters can not be seen. disable: its hosts stay as last known, marked, and later disabled. fail: no answer (503) until it can, so that a controller keeps what it has.',
    ),
    max_shrink: maxShrink(
      'The largest share of its hosts, in percent, that may be missing since the last answer without their deletion being known; beyond that there is no answer (503). 100 is any. Left out: half of them, or 10 hosts; and any in a view by status or reachable.',
    ),
  }
  return part('One view.', properties, ['name'])
}

/** A network that an address is unique in. */
export function network(): Schema {
  const properties = {
    name: name('Its name.'),
    cidrs: {
      ...some('Its ranges of addresses, as 10.20.0.0/16 or fd00:20::/64.', { maxLength: 64 }),
      maxItems: 100,
    },
    clusters: some('Only in these clusters.', { minLength: 1 }),
    namespaces: some('Only in these namespaces.', { minLength: 1 }),
  }
  return part('One network.', properties, ['name', 'cidrs'])
}

function groups(): Schema {
  return object('Its groups. A host without any is in ungrouped.', {
    builtin: {
      type: 'boolean',
      default: true,
      description: 'Groups by cluster, namespace, status and operating system.',
    },
    labels: list('Labels of VMs that make groups, as label_<key>_<value>.', 50, { type: 'string', minLength: 1 }),
    max_per_label: {
      type: 'integer',
      minimum: 1,
      maximum: 20_000,
      description:
        'Groups that one label, or one expression, makes at most; hosts with further values are without that group, and a warning is logged. Left out: 2,000, and 20,000 in the format kubevirt.core.',
    },
    expressions: list('Groups by expressions, worked out once for each change of a VM.', 50, expression()),
    parents: {
      type: 'object',
      description: 'Groups of groups: by the name of a parent, the names of its children.',
      default: {},
      maxProperties: 100,
      propertyNames: { pattern: GROUP },
      additionalProperties: { type: 'array', minItems: 1, maxItems: 1000, items: { type: 'string', pattern: GROUP } },
    },
  })
}

function expression(): Schema {
  const properties = {
    name: {
      type: 'string',
      pattern: GROUP,
      maxLength: 63,
      description: 'The group, where the expression is a condition; else what the names of its groups begin with.',
    },
    expression: {
      type: 'string',
      minLength: 1,
      maxLength: 1024,
      description:
        'In CEL, over the variables of the profile full. A condition (bool) puts a VM into the group NAME; a text into NAME_TEXT, unless it is empty; a list of texts into one for each.',
    },
  }
  return part('One expression.', properties, ['name', 'expression'])
}

/** Which address of several, and what else may be one. */
function addresses(): Schema {
  const rule = {
    network: {
      type: 'string',
      minLength: 1,
      maxLength: 253,
      description: 'The name of a network in the spec of the VM.',
    },
    cidr: { type: 'string', minLength: 1, maxLength: 64, description: 'A range, as 10.20.0.0/16.' },
    family: { type: 'string', enum: ['ipv4', 'ipv6'], description: 'Only of this family.' },
  }
  return object(
    'Which of its addresses a host is reached at. What it is and where it comes from is told as kubevirt_address and kubevirt_address_source.',
    {
      prefer: list('What is wanted, the best first; of one entry all that is said must hold.', 20, {
        ...part('One preference.', rule, []),
        minProperties: 1,
      }),
      otherwise: choice(
        ['any', 'none'],
        'any',
        'When nothing of prefer is there. any: the one that is used elsewhere. none: no address, and the host is disabled.',
      ),
      pod_network: choice(
        ['last', 'never'],
        'last',
        'Addresses of the pod network. last: when there is no other. never: a host that has no other is disabled, for the reason "only a pod address".',
      ),
    },
  )
}

function variable(): Schema {
  const properties = {
    label: { type: 'string', minLength: 1, maxLength: 317, description: 'The key of a label of the VM.' },
    annotation: annotation('Or the key of an annotation of the VM.'),
    variable: {
      type: 'string',
      enum: ['ansible_user', 'ansible_port', 'ansible_connection', 'ansible_shell_type'],
      description: 'The variable that its value becomes, where it is a valid one.',
    },
  }
  return part('One variable, of a label or of an annotation.', properties, ['variable'])
}
