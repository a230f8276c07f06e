import { choice, list, object, optionalText, part, type Schema } from './schema-part.ts'

/** What a verb may be called: what plays, their tags and variables are called too. src/day2/run.ts has the same for what is stored. */
export const VERB_NAME = '^[a-z][a-z0-9_]{0,62}$'
/** Steps of one verb. */
export const MAX_STEPS = 10
/** Verbs of one configuration. */
export const MAX_VERBS = 100

/** Verbs whose work is done on the cluster or on another server: neither which system the guest has nor whether it runs is anything to them. */
export const BESIDE_THE_GUEST: ReadonlySet<string> = new Set([
  'snapshot',
  'restore',
  'repave',
  'offboard',
  'ipam',
  'dns',
  'cmdb',
  'export_disk',
])

/** The job template of a verb when none is named: `identity_join` is done by `Day2 | Identity Join`. */
export function templateOf(verb: string): string {
  const words = verb.split('_').map(word => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`)
  return `Day2 | ${words.join(' ')}`
}

/** The systems that a verb is for when none is named. */
export function systemsOf(verb: string): ('linux' | 'windows')[] {
  return BESIDE_THE_GUEST.has(verb) ? ['linux', 'windows'] : ['linux']
}

/** What the work of a verb needs when nothing is said. */
export function needsOf(verb: string): 'guest' | 'vm' {
  return BESIDE_THE_GUEST.has(verb) ? 'vm' : 'guest'
}

/** What can be done to a VM: two verbs that are always there, and any other that is named. */
export function verbs(): Schema {
  const { onboard, patch } = {
    onboard: known('onboard', 'Once for each new VM, when it is reachable.'),
    patch: known('patch', 'When a person asks for it.'),
  }
  const meaning =
    'What can be done to a VM, by which job template, and by whom. A verb beside these two is there when it is named: reboot: {}.'
  return {
    ...object(meaning, { onboard, patch }),
    maxProperties: MAX_VERBS,
    propertyNames: { pattern: VERB_NAME },
    additionalProperties: other(),
  }
}

function known(name: string, description: string): Schema {
  return object(description, {
    template: template(`Its job template; ${templateOf(name)} when it is left out.`),
    ...common(),
    os: { ...systems('The operating systems it may run on.'), default: systemsOf(name) },
  })
}

function other(): Schema {
  const its = template('Its job template; Day2 | Reboot of reboot, Day2 | Ssh Keys of ssh_keys when it is left out.')
  const os = systems(
    'The operating systems it may run on; linux when it is left out, any of a verb whose work is not done in the guest.',
  )
  const needs = {
    type: 'string',
    enum: ['guest', 'vm'],
    description:
      'What its work needs. guest: the guest runs and answers. vm: the VM is there, stopped or broken as it may be, as its play never connects to it; such a verb runs on controller.beside_inventory, when there is one. When it is left out: vm of snapshot, restore, repave, offboard, ipam, dns, cmdb and export_disk, guest of any other.',
  }
  return part('When a person asks for it.', { template: its, ...common(), os, needs }, [])
}

function template(description: string): Schema {
  return { type: 'string', minLength: 1, description }
}

/** A verb that is more than one job. */
function steps(): Schema {
  const name = {
    type: 'string',
    pattern: VERB_NAME,
    description: 'What it is called in runs, results and events; once in a verb.',
  }
  const items = part('One step.', { name, template: template('Its job template.') }, ['name', 'template'])
  return {
    type: 'array',
    description:
      'Instead of template: what is done, in this order, each step by a job of its own. A host on which a step did not end ok goes no further.',
    minItems: 1,
    maxItems: MAX_STEPS,
    items,
  }
}

function common(): Schema {
  return {
    steps: steps(),
    organization: optionalText('The organization of that template, where it is not controller.organization.'),
    driver: choice(
      ['bridge', 'eda', 'off'],
      'bridge',
      'Who launches it: virtbridge, a rulebook (virtbridge watches and records), or nobody.',
    ),
    also: list('Other job templates that do it: what others launch from them counts as it.', 50, {
      type: 'string',
      minLength: 1,
    }),
  }
}

function systems(description: string): Schema {
  return {
    type: 'array',
    description,
    uniqueItems: true,
    items: { type: 'string', enum: ['linux', 'windows'] },
  }
}
