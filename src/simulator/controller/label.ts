import { mayUseLabels } from './access.ts'
import { numberColumn, textColumn } from './filter.ts'
import { namedUrl } from './named-url.ts'
import { listReply } from './page.ts'
import { shown } from './python-json.ts'
import { created, forbidden, isoTime, Refusal } from './route.ts'
import { nextId } from './store.ts'
import { organizationSummary, userSummary } from './summary-fields.ts'
import type { Label } from './records.ts'
import type { Call, Reply, Route } from './route.ts'

export const labelRoutes: readonly Route[] = [
  { path: 'labels/', allow: 'GET, POST, HEAD, OPTIONS', get: getLabels, post: postLabel },
]

const MAX_NAME = 512

function getLabels(call: Call): Reply {
  const { store } = call
  return listReply<Label>(call, {
    model: 'Label',
    rows: store.labels.filter(label => mayUseLabels(call.user, label.organization)),
    columns: {
      id: numberColumn(row => row.id),
      name: textColumn(row => row.name),
      organization: numberColumn(row => row.organization),
      organization__name: textColumn(row => store.organizations.get(row.organization)?.name),
    },
    render: row => renderLabel(call, row),
  })
}

function postLabel(call: Call): Reply {
  const { store, body, user, now, base } = call
  const { name, organization } = body
  const faults: { [field: string]: string[] } = {}
  if (typeof name !== 'string' || name === '') faults['name'] = ['This field is required.']
  else if (name.length > MAX_NAME) faults['name'] = [`Ensure this field has no more than ${MAX_NAME} characters.`]
  const owner = typeof organization === 'number' ? store.organizations.get(organization) : undefined
  if (organization === undefined) faults['organization'] = ['This field is required.']
  else if (owner === undefined)
    faults['organization'] = [`Invalid pk "${shown(organization)}" - object does not exist.`]
  if (owner === undefined || typeof name !== 'string' || Object.keys(faults).length > 0) throw new Refusal(400, faults)
  if (!mayUseLabels(user, owner.id)) throw forbidden()
  if (store.labels.find(label => label.name === name && label.organization === owner.id) !== undefined) {
    throw new Refusal(400, { __all__: ['Label with this Name and Organization already exists.'] })
  }
  const label = store.labels.add({
    id: nextId(store, 'label'),
    name,
    organization: owner.id,
    created: now,
    created_by: user.id,
  })
  return created(`${base}labels/${label.id}/`, renderLabel(call, label))
}

function renderLabel({ base, store }: Call, label: Label): unknown {
  return {
    id: label.id,
    type: 'label',
    url: `${base}labels/${label.id}/`,
    related: {
      named_url: `${base}labels/${namedUrl(label.name, store.organizations.must(label.organization).name)}/`,
      created_by: `${base}users/${label.created_by}/`,
      modified_by: `${base}users/${label.created_by}/`,
      organization: `${base}organizations/${label.organization}/`,
    },
    summary_fields: {
      organization: organizationSummary(store, label.organization),
      created_by: userSummary(store, label.created_by),
      modified_by: userSummary(store, label.created_by),
    },
    created: isoTime(label.created),
    modified: isoTime(label.created),
    name: label.name,
    organization: label.organization,
  }
}
