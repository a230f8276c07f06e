import { nextId } from './store.ts'
import type { Role, Token, User } from './records.ts'
import type { Store } from './store.ts'

/** A bearer token that the controller is started with. */
export type TokenSetting = {
  /** The user name; a user that is not described in `UserSettings` is a superuser. */
  user: string
  scope?: 'read' | 'write'
  description?: string
  /** Milliseconds since the epoch; a thousand years from now by default, as in the product. */
  expires?: number
  expired?: boolean
}

export type UserSetting = {
  superuser?: boolean
  roles?: { on: Role['on']; name: string; role: string }[]
}

const THOUSAND_YEARS_MS = 1000 * 365 * 86_400_000

/** Brings users and tokens into the store; known names and values keep their ids. */
export function seedAccess(
  store: Store,
  tokens: { readonly [value: string]: TokenSetting },
  users: { readonly [name: string]: UserSetting },
  now: number,
): void {
  const names = new Set(['admin', ...Object.keys(users), ...Object.values(tokens).map(({ user }) => user)])
  for (const name of names) seedUser(store, name, users[name] ?? { superuser: true }, now)
  for (const [value, setting] of Object.entries(tokens)) seedToken(store, value, setting, now)
}

function seedUser(store: Store, name: string, { superuser, roles = [] }: UserSetting, now: number): void {
  const known = store.users.find(user => user.username === name)
  store.users.add({
    id: known?.id ?? nextId(store, 'user'),
    username: name,
    is_superuser: superuser === true,
    roles: roles.map(({ on, name: object, role }) => ({ on, id: objectId(store, on, object), role })),
    created: known?.created ?? now,
  })
}

function seedToken(store: Store, value: string, setting: TokenSetting, now: number): void {
  const known = store.tokens.find(token => token.value === value)
  store.tokens.add({
    id: known?.id ?? nextId(store, 'token'),
    value,
    user: store.users.find(user => user.username === setting.user)?.id ?? 0,
    scope: setting.scope ?? 'write',
    description: setting.description ?? '',
    created: known?.created ?? now,
    expires: setting.expired === true ? now - 1 : (setting.expires ?? known?.expires ?? now + THOUSAND_YEARS_MS),
  })
}

function objectId(store: Store, on: Role['on'], name: string): number {
  const table = { organization: store.organizations, inventory: store.inventories, job_template: store.templates }[on]
  const row = table.all().find(each => each.name === name)
  if (row === undefined) throw new Error(`a role names the ${on} "${name}", which the controller does not have`)
  return row.id
}

/** Makes a token for a user, as `POST tokens/` does. */
export function createToken(
  store: Store,
  user: User,
  token: Pick<Token, 'value' | 'scope' | 'description'>,
  now: number,
): Token {
  return store.tokens.add({
    ...token,
    id: nextId(store, 'token'),
    user: user.id,
    created: now,
    expires: now + THOUSAND_YEARS_MS,
  })
}

export type Principal = { user: User; token: Token }

/** Who calls. Nobody when the header is missing, the token unknown or expired: the three are told apart by no caller. */
export function authenticate(store: Store, authorization: string | undefined, now: number): Principal | undefined {
  const value = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1]
  const token = value === undefined ? undefined : store.tokens.find(each => each.value === value)
  const user = store.users.get(token?.user)
  return token === undefined || user === undefined || token.expires <= now ? undefined : { user, token }
}
