import type { KubevirtCoreConfig } from './kubevirt-core-schema.ts'

/** The configuration after validation, with every default filled in. Durations are in the unit their key names. */
export interface Config {
  readonly log: LogConfig
  readonly http: HttpConfig
  readonly clusters: readonly ClusterConfig[]
  readonly hubs: readonly HubConfig[]
  readonly watch: WatchConfig
  readonly inventory: InventoryConfig
  readonly profiles: readonly ProfileConfig[]
  readonly controller?: ControllerConfig
  /** By name. These two are always there, any other when it was named. */
  readonly verbs: { readonly onboard: VerbConfig; readonly patch: VerbConfig; readonly [name: string]: VerbConfig }
  readonly dispatch: DispatchConfig
  /** Files; the first key seals, all of them open. */
  readonly secrets: { readonly sealing_keys: readonly string[] }
  readonly telemetry: { readonly log_level: 'debug' | 'info' | 'warn' | 'error' }
}

/** With `kafka` the log is there, and `path` is not used. */
export interface LogConfig {
  readonly path: string
  readonly retention_days: number
  readonly audit_retention_days: number
  readonly history_path: string
  /** GiB. */
  readonly max_size_gb: number
  readonly max_size_takes_audit: boolean
  readonly validate_events: boolean
  readonly kafka?: KafkaConfig
}

export interface KafkaConfig {
  readonly brokers: readonly string[]
  readonly topic_prefix: string
  readonly partitions: number
  readonly partitions_per_cluster: number
  readonly replicas: number
  readonly compression: 'none' | 'gzip' | 'zstd'
  readonly tls: {
    readonly enabled: boolean
    readonly ca_file: string
    readonly cert_file: string
    readonly key_file: string
  }
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
    readonly username: string
    readonly password: Secret
  }
}

/** A secret never stands in the file: it comes from the environment or from a file of its own. */
export type Secret = { readonly env: string } | { readonly file: string }

/**
 * `read`: inventory, VMs, events, runs. `run`: start runs. `admin`: confirm deletions and losses, release the brake. `notify`: say that something has
 * happened at the controller, and nothing else.
 */
export const RIGHTS = ['read', 'run', 'admin', 'notify'] as const
export type Right = (typeof RIGHTS)[number]

export interface HttpConfig {
  readonly listen: string
  readonly tokens: readonly TokenConfig[]
  /** Addresses and ranges. */
  readonly trusted_proxies: readonly string[]
  readonly limits: {
    readonly token_requests_per_second: number
    readonly token_burst: number
    readonly stranger_requests_per_second: number
    readonly stranger_burst: number
    readonly large_answers: number
    readonly large_answers_per_token: number
  }
}

export interface TokenConfig {
  readonly name: string
  readonly token: Secret
  readonly can: readonly Right[]
  /** The views of the inventory that it may read, and nothing else; everything when it is left out. */
  readonly views?: readonly string[]
  /** The part of the fleet that it may know of; all of it when both are left out. */
  readonly clusters?: readonly string[]
  readonly namespaces?: readonly string[]
  /** An instant or a day, UTC. */
  readonly expires?: string
}

export interface ClusterConfig {
  readonly name: string
  readonly kubeconfig: string
  readonly context: string
  readonly in_cluster: boolean
  readonly allow_exec: boolean
  /** The ManagedClusterSets that it is in, of one that has no hub to say so. */
  readonly cluster_sets?: readonly string[]
}

/** How the managed clusters of a hub are reached. */
export type Reach = 'hub_token' | 'managed_account' | 'kubeconfig_secret' | 'direct'

export interface HubConfig extends ClusterConfig {
  /** A label selector; `parseSelector` reads it. */
  readonly labels: string
  readonly cluster_set: string
  /** `namespace/name`, or empty. */
  readonly placement: string
  /** ManagedCluster name → the name it has here. */
  readonly aliases: Readonly<Record<string, string>>
  readonly reach: Reach
  /** There when `reach` goes through it. */
  readonly proxy?: { readonly url: string; readonly ca_file: string }
  readonly account: string
  readonly secret: string
  readonly secret_key: string
}

export interface WatchConfig {
  readonly stopped_hold_seconds: number
  readonly reachable_hold_seconds: number
  readonly unreachable_hold_seconds: number
  readonly address_hold_seconds: number
  readonly leave_hold_seconds: number
  readonly heartbeat_seconds: number
  readonly outage_hold_seconds: number
  readonly audit_hours: number
  readonly services: boolean
}

export interface InventoryConfig {
  readonly stale_after_seconds: number
  readonly disable_stale_after_seconds: number
  readonly label_groups: readonly string[]
  readonly annotations: readonly string[]
  readonly formats: readonly 'kubevirt.core'[]
  /** Of the whole inventory. */
  readonly max_shrink?: number
  readonly views: readonly ViewConfig[]
  readonly networks: readonly NetworkConfig[]
}

/** A network that an address is unique in. What is left out does not narrow it. */
export interface NetworkConfig {
  readonly name: string
  readonly cidrs: readonly string[]
  readonly clusters?: readonly string[]
  readonly namespaces?: readonly string[]
}

/** A named part of the inventory. What is left out does not narrow it. */
export interface ViewConfig {
  readonly name: string
  readonly clusters?: readonly string[]
  readonly cluster_sets?: readonly string[]
  readonly namespaces?: readonly string[]
  /** A label selector; `parseSelector` reads it. */
  readonly selector: string
  /** Families, or ids that guests tell. */
  readonly os?: readonly string[]
  readonly profiles?: readonly string[]
  readonly status?: readonly string[]
  readonly reachable?: boolean
  readonly profile: 'slim' | 'standard' | 'full'
  readonly format: 'virtbridge' | 'kubevirt.core'
  readonly kubevirt_core: KubevirtCoreConfig
  /** `parseHostFormat` reads it. */
  readonly host_name: string
  readonly groups: {
    readonly builtin: boolean
    readonly labels: readonly string[]
    /** Left out: as many as is usual in its format. */
    readonly max_per_label?: number
    readonly expressions: readonly { readonly name: string; readonly expression: string }[]
    readonly parents: Readonly<Record<string, readonly string[]>>
  }
  /** A label selector; empty excludes nothing. */
  readonly exclude: string
  readonly enabled: 'reachable' | 'known'
  readonly addresses: AddressesConfig
  readonly connection: ConnectionConfig
  readonly variables: readonly { readonly label?: string; readonly annotation?: string; readonly variable: string }[]
  readonly on_stale: 'disable' | 'fail'
  readonly max_shrink?: number
}

/** A host group of day 2. What is left out does not narrow it. */
export interface ProfileConfig {
  readonly name: string
  /** Empty: it is below none. */
  readonly parent: string
  readonly clusters?: readonly string[]
  readonly cluster_sets?: readonly string[]
  readonly namespaces?: readonly string[]
  /** A label selector; `parseSelector` reads it. */
  readonly selector: string
  readonly os?: readonly string[]
  readonly variables: Readonly<Record<string, unknown>>
}

export interface AddressesConfig {
  readonly prefer: readonly { readonly network?: string; readonly cidr?: string; readonly family?: 'ipv4' | 'ipv6' }[]
  readonly otherwise: 'any' | 'none'
  readonly pod_network: 'last' | 'never'
}

/** How guests are talked to. */
export interface ConnectionConfig {
  readonly linux: LinuxConnectionConfig
  readonly windows: WindowsConnectionConfig
}

interface PathConfig {
  readonly via: 'address' | 'service' | 'port_forward'
  /** `parseHostFormat` reads it; empty: its address. */
  readonly dns_name: string
  /** 0: the usual one. */
  readonly port: number
  readonly user: string
  /** Of a Service: names or numbers, the best first. */
  readonly service_ports: readonly (string | number)[]
  readonly node_domain: string
  readonly virtctl: { readonly kubeconfig: string; readonly context: string }
}

export type LinuxConnectionConfig = PathConfig

export interface WindowsConnectionConfig extends PathConfig {
  readonly type: 'psrp' | 'winrm' | 'ssh'
  readonly transport: string
  readonly scheme: 'https' | 'http'
  readonly certificate: 'validate' | 'ignore'
  readonly kerberos_name: string
}

export interface ControllerConfig {
  readonly url: string
  readonly token: Secret
  /** Which of the account's tokens it is; empty when it has one alone. */
  readonly token_description: string
  readonly ca_file: string
  readonly organization: string
  readonly inventory: string
  readonly inventory_source: string
  /** Empty: there is none. */
  readonly beside_inventory: string
  readonly beside_inventory_source: string
  readonly request_timeout_seconds: number
  readonly quiet_period_seconds: number
  readonly poll_seconds: number
  readonly requests_per_second: number
}

export interface VerbConfig {
  /** Empty of a verb with steps. */
  readonly template: string
  /** In this order, each by a job of its own. */
  readonly steps?: readonly { readonly name: string; readonly template: string }[]
  /** Of its templates; empty: `controller.organization`. */
  readonly organization: string
  /** `bridge`: virtbridge launches. `eda`: a rulebook does. `off`: nobody does. */
  readonly driver: 'bridge' | 'eda' | 'off'
  /** Other job templates that do it. */
  readonly also: readonly string[]
  readonly os: readonly ('linux' | 'windows')[]
  /** What its work needs: a guest that answers, or the VM alone, stopped or not. */
  readonly needs: 'guest' | 'vm'
}

export interface DispatchConfig {
  readonly coalesce_seconds: number
  readonly max_hosts_per_job: number
  readonly max_jobs: number
  readonly max_jobs_per_template: number
  readonly max_hosts_per_cluster: number
  readonly max_hosts_per_node: number
  readonly look_seconds: number
  readonly keep_runs: number
  readonly brake: { readonly hosts: number; readonly per_seconds: number }
}
