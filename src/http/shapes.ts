import { closed, listOf, type Shape, text } from './description.ts'

/** JSON Schemas of what the API answers with, each once in the document, by name. What grows with virtbridge may have more keys. */

const STRING = { type: 'string' }
const COUNT = { type: 'integer', minimum: 0 }
const FLAG = { type: 'boolean' }
const INSTANT = { type: 'integer', description: 'Milliseconds since 1970; 0: never' }
const STRINGS = listOf(STRING)

function open(properties: Shape, required: readonly string[] = Object.keys(properties)): Shape {
  return { type: 'object', required, properties }
}

const TRIGGER = {
  enum: ['news', 'wish', 'controller', ''],
  description:
    'What set it off: a fact about its VMs, somebody who asked, a launch at the controller; empty: not known',
}
const ALLOWED_BY = { type: 'string', description: 'By which rule or right nobody stopped it' }

const RUN = {
  id: STRING,
  verb: STRING,
  template: STRING,
  asked_by: STRING,
  reason: STRING,
  status: STRING,
  outcome: STRING,
  counts: { type: 'object', additionalProperties: COUNT },
  job: { type: ['object', 'null'], required: ['id', 'url'] },
  created_at: INSTANT,
  finished_at: INSTANT,
  message: STRING,
}

const DRY_RUN = { ...FLAG, description: 'A dry run; absent of any other' }

const STEP = {
  name: STRING,
  template: STRING,
  state: { enum: ['waits', 'runs', 'ok', 'failed', 'refused', 'unknown', 'not_run'] },
  job: { type: ['object', 'null'], required: ['id', 'url'] },
}
const STEP_INDEX = { ...COUNT, description: 'Which of its steps it is at, from 0' }

const PROFILE = open({
  name: { type: 'string', description: 'Empty: it has none' },
  chain: { ...STRINGS, description: 'From the outermost to its own' },
  because: STRINGS,
  variables: listOf(open({ name: STRING, from: STRING, over: STRINGS })),
})

export const SHAPES: Readonly<Record<string, Shape>> = {
  Problem: open({
    type: { type: 'string', format: 'uri' },
    title: STRING,
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string', description: 'What happened, in one sentence' },
    code: { type: 'string', pattern: '^[a-z_]+$', description: 'What happened, for programs' },
    hint: { type: 'string', description: 'What to do next' },
  }),
  Inventory: {
    type: 'object',
    description: 'The script protocol of Ansible: variables by host, and groups',
    required: ['_meta', 'all'],
    properties: {
      _meta: open({ hostvars: { type: 'object', additionalProperties: { $ref: '#/components/schemas/HostVars' } } }),
    },
    additionalProperties: closed({ hosts: STRINGS, children: STRINGS, vars: { type: 'object' } }, []),
  },
  HostVars: { type: 'object', description: 'Variables of one host; docs/inventory.md has each' },
  Difference: closed({ since: text(128), etag: text(128), joined: STRINGS, left: STRINGS, changed: STRINGS }),
  Why: open({
    host: STRING,
    view: { type: 'string', description: 'Empty: the whole inventory' },
    listed: FLAG,
    because: STRINGS,
    enabled: FLAG,
    enabled_because: STRING,
    groups: listOf(open({ group: STRING, because: STRING })),
    not_in: listOf(open({ label: STRING, because: STRING })),
    connection: listOf(
      open({ name: STRING, value: { type: ['string', 'integer', 'null'] }, because: STRING, over: STRINGS }),
    ),
    not_given: listOf(open({ variable: STRING, because: STRING })),
    profile: { oneOf: [PROFILE, { type: 'null' }] },
    closed: { ...STRINGS, description: 'Clusters that keep the inventory closed' },
  }),
  Vm: open({
    host: STRING,
    cluster: STRING,
    namespace: STRING,
    name: STRING,
    uid: STRING,
    status: STRING,
    os: { type: 'object' },
    node: STRING,
    address: STRING,
    agent_connected: FLAG,
    reachable: FLAG,
    adopted: FLAG,
    profile: { type: 'string', description: 'Empty: it has none' },
    labels: { type: 'object', additionalProperties: STRING },
  }),
  VmRecord: {
    ...open({ host: STRING, cluster: STRING, namespace: STRING, name: STRING, uid: STRING, seen: { type: 'object' } }),
    description: 'All that is kept of a VM; its keys may change with any version',
  },
  Explanation: open({
    host: STRING,
    uid: STRING,
    cluster: open({ name: STRING, status: STRING, reason: STRING, staleness: STRING }),
    known_since: STRING,
    adopted: FLAG,
    inventory: open({ enabled: FLAG, because: STRING }),
    launch: { ...open({ possible: FLAG, because: STRING }), description: 'Of what connects to the guest' },
    can: listOf(open({ verb: STRING, needs: { enum: ['guest', 'vm'] }, possible: FLAG, because: STRING })),
    held_by: {
      oneOf: [
        open(
          {
            run: STRING,
            verb: STRING,
            template: STRING,
            status: STRING,
            asked_by: STRING,
            job: { type: ['integer', 'null'] },
            since: STRING,
            step: { ...STRING, description: 'The step that it is at; absent where it is one job' },
          },
          ['run', 'verb', 'template', 'status', 'asked_by', 'job', 'since'],
        ),
        { type: 'null' },
      ],
    },
    onboard: open({ due: FLAG, because: STRING }),
    profile: { oneOf: [PROFILE, { type: 'null' }] },
    verbs: listOf({ type: 'object' }),
    waiting: listOf(open({ fact: STRING, until: STRING })),
    last_event: STRING,
  }),
  Cluster: open({
    kind: { enum: ['cluster', 'hub'] },
    name: STRING,
    hub: STRING,
    status: { enum: ['joining', 'synced', 'held', 'unavailable', 'out_of_scope'] },
    reason: STRING,
    hint: STRING,
    heartbeat: INSTANT,
    vms: COUNT,
    missing: COUNT,
    missing_digest: STRING,
  }),
  Event: {
    type: 'object',
    description: 'A CloudEvent 1.0 in structured JSON; schemas/vm-event-v1.json and those beside it have each kind',
    required: ['type'],
  },
  RunSummary: open(
    {
      ...RUN,
      hosts: COUNT,
      check: DRY_RUN,
      steps: { ...listOf(open(STEP)), description: 'Absent where the run is one job' },
      step: STEP_INDEX,
    },
    [...Object.keys(RUN), 'hosts'],
  ),
  Run: open(
    {
      ...RUN,
      hosts: listOf(open({ host: STRING })),
      left_out: listOf(open({ host: STRING, reason: STRING })),
      results: listOf(
        open(
          {
            host: STRING,
            outcome: STRING,
            detail: STRING,
            step: { ...STRING, description: 'The step that it came no further than' },
          },
          ['host', 'outcome', 'detail'],
        ),
      ),
      steps: {
        ...listOf(
          open({
            ...STEP,
            started_at: INSTANT,
            ended_at: INSTANT,
            attempts: COUNT,
            counts: { type: 'object', additionalProperties: COUNT },
            message: STRING,
          }),
        ),
        description:
          'In their order, each a job of its own; absent where the run is one job. Hosts, template, job and attempts of the run are those of the step that it is at',
      },
      step: STEP_INDEX,
      halted: {
        ...listOf(open({ host: STRING, step: STRING, outcome: STRING })),
        description: 'Hosts that go no further than the step that each names',
      },
      variables: { type: 'object', description: 'What its job gets; of a run that has ended up to 4 KB' },
      secrets: { ...STRINGS, description: 'Names of the variables that nobody may read' },
      check: DRY_RUN,
      selection: { type: 'object', description: 'How its hosts were said, when not by name' },
      trigger: TRIGGER,
      allowed_by: ALLOWED_BY,
      attempts: { ...COUNT, description: 'Launches begun' },
      unread_at: {
        ...INSTANT,
        description: 'Since when the controller does not let its job be read; absent while it does',
      },
      launched_at: { ...INSTANT, description: 'When it was known that its job runs; absent before' },
      progress: {
        type: ['object', 'null'],
        description: 'How far its job is, while it runs and somebody watches it',
        required: ['at', 'task', 'hosts'],
        properties: {
          at: INSTANT,
          task: { ...STRING, description: 'The task that the play is at; empty when that is not known' },
          hosts: listOf(
            closed({
              host: STRING,
              state: { enum: ['waits', 'runs', 'failed', 'unreachable'] },
              done: COUNT,
              changed: COUNT,
              task: { ...STRING, description: 'The last one that is done there' },
            }),
          ),
        },
      },
    },
    [...Object.keys(RUN), 'hosts', 'left_out', 'results'],
  ),
  Result: closed({
    at: { type: 'string', format: 'date-time' },
    run: STRING,
    verb: STRING,
    template: STRING,
    asked_by: STRING,
    job: COUNT,
    host: STRING,
    vm_uid: STRING,
    outcome: STRING,
    detail: STRING,
    asked_because: { ...STRING, description: 'Why, in the words of who asked' },
    trigger: TRIGGER,
    allowed_by: ALLOWED_BY,
    attempts: { ...COUNT, description: 'Launches begun for its run' },
    step: {
      ...STRING,
      description: 'The step that it came no further than, or the last; empty where the run is one job',
    },
  }),
  Brake: closed({
    held: { type: ['object', 'null'], required: ['id', 'at', 'because'], description: 'null: nothing is held' },
    due: { ...COUNT, description: 'Hosts on which something would start by itself' },
    hosts: { ...STRINGS, description: 'Their names, 500 at most' },
  }),
  Loss: closed({ id: STRING, stream: STRING, reason: STRING, at: INSTANT }),
  Consumer: open({
    name: STRING,
    stream: { enum: ['vm', 'cluster', 'day2'] },
    position: { type: 'string', description: 'Everything up to here was acknowledged' },
    made_at: INSTANT,
    seen_at: INSTANT,
    connected: FLAG,
    pending_since: {
      ...INSTANT,
      description: 'When the oldest event came that it has not acknowledged, as last looked at; 0: none',
    },
    gap: {
      description: 'Why it may have missed events, or gets some again; null when it did not',
      oneOf: [
        open({ reason: { enum: ['retention', 'position'] }, since: INSTANT, found_at: INSTANT }),
        { type: 'null' },
      ],
    },
  }),
  Health: closed({
    status: { enum: ['ready', 'degraded', 'not_ready'] },
    checks: listOf(closed({ name: STRING, ok: FLAG, reason: STRING, hint: STRING })),
  }),
}

/** A reference to one of the shapes. Throws a RangeError when there is none of that name. */
export function shape(name: string): Shape {
  if (!(name in SHAPES)) throw new RangeError(`there is no shape "${name}"`)
  return { $ref: `#/components/schemas/${name}` }
}
