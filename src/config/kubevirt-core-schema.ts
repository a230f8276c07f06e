import { choice, flag, object, optionalText, type Schema } from './schema-part.ts'

/** The options of the inventory plugin kubevirt.core.kubevirt, by the names that it gives them. */
export interface KubevirtCoreConfig {
  readonly host_format: string
  readonly name: string
  /** A label selector; `parseSelector` reads it. */
  readonly label_selector: string
  readonly network_name: string
  readonly kube_secondary_dns: boolean
  readonly use_service: boolean
  readonly unset_ansible_port: boolean
  readonly create_groups: boolean
  readonly base_domain: string
  readonly append_base_domain: boolean
  readonly default_win_ansible_connection: string
  readonly state: boolean
  readonly timestamps: boolean
}

const DOMAIN = '^[a-z0-9.-]*$'

/** What a view of the format kubevirt.core may be told. */
export function kubevirtCore(): Schema {
  return object('Of the format kubevirt.core: the options of its plugin, with its defaults.', {
    host_format: {
      type: 'string',
      minLength: 1,
      maxLength: 200,
      default: '{namespace}-{name}',
      description:
        'How its hosts are called, of {name}, {namespace}, {uid} and {cluster}. Hosts that would share a name are called NAME.NAMESPACE.CLUSTER.',
    },
    name: {
      ...optionalText('The group of its one cluster; the name of the cluster when it is left out.'),
      pattern: '^[A-Za-z0-9_.:-]{0,200}$',
    },
    label_selector: {
      ...optionalText('Only VMs, and only VMIs, whose own labels this selector takes.'),
      maxLength: 4096,
    },
    network_name: {
      ...optionalText(
        'The network whose address is the ansible_host; that of the first interface when it is left out.',
      ),
      pattern: DOMAIN,
      maxLength: 253,
    },
    kube_secondary_dns: flag('Names of kubesecondarydns instead of addresses, with network_name.'),
    use_service: on(
      'A Service that leads to the port of SSH or WinRM comes before an address, without network_name. Needs watch.services.',
    ),
    unset_ansible_port: on('ansible_port is null where there is no other.'),
    create_groups: flag(
      'A group label_<key>_<value> for each label of the VM and of its VMI; groups.max_per_label says how many for each key.',
    ),
    base_domain: {
      ...optionalText(
        'The base domain of the cluster; left out, the one that the cluster says, as OpenShift does, where hosts are shown by it.',
      ),
      pattern: DOMAIN,
      maxLength: 253,
    },
    append_base_domain: flag('The base domain behind the names of nodes, for Services of type NodePort.'),
    default_win_ansible_connection: choice(
      ['winrm', 'psrp', 'ssh', 'ansible.builtin.winrm', 'ansible.builtin.psrp', 'ansible.builtin.ssh'],
      'winrm',
      'The ansible_connection of Windows.',
    ),
    state: flag(
      'With kubevirt_enabled, kubevirt_stale, kubevirt_stale_since and kubevirt_reachable_reason beside its variables, so that a controller can leave out whom no job may be about; exclude and enabled of the view count then.',
    ),
    timestamps: flag(
      'With every resourceVersion and instant, which change without any news: each is then a record in the log and a row in the controller.',
    ),
  })
}

function on(description: string): Schema {
  return { ...flag(description), default: true }
}
