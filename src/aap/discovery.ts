import type { Session } from './session.ts'

/** Where a controller's API lives and what it says it is. */
export interface Discovery {
  /** Ends with a slash: `/api/v2/` (AWX, AAP up to 2.4), `/api/controller/v2/` (behind the gateway of 2.5 and later). */
  readonly base: string
  /** The gateway's API, `/api/gateway/v1/`; empty where there is none. Tokens live there. */
  readonly gateway: string
  /** Of the controller, `24.6.2`; empty when it does not say. */
  readonly version: string
}

/** Follows `/api/` to the controller's base path. A controller answers all this to anybody: it says nothing about the token. */
export async function discover(session: Session): Promise<Discovery> {
  const root = await session.get('/api/')
  if (!root.has('apis'))
    return {
      base: root.string('current_version'),
      gateway: '',
      version: await version(session, root.string('current_version')),
    }
  const apis = root.answer('apis')
  const base = (await session.get(apis.string('controller'))).string('current_version')
  // The gateway lists itself, but no version of its own: v1 is the only one there is.
  return {
    base,
    gateway: apis.has('gateway') ? `${apis.string('gateway')}v1/` : '',
    version: await version(session, base),
  }
}

async function version(session: Session, base: string): Promise<string> {
  const ping = await session.get(`${base}ping/`)
  return ping.has('version') ? ping.string('version') : ''
}
