import { page } from './page.ts'
import { isoTime, ok, relatedOf } from './route.ts'
import type { User } from './records.ts'
import type { Call, Reply, Route } from './route.ts'

export const userRoutes: readonly Route[] = [{ path: 'me/', allow: 'GET, HEAD, OPTIONS', get: getMe }]

/** A page of one: the caller. It says nothing of the token's life; see token.ts. */
function getMe(call: Call): Reply {
  return ok(page({ ...call, query: new URLSearchParams() }, [call.user], user => renderUser(call, user)))
}

function renderUser({ base }: Call, user: User): unknown {
  const url = `${base}users/${user.id}/`
  return {
    id: user.id,
    type: 'user',
    url,
    related: relatedOf(url, [
      'teams',
      'organizations',
      'admin_of_organizations',
      'projects',
      'credentials',
      'roles',
      'activity_stream',
      'access_list',
      'tokens',
      'authorized_tokens',
      'personal_tokens',
    ]),
    summary_fields: {
      resource: {
        ansible_id: `00000000-0000-4000-8000-${String(user.id).padStart(12, '0')}`,
        resource_type: 'shared.user',
      },
      user_capabilities: { edit: true, delete: false },
    },
    created: isoTime(user.created),
    modified: null,
    username: user.username,
    first_name: '',
    last_name: '',
    email: '',
    is_superuser: user.is_superuser,
    is_system_auditor: false,
    password: '$encrypted$',
    last_login: null,
  }
}
