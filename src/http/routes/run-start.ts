import type { FastifyInstance, FastifyReply } from 'fastify'
import { v5 as uuid5 } from 'uuid'
import {
  markOf,
  MAX_SECRETS,
  MAX_VARIABLES,
  rightOfToken,
  type RunCommand,
  type SealedSecrets,
  type Secrets,
  secretsFault,
  type Variables,
  variablesFault,
  Vault,
} from '../../day2/index.ts'
import { isNarrow } from '../../fleet/index.ts'
import type { EventLog } from '../../log/index.ts'
import { AskedKeys } from '../asked-keys.ts'
import { runOfKey, theSame, withKeys } from '../used-key.ts'
import { closed, type Description, json, listOf, query } from '../description.ts'
import { obstacleTo } from '../obstacle.ts'
import { type AppParts, requireRight } from '../parts.ts'
import { Problem } from '../problem.ts'
import { type SharedWish, SharedWishes } from '../shared-wishes.ts'
import { VERB, verbOf } from '../verb.ts'
import { WHOM, WHOM_PROBLEMS, type Whom, whomOf } from '../whom.ts'

/** The namespace of run ids that come from an idempotency key. */
const KEYS = 'b6a3d6f0-5d0e-5d0f-8c3e-0d8a4f4b9a11'

const ID = { type: 'string' }
const START: Description = {
  id: 'startRun',
  summary: 'Asks for a run on some VMs',
  right: 'run',
  answers: {
    202: json('The wish is on record', closed({ id: ID, verb: ID, hosts: listOf(ID) }), { location: 'The run' }),
  },
  problems: {
    409: ['no_controller', 'other_driver', 'ledger_lost', 'key_used', 'no_sealing_key'],
    404: WHOM_PROBLEMS[404],
    422: ['unknown_verb', 'bad_variables', ...WHOM_PROBLEMS[422]],
  },
}
const WISH = closed(
  {
    verb: VERB,
    ...WHOM,
    reason: { type: 'string', maxLength: 256, default: '' },
    variables: {
      type: 'object',
      maxProperties: MAX_VARIABLES,
      description:
        'What the job gets as extra_vars: at most 1,000,000 bytes as JSON; no secret, no template expression, none of the names that decide who is reached',
    },
    secrets: {
      type: 'object',
      maxProperties: MAX_SECRETS,
      description:
        'More of them, as texts of at most 4,096 bytes: answers to questions of type Password in the survey of the template. They are sealed at once; nobody is told them',
    },
    check: { type: 'boolean', description: 'A dry run (job type Check): the template must prompt for the job type' },
    share: {
      type: 'boolean',
      description:
        'It may share its run, and so its job, with others that this token asks for within dispatch.coalesce_seconds: the same verb, variables, reason and check. Of hosts by name; not with secrets. With idempotency keys only such as have one',
    },
  },
  ['verb'],
)
const HEADERS = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      maxLength: 256,
      description: 'The same key of the same token is the same wish',
    },
  },
}

interface Wish extends Whom {
  /** Or the name of its job template. */
  readonly verb: string
  readonly reason: string
  readonly variables?: Variables
  readonly secrets?: Secrets
  readonly check?: boolean
  readonly share?: boolean
}

/** The wish that a verb is done to some VMs: it becomes a command on the log, which who dispatches takes in. */
export function runStartRoute(app: FastifyInstance, parts: AppParts): void {
  const wish = { schema: { querystring: query(), body: WISH, headers: HEADERS }, config: { api: START } }
  const asked = new AskedKeys(parts.now)
  const { log, vault = new Vault(), sharing: window = () => Promise.resolve() } = parts
  const shared = new SharedWishes({ log, window })
  app.post<{ Body: Wish }>('/api/v1/runs', wish, async (request, reply) => {
    const caller = requireRight(request, 'run')
    const { reason, variables = {}, secrets = {}, check = false } = request.body
    const { verb, driver } = verbOf(parts, request.body.verb)
    const { hosts, selection } = whomOf(parts, request.body, caller.scope)
    request.told = { hosts: hosts.length }
    const obstacle = obstacleTo(parts, { verb, driver, hosts }, caller.scope)
    if (obstacle !== null) throw obstacle
    refuseVariables(variables, secrets)
    const wishId = idOfKey(caller.name, request.headers['idempotency-key'])
    const accept = (run: string): FastifyReply =>
      reply.status(202).header('location', `/api/v1/runs/${run}`).send({ id: run, verb, hosts })
    const said = selection === undefined ? {} : { selection }
    const known = { ledger: parts.ledger, vault, asked }
    const before = runOfKey(known, wishId, { verb, hosts, variables, secrets, check, ...said })
    if (before !== undefined) return accept(await theSame(before))
    const share = request.body.share === true
    // A run that is shared is none of its wishes, so it has an id of its own.
    const id = wishId === '' || share ? parts.newId() : wishId
    const by = { asked_by: caller.name, allowed_by: rightOfToken(caller.name, isNarrow(caller.scope)), at: parts.now() }
    const seal = (): SealedSecrets => withKeys(() => vault.seal(id, secrets))
    const hidden = Object.keys(secrets).length > 0 ? { secrets: seal() } : {}
    const command = commandOf({ id, verb, hosts, reason, ...by, ...said, ...hidden }, variables, check)
    const run = share ? shared.ask(shareable(command), wishId) : record(log, command)
    // Before it is on the log: who asks a moment later must meet it.
    if (wishId !== '') asked.add(wishId, { mark: markOf(command), run })
    try {
      return accept(await run)
    } catch (error) {
      asked.forget(wishId)
      throw error
    }
  })
}

/** The id that a wish has by its idempotency key; empty without one. */
function idOfKey(caller: string, key: string | string[] = ''): string {
  return key.length === 0 ? '' : uuid5(JSON.stringify([caller, key.toString()]), KEYS)
}

/** What goes on the log, which says of variables and of a dry run only where there are any. */
function commandOf(wish: Omit<RunCommand, 'schema' | 'kind'>, variables: Variables, check: boolean): RunCommand {
  const has = Object.keys(variables).length > 0
  return {
    schema: wish.secrets !== undefined ? 3 : has || check ? 2 : 1,
    kind: 'run',
    ...wish,
    ...(has ? { variables } : {}),
    ...(check ? { check } : {}),
  }
}

/** Puts a wish on the log, and gives the id of its run. */
async function record(log: EventLog, command: RunCommand): Promise<string> {
  await log.append([{ stream: 'commands', key: command.id, value: command }])
  return command.id
}

/** The wish, when its run may be shared. Throws a Problem when it may not: a secret and what a selection means are of one wish alone. */
function shareable({ secrets, selection, ...wish }: RunCommand): SharedWish {
  const alone = { secrets: secrets !== undefined, 'a selection': selection !== undefined }
  const [what] = Object.entries(alone).flatMap(([name, is]) => (is ? [name] : []))
  if (what === undefined) return wish
  throw new Problem(400, 'bad_request', `a wish with ${what} shares its run with no other`, {
    hint: 'leave out share, or name hosts and nothing that is of this wish alone; nothing was started',
  })
}

/** Throws a Problem that names variables, and no value. */
function refuseVariables(variables: Variables, secrets: Secrets): void {
  const fault = variablesFault(variables) || secretsFault(secrets, variables)
  if (fault === '') return
  throw new Problem(422, 'bad_variables', fault, {
    hint: 'nothing was started; what every run of a template needs is better kept in the template or a profile, a secret in a credential, and one of a single run among its secrets',
  })
}
