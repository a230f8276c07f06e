import { choice, list, name, object, optionalText, part, type Schema, whole } from './schema-part.ts'

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

/** A named part of the inventory. */
export function view(): Schema {
  const properties = {
    name: name('Its name in the URL: /api/v1/inventory/NAME.'),
    clusters: some('Only VMs of these clusters.', { minLength: 1 }),
    namespaces: some('Only VMs of these namespaces, whichever their cluster.', { minLength: 1 }),
    selector: {
      ...optionalText('Only VMs whose labels this selector takes, as kubectl --selector.'),
      maxLength: 4096,
    },
    os: some('Only VMs of these operating systems: a family (linux, windows) or an id of the guest (rhel, ubuntu).', {
      pattern: '^[a-z0-9][a-z0-9._-]*$',
    }),
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
    groups: groups(),
    on_stale: choice(
      ['disable', 'fail'],
      'disable',
      'When one of its clusters can not be seen. disable: its hosts stay as last known, marked, and later disabled. fail: no answer (503) until it can, so that a controller keeps what it has.',
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
    max_per_label: whole(
      2000,
      1,
      2000,
      'Groups that one label makes at most; hosts with further values are without that group, and a warning is logged.',
    ),
  })
}

/** A choice among values; all when it is left out. Written down and empty it would take nothing, so it can not be. */
function some(description: string, item: Schema): Schema {
  return { type: 'array', description, minItems: 1, maxItems: 1000, items: { type: 'string', ...item } }
}
