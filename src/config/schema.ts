import { cluster, hub } from './cluster-schema.ts'
import {
  address,
  amount,
  choice,
  flag,
  list,
  object,
  optionalText,
  part,
  type Schema,
  secret,
  text,
  whole,
} from './schema-part.ts'
import { verbs } from './verb-schema.ts'
import { httpLimits } from './http-schema.ts'
import { profile } from './profile-schema.ts'
import { annotation } from './match-schema.ts'
import { maxShrink, network, view } from './view-schema.ts'

/**
 * The one schema of the configuration (JSON Schema draft-07). `schemas/config-v1.json` is its published copy and the table of
 * `docs/configuration.md` is made from it, both by `node build/schemas.ts`: the meaning of a key is written here and nowhere else.
 */
export const CONFIG_SCHEMA = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'https://virtbridge.io/schemas/config-v1.json',
  title: 'virtbridge configuration',
  type: 'object',
  additionalProperties: false,
  properties: {
    log: object('Where everything that virtbridge knows is kept.', {
      path: text(
        './virtbridge.db',
        'The file of the log, on a local disk; beside it lie its lock and its write-ahead log.',
      ),
      retention_days: whole(7, 1, 3650, 'Days that events and commands are kept.'),
      history_path: optionalText(
        'The file of an index of what was done, made anew when it is not there; beside the log, with Kafka in memory and shorter.',
      ),
      audit_retention_days: whole(400, 1, 3650, 'Days that day-2 events are kept: who did what to which VM.'),
      max_size_gb: amount(
        4,
        'What the file may take; beyond that the oldest events go before their time, day-2 events and commands never.',
        0.01,
      ),
      max_size_takes_audit: flag('Let day-2 events go before their time too, when nothing else is left to go.'),
      validate_events: flag('Check events against their schemas; what does not fit is a dead letter.'),
      kafka: kafka(),
    }),
    http: object('The API, the inventory and the probes.', {
      listen: {
        type: 'string',
        pattern: '^(\\[[0-9a-fA-F:]+\\]|[^:\\s]+):[0-9]{1,5}$',
        default: '127.0.0.1:8080',
        description: 'Address and port; port 0 takes a free one. Anything but this machine needs a token.',
      },
      tokens: list(
        'Who may ask, and for what. Without one the API answers nobody; probes and metrics are open.',
        100,
        token(),
      ),
      ...httpLimits(),
    }),
    clusters: list('Clusters that are watched directly.', 1000, cluster()),
    hubs: list('Hubs of Open Cluster Management (ACM), whose managed clusters are watched.', 20, hub()),
    watch: object('How long something must last before it is told, and how often a cluster is known to be watched.', {
      stopped_hold_seconds: amount(20, 'A VM that runs again within this time was restarted, not stopped.'),
      reachable_hold_seconds: amount(5, 'How long a guest must be reachable before it is told.'),
      unreachable_hold_seconds: amount(60, 'How long a guest must be unreachable before it is told.'),
      address_hold_seconds: amount(10, 'How long another address must last before it is told.'),
      leave_hold_seconds: amount(5, 'How long a cluster must be away from the selection of its hub to have left it.'),
      heartbeat_seconds: amount(10, 'How often each cluster that is watched is marked as alive.', 0.1),
      outage_hold_seconds: amount(15, 'A cluster that can be read again within this time was not unreachable.'),
      audit_hours: amount(
        12,
        'How often all VMs of a cluster are listed beside the watch, half of it more or less; it must find nothing.',
        0.01,
      ),
      services: flag(
        'Watch Services too: those of type NodePort and LoadBalancer whose selector names one VM are kept with it. The right to read Services must be given (docs/operations/clusters.md).',
      ),
    }),
    inventory: object('What the inventory says of clusters that can not be seen, and its groups.', {
      stale_after_seconds: amount(60, 'Hosts of a cluster not seen for so long are marked with kubevirt_stale.'),
      disable_stale_after_seconds: amount(
        3600,
        'Hosts of a cluster not seen for so long are disabled; they never leave the inventory.',
      ),
      label_groups: list('Labels of VMs that make groups, as label_<key>_<value>; at most 2,000 groups each.', 50, {
        type: 'string',
        minLength: 1,
      }),
      annotations: {
        ...list(
          'Annotations of VMs that hosts have as kubevirt_annotations, by their keys. The watch keeps 256 characters of each. One that may hold user data or a password is empty.',
          20,
          annotation(),
        ),
        uniqueItems: true,
      },
      formats: {
        ...list(
          'Formats beside our own that any view, and the whole inventory, may be asked for in: ?format=kubevirt.core, with the defaults of kubevirt_core. The watch keeps more of each VM for it.',
          1,
          { type: 'string', enum: ['kubevirt.core'] },
        ),
        uniqueItems: true,
      },
      max_shrink: maxShrink(
        'The largest share of the hosts of the whole inventory, in percent, that may be missing since the last answer without their deletion being known; beyond that there is no answer (503). 100 is any. Left out: half of them, or 10 hosts.',
      ),
      views: list(
        'Named parts of the inventory, each at /api/v1/inventory/NAME; all that is said must hold.',
        50,
        view(),
      ),
      networks: list(
        'Networks that an address is unique in, the first that fits: shared by clusters, or apart in namespaces. Without one, the pod network of each cluster is one.',
        100,
        network(),
      ),
    }),
    profiles: list(
      'Host groups of day 2. A VM is of the first that takes it, then of the first below that that takes it, and so on.',
      200,
      profile(),
    ),
    controller: controller(),
    verbs: verbs(),
    dispatch: object('How much is launched at once.', {
      coalesce_seconds: amount(
        5,
        'VMs that become ready within this time share one job, and so do those of wishes that say that they may (share).',
      ),
      max_hosts_per_job: whole(
        500,
        1,
        500,
        'Hosts of one job that starts by itself; who asks for a run says for whom, of 500 hosts at most.',
      ),
      max_jobs: whole(20, 1, 1000, 'Jobs under way at once, whoever asked for them.'),
      max_jobs_per_template: whole(20, 1, 1000, 'Jobs of one template under way at once.'),
      max_hosts_per_cluster: whole(2000, 1, 100_000, 'VMs of one cluster that jobs run on at once.'),
      max_hosts_per_node: whole(100, 1, 100_000, 'VMs of one node that jobs run on at once.'),
      look_seconds: amount(5, 'How often jobs that others launched on the inventory are looked for.', 0.05),
      keep_runs: whole(
        1000,
        10,
        10_000,
        'Runs that are kept with the results of their hosts after they ended, ours and those of others each; what became of hosts is told for log.audit_retention_days.',
      ),
      brake: object(
        'How much may start by itself, whatever the reason for the flood. More sets the brake: then nothing does, until a person releases it (virtbridge brake release).',
        {
          hosts: whole(50, 1, 100_000, 'Hosts that may start by themselves within the window.'),
          per_seconds: amount(3600, 'The window.', 1),
        },
      ),
    }),
    secrets: object('Secrets that people give a run (docs/day2.md).', {
      sealing_keys: list(
        'Files with 32 random bytes in base64 each. The first seals what passes the log, all of them open it: so a key is changed. Without one no run is given a secret.',
        10,
        { type: 'string', minLength: 1 },
      ),
    }),
    telemetry: object('What virtbridge tells of itself.', {
      log_level: choice(['debug', 'info', 'warn', 'error'], 'info', 'The least severe line that is written.'),
    }),
  },
} as const

function kafka(): Schema {
  const brokers = {
    type: 'array',
    description: 'Some of the brokers, as host:port; they tell the others.',
    minItems: 1,
    maxItems: 100,
    items: { type: 'string', pattern: '^(\\[[0-9a-fA-F:]+\\]|[^:\\s]+):[0-9]{1,5}$' },
  }
  const tls = {
    enabled: flag('Talk TLS to the brokers.'),
    ca_file: optionalText('The PEM file of the authority that signed their certificates, when no public one did.'),
    cert_file: optionalText('The PEM file of our own certificate, where the brokers want one.'),
    key_file: optionalText('The PEM file of its key.'),
  }
  const sasl = {
    mechanism: choice(['plain', 'scram-sha-256', 'scram-sha-512'], 'scram-sha-512', 'How the password is proved.'),
    username: { type: 'string', minLength: 1, description: 'The user of the brokers.' },
    password: secret('Its password.'),
  }
  const properties = {
    brokers,
    topic_prefix: {
      type: 'string',
      pattern: '^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$',
      default: 'virtbridge',
      description: 'What the names of all topics begin with, and who writes them: one bridge for each prefix.',
    },
    partitions: whole(12, 1, 256, 'Partitions of each topic. For good: another number would put old keys elsewhere.'),
    partitions_per_cluster: whole(1, 1, 256, 'Neighbouring partitions that one cluster is spread over; divides them.'),
    replicas: whole(3, 1, 9, 'Copies of each partition; of more than one, two must have each record.'),
    compression: choice(
      ['none', 'gzip', 'zstd'],
      'none',
      'How batches are compressed. Every consumer must be able to read it.',
    ),
    tls: object('TLS to the brokers.', tls),
    sasl: part('The user of the brokers, where they want one.', sasl, ['username', 'password']),
  }
  const description = 'Keep it on Kafka instead of in a file; the topics are made by virtbridge topics --create.'
  return part(description, properties, ['brokers'])
}

function token(): Schema {
  const can = {
    type: 'array',
    description:
      'What it may do. read: inventory, VMs, events, runs. run: start runs of any verb; some run commands, packages and accounts as root, so it is as much as root on every guest in its scope. admin: confirm deletions and losses, release the brake, let go of jobs that can not be read. notify: say that the controller is worth a look, and nothing else.',
    minItems: 1,
    uniqueItems: true,
    default: ['read'],
    items: { type: 'string', enum: ['read', 'run', 'admin', 'notify'] },
  }
  const properties = {
    name: { type: 'string', minLength: 1, description: 'Who has it; runs are recorded under this name.' },
    token: secret(
      'The token itself, of 16 characters or more, or its hash as sha256:…; two of them while it is changed. No two tokens have one.',
    ),
    can,
    views: {
      type: 'array',
      description:
        'The views of the inventory that it may read, and nothing else then; everything when it is left out.',
      minItems: 1,
      maxItems: 50,
      items: { type: 'string', minLength: 1 },
    },
    clusters: {
      type: 'array',
      description: 'The clusters that it may know of; all of them when it is left out.',
      minItems: 1,
      maxItems: 1000,
      items: { type: 'string', minLength: 1 },
    },
    namespaces: {
      type: 'array',
      description: 'The namespaces, of these clusters, that it may know of; all of them when it is left out.',
      minItems: 1,
      maxItems: 1000,
      items: { type: 'string', minLength: 1 },
    },
    expires: {
      type: 'string',
      description:
        'When it ends, as 2027-01-31 (the beginning of that day, UTC) or 2027-01-31T12:00:00Z; never when it is left out.',
      pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$',
    },
  }
  return part('One token.', properties, ['name', 'token'])
}

function controller(): Schema {
  const properties = {
    url: address('Scheme and host of the controller, nothing more.'),
    token: secret('A token of its service account, with scope write.'),
    token_description: optionalText(
      'The description of that token in the controller: needed to know when it expires, when the account has several.',
    ),
    ca_file: optionalText('The PEM file of the authority that signed its certificate, when no public one did.'),
    organization: text('Default', 'The organization of the objects below.'),
    inventory: text('virtbridge fleet', 'The inventory that jobs run on.'),
    inventory_source: text('virtbridge', 'Its source, which pulls from this bridge.'),
    beside_inventory: optionalText(
      'The inventory for verbs that need the VM alone (verbs.*.needs): that of a view with enabled: known, in which stopped and unreachable VMs are enabled. Without it such verbs run on inventory, and need a guest that answers like all others.',
    ),
    beside_inventory_source: text('virtbridge beside guests', 'The source of beside_inventory.'),
    request_timeout_seconds: amount(30, 'The longest a request may take.', 0.1),
    quiet_period_seconds: amount(
      45,
      'How long a launch without an answer is searched for before it is believed not to have happened: longer than the controller works on a request (its client_request_timeout, 30 s where nobody set it).',
      0.1,
    ),
    poll_seconds: amount(2, 'How often jobs under way are looked at.', 0.05),
    requests_per_second: amount(
      8,
      'Requests to it, over all; in bursts of up to 20, and fewer by itself while it is slow.',
      0.1,
    ),
  }
  const description =
    'The automation controller that jobs are launched on. Without it nothing is launched: events and inventory only.'
  return part(description, properties, ['url', 'token'])
}
