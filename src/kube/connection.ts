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

/** What a connection is made of, as it is now. */
export interface Way {
  readonly url: string
  readonly tls: Tls
  readonly token: string
}

/** A connection whose parts may become others at any time: `load` gives them, `fresh` when what it gave was of no use. */
export function following(load: (fresh: boolean) => Promise<Way>): Connection {
  let url = ''
  let tls: Tls = {}
  return {
    get url() {
      return url
    },
    get tls() {
      return tls
    },
    async authorize(fresh) {
      const way = await load(fresh)
      url = way.url.replace(/\/$/, '')
      if (JSON.stringify(way.tls) !== JSON.stringify(tls)) tls = way.tls
      return { authorization: `Bearer ${way.token.trim()}` }
    },
  }
}
