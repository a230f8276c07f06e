/** How to reach one API server: where, with which TLS, and as whom. */
export interface Connection {
  /** Where it is, as known since `authorize` was last asked; empty when that was never. */
  readonly url: string
  /** As known since then, too: another object when it became another, as certificates are rotated. */
  readonly tls: Tls
  /** The headers that say who asks; `fresh` reads all of the connection again where it comes from (a rotated token, another CA). */
  authorize(fresh: boolean): Promise<Record<string, string>>
}

/** Whom to trust and what to show, in PEM. */
export interface Tls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
  readonly rejectUnauthorized?: boolean
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
