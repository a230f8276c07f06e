/** How to reach one API server: where, with which TLS, and as whom. */
export interface Connection {
  readonly url: string
  readonly tls: {
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    readonly servername?: string
    readonly rejectUnauthorized?: boolean
  }
  /** The headers that say who asks; `fresh` asks again where they come from (a rotated token). */
  authorize(fresh: boolean): Promise<Record<string, string>>
}

/** A connection by a URL and a token, as behind a cluster-proxy. */
export function withToken(options: {
  url: string
  ca: string
  token: (fresh: boolean) => Promise<string>
}): Connection {
  return {
    url: options.url.replace(/\/$/, ''),
    tls: options.ca === '' ? {} : { ca: options.ca },
    authorize: async fresh => ({ authorization: `Bearer ${(await options.token(fresh)).trim()}` }),
  }
}
