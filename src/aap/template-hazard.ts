import { type Hazard, stop, warn } from './hazard.ts'
import type { Inventory } from './inventory.ts'
import type { Template } from './template.ts'

/** The limit that a template should have by default: it names no host, so a launch whose limit was lost runs nowhere. */
export const NO_DEFAULT_LIMIT = 'virtbridge-no-default-limit'

/**
 * Why a launch of this template on hosts of this inventory could do something else than asked. `variables`: the names of the
 * extra_vars that the launch will carry in clear; `secrets`: of those that nobody may read. `check`: it is to be a dry run.
 *
 * code                | severity | because
 * no_ask_limit        | stop     | the limit is dropped and the job runs on the whole inventory, with 201
 * no_ask_variables    | stop     | run id and expected count are dropped, and with them the playbook's own check
 * no_ask_skip_tags    | stop     | the marker is dropped, and a lost answer could never be settled
 * no_ask_job_type     | stop     | a dry run: the job type is dropped, and the job changes what it should only look at
 * default_limit       | stop     | a launch whose limit is lost all the same would run on what the default names
 * sliced              | stop     | the launch starts a workflow of several jobs
 * other_inventory     | stop     | the names of the limit are looked up in an inventory that is not ours
 * survey              | stop     | a required variable is not given: 400
 * no_password_question | stop    | a secret: every reader of the job would see it
 * password_question   | stop     | what is to be secret was given in clear, and the controller masks what it got: no echo to compare
 * passwords           | stop     | a credential asks for its password at launch: 400
 * not_permitted       | stop     | 403
 * no_project          | stop     | 400: it has none, or the last update of it failed
 * other_host          | stop     | a variable of the template's own sends the tasks of all hosts to one machine
 * no_playbooks        | warn     | nothing of its project is there yet: jobs fail
 * own_variables       | warn     | variables of the template's own count before what the inventory says of each host
 * check_mode          | stop     | in earnest: jobs only look and report success, so it would count as done
 * only_tags           | warn     | jobs run some tasks only, and report success: the guard may not be among them
 * waits_for_itself    | warn     | jobs of this template run one after the other, 20 s apart
 * no_timeout          | warn     | a job that hangs holds its hosts for ever
 */
export function launchHazards(
  template: Template,
  inventory: Pick<Inventory, 'id' | 'name'>,
  variables: readonly string[],
  check = false,
  secrets: readonly string[] = [],
): Hazard[] {
  const found = [
    ...promptHazards(template),
    ...inputHazards(template, [...variables, ...secrets]),
    ...secretHazards(template, variables, secrets),
    ...(check ? [] : lookingHazards(template)),
    ...habitHazards(template),
    ...ownHazards(template),
  ]
  if (check && !template.asks.jobType && template.jobType !== 'check')
    found.push(
      stop(
        'no_ask_job_type',
        'it does not prompt for the job type: a dry run would be one in earnest',
        'switch on "Prompt on launch" for Job type',
      ),
    )
  if (template.inventory?.id === inventory.id || template.asks.inventory) return found
  const its = template.inventory === null ? 'has no inventory' : `runs on inventory "${template.inventory.name}"`
  return [
    ...found,
    stop('other_inventory', `it ${its}, not on "${inventory.name}"`, `set its inventory to "${inventory.name}"`),
  ]
}

function promptHazards({ asks, limit, jobSliceCount }: Template): Hazard[] {
  const found: Hazard[] = []
  if (!asks.limit)
    found.push(
      stop(
        'no_ask_limit',
        'it does not prompt for a limit: the limit is dropped and the job runs on every host',
        'switch on "Prompt on launch" for Limit',
      ),
    )
  if (!asks.variables)
    found.push(
      stop(
        'no_ask_variables',
        'it does not prompt for variables: run id and expected host count are dropped',
        'switch on "Prompt on launch" for Variables',
      ),
    )
  if (!asks.skipTags)
    found.push(
      stop(
        'no_ask_skip_tags',
        'it does not prompt for skip tags: the marker that makes a launch findable is dropped',
        'switch on "Prompt on launch" for Skip tags',
      ),
    )
  if (limit !== NO_DEFAULT_LIMIT)
    found.push(
      stop(
        'default_limit',
        limit === ''
          ? 'its own limit is empty, which is every host'
          : `its own limit is "${limit}", which may name hosts`,
        `set its Limit to ${NO_DEFAULT_LIMIT}`,
      ),
    )
  if (jobSliceCount !== 1)
    found.push(
      stop('sliced', `it is cut into ${jobSliceCount} slices: a launch starts a workflow`, 'set Job slicing to 1'),
    )
  return found
}

function inputHazards(template: Template, variables: readonly string[]): Hazard[] {
  const found: Hazard[] = []
  const missing = template.requiredVariables.filter(name => !variables.includes(name))
  if (missing.length > 0)
    found.push(
      stop(
        'survey',
        `its survey needs ${missing.join(', ')}`,
        'give these a default, make them optional, or have the pipeline pass them',
      ),
    )
  if (template.requiredPasswords.length > 0)
    found.push(
      stop(
        'passwords',
        `a credential asks at launch for ${template.requiredPasswords.join(', ')}`,
        'store the password in the credential',
      ),
    )
  if (!template.mayStart)
    found.push(stop('not_permitted', 'this account may not launch it', 'give the service account Execute on it'))
  return found
}

function secretHazards(
  { passwordQuestions, surveyEnabled }: Template,
  variables: readonly string[],
  secrets: readonly string[],
): Hazard[] {
  const found: Hazard[] = []
  const bare = secrets.filter(name => !passwordQuestions.includes(name))
  if (bare.length > 0)
    found.push(
      stop(
        'no_password_question',
        `${surveyEnabled ? 'its survey' : 'it has no survey that'} asks for no password ${bare.join(', ')}: every reader of the job would see it`,
        'add a question of type Password with that answer variable to its survey, and enable the survey',
      ),
    )
  const told = variables.filter(name => passwordQuestions.includes(name))
  if (told.length > 0)
    found.push(
      stop(
        'password_question',
        `its survey asks for ${told.join(', ')} as a password, and it was given where everybody can read it`,
        'give it as a secret (run --secret NAME, or `secrets` by HTTP)',
      ),
    )
  return found
}

function lookingHazards({ jobType }: Template): Hazard[] {
  if (jobType === 'run') return []
  return [
    stop('check_mode', `its job type is "${jobType}": jobs change nothing and report success`, 'set Job type to Run'),
  ]
}

/** Variables that say which machine the tasks of a host are run on. */
const ADDRESSES = new Set(['ansible_host', 'ansible_ssh_host'])
/** How hosts are reached, and how a play knows that it is ours. The interpreter is a matter of the image that jobs run in. */
const GUARDED = /^(?!ansible_python_interpreter$)(ansible|virtbridge)_/

function ownHazards({ project, variables }: Template): Hazard[] {
  const found: Hazard[] = []
  if (project === '')
    found.push(stop('no_project', 'it has no project', 'give it a project, and the playbook of deploy/aap'))
  if (project === 'failed' || project === 'error')
    found.push(
      stop(
        'no_project',
        'the last update of its project failed',
        'look at the output of that update, and sync the project',
      ),
    )
  if (['missing', 'never updated', 'canceled'].includes(project))
    found.push(warn('no_playbooks', `its project is "${project}"`, 'sync the project'))
  const addresses = variables.filter(name => ADDRESSES.has(name))
  if (addresses.length > 0)
    found.push(
      stop(
        'other_host',
        `its own variables say ${addresses.join(', ')}: all its hosts are that one`,
        'clear it in its Variables',
      ),
    )
  const guarded = variables.filter(name => GUARDED.test(name) && !ADDRESSES.has(name))
  if (guarded.length > 0)
    found.push(
      warn(
        'own_variables',
        `its own variables say ${guarded.join(', ')}, for every host, before what the inventory says`,
        'clear it in its Variables: the inventory says how each guest is reached',
      ),
    )
  return found
}

function habitHazards(template: Template): Hazard[] {
  const found: Hazard[] = []
  if (template.jobTags !== '')
    found.push(
      warn('only_tags', `its jobs run only tasks tagged "${template.jobTags}", and report success`, 'clear Job tags'),
    )
  if (!template.allowSimultaneous)
    found.push(warn('waits_for_itself', 'its jobs wait for each other', 'switch on "Concurrent jobs"'))
  if (template.timeoutSeconds === 0) found.push(warn('no_timeout', 'its jobs have no time-out', 'set Timeout'))
  return found
}
