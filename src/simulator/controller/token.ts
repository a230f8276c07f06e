import { randomBytes } from 'node:crypto'
import { createToken } from './auth.ts'
import { numberColumn, textColumn, timeColumn } from './filter.ts'
import { listReply } from './page.ts'
import { created, forbidden, isoTime, Refusal } from './route.ts'
import { userSummary } from './summary-fields.ts'
import type { Columns } from './filter.ts'
import type { Token } from './records.ts'
import type { Call, Reply, Route } from './route.ts'

const ALLOW = 'GET, POST, HEAD, OPTIONS'

export const tokenRoutes: readonly Route[] = [
  { path: 'tokens/', allow: ALLOW, get: call => listTokens(call, visible(call)), post: postToken },
  { path: 'users/:id/tokens/', allow: ALLOW, get: getTokensOfUser },
  { path: 'users/:id/personal_tokens/', allow: ALLOW, get: getTokensOfUser },
]

/** Everybody sees their own tokens; a superuser sees all. */
function visible({ store, user }: Call): Token[] {
  return store.tokens.filter(token => user.is_superuser || token.user === user.id)
}

function getTokensOfUser(call: Call): Reply {
  const id = Number(call.params['id'])
  if (id !== call.user.id && !call.user.is_superuser) throw forbidden()
  return listTokens(
    call,
    call.store.tokens.filter(token => token.user === id),
  )
}

function listTokens(call: Call, rows: Token[]): Reply {
  return listReply(call, {
    model: 'OAuth2AccessToken',
    rows,
    columns: tokenColumns(call),
    render: token => renderToken(call, token),
  })
}

function tokenColumns({ store }: Call): Columns<Token> {
  return {
    id: numberColumn(token => token.id),
    user: numberColumn(token => token.user),
    user__username: textColumn(token => store.users.get(token.user)?.username),
    description: textColumn(token => token.description),
    scope: textColumn(token => token.scope),
    created: timeColumn(token => token.created),
    expires: timeColumn(token => token.expires),
  }
}

/** The value is shown once, in the answer to the POST that made it. */
function postToken(call: Call): Reply {
  const { store, user, now, body, base } = call
  const scope = body['scope'] ?? 'write'
  if (scope !== 'read' && scope !== 'write') {
    throw new Refusal(400, {
      scope: ["Must be a simple space-separated string with allowed scopes ['read', 'write']."],
    })
  }
  const description = typeof body['description'] === 'string' ? body['description'] : ''
  const token = createToken(store, user, { value: randomBytes(15).toString('hex'), scope, description }, now)
  return created(`${base}tokens/${token.id}/`, { ...renderToken(call, token), token: token.value })
}

function renderToken({ base, store }: Call, token: Token): { [key: string]: unknown } {
  const url = `${base}tokens/${token.id}/`
  return {
    id: token.id,
    type: 'o_auth2_access_token',
    url,
    related: { user: `${base}users/${token.user}/`, activity_stream: `${url}activity_stream/` },
    summary_fields: { user: userSummary(store, token.user) },
    created: isoTime(token.created),
    modified: isoTime(token.created),
    description: token.description,
    user: token.user,
    token: '************',
    refresh_token: null,
    application: null,
    expires: isoTime(token.expires),
    scope: token.scope,
  }
}
