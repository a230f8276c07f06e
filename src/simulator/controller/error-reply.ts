import type { Reply } from './route.ts'

const NO_CREDENTIALS = 'Authentication credentials were not provided. To establish a login session, visit /api/login/.'

export const GATEWAY_TITLES = {
  502: '502 Bad Gateway',
  503: '503 Service Temporarily Unavailable',
  504: '504 Gateway Time-out',
} as const

/** An error page: what a web server or gateway answers in the API's place. */
export function htmlReply(status: number, title: string): Reply {
  const body = `<html>\n<head><title>${title}</title></head>\n<body>\n<center><h1>${title}</h1></center>\n</body>\n</html>\n`
  return { status, body, headers: { 'Content-Type': 'text/html' } }
}

/** The same for a missing, an unknown and an expired token. */
export function unauthorized(): Reply {
  return {
    status: 401,
    body: { detail: NO_CREDENTIALS },
    headers: { 'WWW-Authenticate': 'Bearer realm=api authorization_url=/api/o/authorize/' },
  }
}
