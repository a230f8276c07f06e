import { MAX_HOSTS } from '../aap/index.ts'

const TEXT = { type: 'string', maxLength: 512 }
const COUNT = { type: 'integer', minimum: 0 }
const change = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'from', 'to'],
  properties: { name: TEXT, from: { ...TEXT, description: 'Empty: it was not there' }, to: TEXT },
}

/**
 * What a play tells virtbridge, as `set_stats` gives it to who reads the `artifacts` of its job (JSON Schema draft-07). Published as
 * `schemas/result-v1.json`, by `node build/schemas.ts`. Fields may be added to it, none renamed.
 */
export const RESULT_SCHEMA = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'https://virtbridge.io/schemas/result-v1.json',
  title: 'What a play tells virtbridge',
  type: 'object',
  required: ['virtbridge'],
  properties: {
    virtbridge: {
      type: 'object',
      description: 'By host name. A host that is not in it did not get that far.',
      maxProperties: MAX_HOSTS,
      additionalProperties: { $ref: '#/definitions/result' },
    },
  },
  definitions: {
    result: {
      type: 'object',
      description:
        'The first five are always there; what else there is depends on the verb, and a site may have fields of its own.',
      required: ['verb', 'outcome', 'run_id', 'check', 'message'],
      maxProperties: 64,
      propertyNames: { pattern: '^[a-z][a-z0-9_]{0,62}$' },
      properties: {
        verb: { type: 'string', pattern: '^[a-z][a-z0-9_]{0,62}$' },
        outcome: { type: 'string', enum: ['ok', 'failed'], description: 'How the play ended on the host' },
        run_id: { type: 'string', maxLength: 64, description: 'Of the run that asked for it; empty without one' },
        check: { type: 'boolean', description: 'It only looked' },
        message: { type: 'string', maxLength: 500, description: 'One sentence for a person' },
        changed: {
          type: 'boolean',
          description: 'Also of a play that failed: false, it left the guest as it was; left out, that is not known',
        },
        changed_roles: {
          type: 'array',
          maxItems: 64,
          items: TEXT,
          description: 'configure, onboard: the roles that changed something, or would in check mode',
        },
        packages: {
          type: 'array',
          maxItems: 500,
          items: change,
          description: 'patch: what was updated, or would be in check mode',
        },
        finished: {
          type: 'array',
          maxItems: 500,
          items: TEXT,
          description:
            'Packages whose installation an earlier run was cut off in, and that this one finished, or would in check mode',
        },
        packages_count: { ...COUNT, description: 'patch: how many, also when not all are listed' },
        reboot: { ...TEXT, description: 'patch, reboot, facts_report: not_needed, needed, done or unknown' },
        free_mb: { type: 'integer', description: 'precheck: on the fullest file system that matters' },
        updates: { type: 'array', maxItems: 500, items: TEXT, description: 'precheck: what is there to be updated' },
        updates_count: COUNT,
        problems: { type: 'array', maxItems: 50, items: TEXT, description: 'verify: what is not well' },
        snapshot: { ...TEXT, description: 'snapshot: its name' },
      },
    },
  },
} as const
