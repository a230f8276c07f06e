/** One context of a kubeconfig: where, whom to trust (PEM), as whom. */
export interface KubeconfigEntry {
  readonly context: string
  readonly url: string
  readonly ca?: string
  readonly token?: string
}

/** A kubeconfig as an object, with everything inline; the first context is the current one. Print it with `yaml` or as JSON. */
export function kubeconfigOf(entries: readonly KubeconfigEntry[]): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': entries[0]?.context ?? '',
    contexts: entries.map(({ context }) => ({ name: context, context: { cluster: context, user: context } })),
    clusters: entries.map(({ context, url, ca }) => ({
      name: context,
      cluster: {
        server: url,
        ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
      },
    })),
    users: entries.map(({ context, token }) => ({ name: context, user: token === undefined ? {} : { token } })),
  }
}
