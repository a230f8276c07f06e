import type { Day2Fact, ClusterFact, Origin, VmFact } from './fact.ts'

/** CloudEvents 1.0, structured JSON. Keys are snake_case and always present; values keep their type; nothing is null. */
export interface Event<Data = object> {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: string
  readonly subject: string
  readonly time: string
  readonly datacontenttype: 'application/json'
  readonly dataschema: string
  readonly data: Data & Trimmed
}

/** What the envelope adds to the `data` of every event. */
export interface Trimmed {
  /** Paths in `data` of what was cut so that the event is no larger than it may be. Events of 0.1 do not have it. */
  readonly trimmed?: readonly string[]
}

/** A cluster as events name it. */
export interface ClusterRef {
  readonly name: string
  /** Empty when the cluster was configured directly. */
  readonly hub: string
}

/** The `data` of an event of a VM. docs/events.md and schemas/vm-event-v1.json are its contract: a key may come, none may go or change its type. */
export interface VmEventData {
  readonly schema_version: 1
  readonly time_epoch: number
  readonly fact: VmFact
  readonly origin: Origin
  readonly gap: boolean
  readonly burst: boolean
  readonly previous: string
  readonly host: string
  readonly cluster: ClusterRef
  readonly vm: VmInEvent
  readonly transition: { readonly from: string; readonly to: string }
  readonly changed: readonly string[]
  readonly reason: string
  readonly message: string
}

/** The VM as it was when the fact became true. */
export interface VmInEvent {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly resource_version: string
  readonly run_strategy: string
  readonly status: string
  readonly node: string
  readonly os: { readonly family: string; readonly id: string; readonly name: string; readonly version: string }
  readonly address: string
  readonly agent_connected: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly label_list: readonly string[]
  /** From here on events before 0.2 lack the key. */
  readonly application?: string
  readonly descent?: { readonly kind: string; readonly from: string; readonly by: string; readonly run: string }
  /** It was there before its cluster was adopted: nothing may start on it by itself. */
  readonly adopted?: boolean
}

/** The `data` of an event of a cluster or hub: schemas/cluster-event-v1.json. */
export interface ClusterEventData {
  readonly schema_version: 1
  readonly time_epoch: number
  readonly fact: ClusterFact
  readonly origin: Origin
  readonly cluster: ClusterRef
  readonly uid: string
  readonly vms: number
  readonly corrections: number
  /** Clusters that a hub selects now, or selects no longer, in `placement_changed`. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** VMs that a person says are gone, in `deletions_confirmed`, as `namespace/name`, and who said so. Events before 0.2 lack both. */
  readonly deleted?: readonly string[]
  readonly confirmed_by?: string
  readonly reason: string
  readonly message: string
}

/** The `data` of an event of day-2 work, of a run as a whole or of one of its hosts: schemas/day2-event-v1.json. */
export interface Day2EventData {
  readonly schema_version: 1
  readonly time_epoch: number
  readonly fact: Day2Fact
  readonly run: {
    readonly id: string
    readonly verb: string
    readonly template: string
    readonly asked_by: string
    readonly status: string
    /** A dry run: Ansible's check mode, nothing was changed. Events before 0.2 lack the key, and those that follow. */
    readonly check?: boolean
    /** Why it was asked for. */
    readonly asked_because?: string
    /** What set it off: `news`, `wish`, `controller`; empty when that is not known. */
    readonly trigger?: string
    /** By which rule or right nobody stopped it. */
    readonly allowed_by?: string
    /** Launches begun; of a run with steps for the one that this is about. */
    readonly attempts?: number
    /** The step that this is about; a run that is one job has neither this key nor the next. */
    readonly step?: string
    /** All its steps, in their order; on `run_started` and `run_finished`. */
    readonly steps?: readonly {
      readonly name: string
      readonly template: string
      readonly state: string
      readonly job: number
      /** RFC 3339; empty when it was not. */
      readonly started_at: string
      readonly ended_at: string
    }[]
  }
  readonly job: { readonly id: number; readonly url: string }
  readonly host: string
  readonly vm_uid: string
  readonly outcome: string
  readonly hosts: number
  readonly counts: Readonly<Record<string, number>>
  readonly reason: string
  readonly message: string
}
