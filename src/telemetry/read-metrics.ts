import { Counter, type Registry } from 'prom-client'

/** What is counted of those who ask the API: the labels are names of tokens and routes, bounded by the configuration and the code. */
export interface ReadMetrics {
  readonly reads: Counter<'token' | 'route' | 'status'>
  readonly readBytes: Counter<'token'>
}

/** Those metrics, on the registers that are given. */
export function createReadMetrics(registers: Registry[]): ReadMetrics {
  return {
    reads: new Counter({
      name: 'virtbridge_http_audited_total',
      help: 'Requests that were made with a token, by its name; without a valid one the name is empty',
      labelNames: ['token', 'route', 'status'],
      registers,
    }),
    readBytes: new Counter({
      name: 'virtbridge_http_audited_bytes_total',
      help: 'Bytes that were answered to each token, as they were sent',
      labelNames: ['token'],
      registers,
    }),
  }
}
