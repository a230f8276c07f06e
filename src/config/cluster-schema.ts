import { address, choice, flag, list, name, optionalText, part, type Schema, text } from './schema-part.ts'

/** A cluster that is watched directly. */
export function cluster(): Schema {
  const cluster_sets = list(
    'The cluster sets it is in, as views name them; a managed cluster is in that of its hub.',
    20,
    { type: 'string', minLength: 1, maxLength: 63 },
  )
  return part('One cluster.', { ...connection(), cluster_sets }, ['name'])
}

/** A hub: which of its clusters are watched, and how they are reached. */
export function hub(): Schema {
  const properties = { ...connection(), ...selection(), ...reach() }
  return part('One hub.', properties, ['name'])
}

function connection(): Schema {
  return {
    name: name('The last part of host names; a DNS label, unique over all clusters and hubs.'),
    kubeconfig: optionalText('The kubeconfig file that says how to reach it.'),
    context: optionalText('Its context; empty takes the current one.'),
    in_cluster: flag('Use the service account of the pod this runs in, instead of a kubeconfig.'),
    allow_exec: flag('Let the kubeconfig run a program to log in. Only for a file that nobody else can write.'),
  }
}

function selection(): Schema {
  return {
    labels: optionalText(
      'Watch the ManagedClusters that this label selector takes, as kubectl --selector; none takes all.',
    ),
    cluster_set: optionalText('Watch those of this ManagedClusterSet alone.'),
    placement: {
      type: 'string',
      pattern: '^([a-z0-9-]+/[a-z0-9.-]+)?$',
      default: '',
      description: 'Watch those alone that this Placement chose, as namespace/name.',
    },
    aliases: {
      type: 'object',
      description:
        'Other names for its clusters, by the name of the ManagedCluster: local-cluster of a second hub needs one.',
      default: {},
      additionalProperties: { ...name('') },
    },
  }
}

function reach(): Schema {
  return {
    reach: choice(
      ['hub_token', 'managed_account', 'kubeconfig_secret', 'direct'],
      'hub_token',
      'How its clusters are reached. hub_token: the cluster-proxy, with our token of the hub (multicluster engine 2.9 or later). managed_account: the cluster-proxy, with the token of a ManagedServiceAccount. kubeconfig_secret: as a kubeconfig in a Secret of the hub says. direct: at the URL of the ManagedCluster, with the token of a ManagedServiceAccount.',
    ),
    proxy: part(
      'Its cluster-proxy, for hub_token and managed_account.',
      {
        url: address('Where it listens for users.'),
        ca_file: optionalText('The PEM file of the authority that signed its certificate, when no public one did.'),
      },
      ['url'],
    ),
    account: text(
      'virtbridge-reader',
      'The name of the ManagedServiceAccount, and of its Secret, in the namespace of each cluster.',
    ),
    secret: {
      type: 'string',
      pattern: '^[a-z0-9.{}-]+/[a-z0-9.{}-]+$',
      default: '{cluster}/virtbridge-kubeconfig',
      description: 'The Secret with the kubeconfig of a cluster, as namespace/name; {cluster} is its ManagedCluster.',
    },
    secret_key: text('kubeconfig', 'The key of that Secret which holds it.'),
  }
}
