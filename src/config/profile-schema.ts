import { matching } from './match-schema.ts'
import { name, part, type Schema } from './schema-part.ts'

/** A host group of day 2. */
export function profile(): Schema {
  const properties = {
    name: name('Its name: of the group profile_NAME, with _ for each dash, and of day2_profile.'),
    parent: {
      type: 'string',
      default: '',
      maxLength: 63,
      description: 'The profile that it is below: only VMs of that can be of this.',
    },
    ...matching(),
    variables: {
      type: 'object',
      description:
        'Variables of its hosts, and of those of the profiles below it, where these do not say otherwise. As values: texts, numbers, true and false, lists and mappings of them. No secrets: every reader of the inventory sees them.',
      default: {},
      maxProperties: 100,
      propertyNames: { pattern: '^[a-z][a-z0-9_]{0,62}$' },
      additionalProperties: true,
    },
  }
  return part('One profile.', properties, ['name'])
}
