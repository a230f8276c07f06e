import type { VmRecord } from '../vm/index.ts'

/** How virtctl finds the cluster, where jobs run. */
export interface Virtctl {
  /** Empty: the one that it finds. */
  readonly kubeconfig: string
  /** With `{cluster}` for the name of the cluster; empty: the current one. */
  readonly context: string
}

/** Names as Kubernetes has them (RFC 1123), and words without a meaning to a shell, to ssh (`%`) or to an option parser. */
const VM = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/
const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const CONTEXT = /^[A-Za-z0-9_.@:-]{1,263}$/
const FILE = /^\/[A-Za-z0-9_./-]{1,250}$/

/**
 * The arguments of ssh that reach a VM through the API server of its cluster: `virtctl port-forward --stdio`. A shell runs what stands
 * in it, so it is made of nothing but names that were looked at; null when one of them is not what it should be.
 */
export function proxyArguments(record: VmRecord, port: number, { kubeconfig, context }: Virtctl): string | null {
  const named = context.replaceAll('{cluster}', record.cluster)
  if (!VM.test(record.name) || !NAMESPACE.test(record.namespace)) return null
  if ((named !== '' && !CONTEXT.test(named)) || (kubeconfig !== '' && !FILE.test(kubeconfig))) return null
  const words = [
    'virtctl port-forward --stdio=true',
    ...(kubeconfig === '' ? [] : [`--kubeconfig=${kubeconfig}`]),
    ...(named === '' ? [] : [`--context=${named}`]),
    `vm/${record.name}/${record.namespace} ${port}`,
  ]
  return `-o ProxyCommand="${words.join(' ')}"`
}
