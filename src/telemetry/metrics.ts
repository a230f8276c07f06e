import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { createReadMetrics, type ReadMetrics } from './read-metrics.ts'

/** What virtbridge measures of itself. Labels are clusters, facts and outcomes: bounded, and no VM or guest among them. */
export interface Metrics extends ReadMetrics {
  readonly registry: Registry
  readonly events: Counter<'stream' | 'fact'>
  readonly vms: Gauge<'cluster'>
  readonly clusterStatus: Gauge<'cluster' | 'status'>
  readonly audits: Counter<'cluster'>
  readonly auditCorrections: Counter<'cluster'>
  readonly runs: Counter<'verb' | 'outcome'>
  readonly configReloads: Counter<'outcome'>
  readonly configValid: Gauge
  readonly expressionFailures: Counter<'expression'>
  readonly requests: Histogram<'route' | 'method' | 'status'>
  readonly logWritable: Gauge
  readonly logReadable: Gauge
  readonly logLosses: Gauge
  readonly brakeHeld: Gauge
  readonly alarms: Counter
  readonly deadLetters: Counter<'stream' | 'cause'>
  readonly consumerGaps: Counter<'token' | 'stream'>
}

/** All metrics of a process in a registry of their own, with those of Node beside them. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    registry,
    events: new Counter({
      name: 'virtbridge_events_total',
      help: 'Events in the log since the start',
      labelNames: ['stream', 'fact'],
      registers,
    }),
    vms: new Gauge({ name: 'virtbridge_vms', help: 'VMs known', labelNames: ['cluster'], registers }),
    clusterStatus: new Gauge({
      name: 'virtbridge_cluster_status',
      help: '1 for the status a cluster has',
      labelNames: ['cluster', 'status'],
      registers,
    }),
    audits: new Counter({
      name: 'virtbridge_audits_total',
      help: 'Second lists that were held against what the watches said',
      labelNames: ['cluster'],
      registers,
    }),
    auditCorrections: new Counter({
      name: 'virtbridge_audit_corrections_total',
      help: 'VMs that an audit found to be other than was known; must stay 0',
      labelNames: ['cluster'],
      registers,
    }),
    runs: new Counter({
      name: 'virtbridge_runs_finished_total',
      help: 'Runs finished since the start',
      labelNames: ['verb', 'outcome'],
      registers,
    }),
    ...configMetrics(registers),
    requests: new Histogram({
      name: 'virtbridge_http_request_seconds',
      help: 'Time to answer',
      labelNames: ['route', 'method', 'status'],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2],
      registers,
    }),
    ...createReadMetrics(registers),
    logWritable: new Gauge({ name: 'virtbridge_log_writable', help: '1 when the log accepts writes', registers }),
    logReadable: new Gauge({ name: 'virtbridge_log_readable', help: '1 when what is written is read', registers }),
    logLosses: new Gauge({
      name: 'virtbridge_log_losses',
      help: 'Streams that lost records, which nobody has confirmed',
      registers,
    }),
    brakeHeld: new Gauge({
      name: 'virtbridge_brake_held',
      help: '1 while what starts by itself is held until a person releases the brake',
      registers,
    }),
    alarms: new Counter({
      name: 'virtbridge_alarms_total',
      help: 'Times since the start that dispatch met what a person must look at: the log says each',
      registers,
    }),
    deadLetters: new Counter({
      name: 'virtbridge_dead_letters_total',
      help: 'Records since the start that could not be stored',
      labelNames: ['stream', 'cause'],
      registers,
    }),
    consumerGaps: new Counter({
      name: 'virtbridge_consumer_gaps_total',
      help: 'Times since the start that events were past their retention before a named consumer had acknowledged them',
      labelNames: ['token', 'stream'],
      registers,
    }),
  }
}

function configMetrics(registers: Registry[]): Pick<Metrics, 'configReloads' | 'configValid' | 'expressionFailures'> {
  return {
    configReloads: new Counter({
      name: 'virtbridge_config_reloads_total',
      help: 'Times that the configuration was read again, by what became of it',
      labelNames: ['outcome'],
      registers,
    }),
    configValid: new Gauge({
      name: 'virtbridge_config_valid',
      help: '1 when the configuration that stands in its file is the one that counts, 0 while it has a fault',
      registers,
    }),
    expressionFailures: new Counter({
      name: 'virtbridge_inventory_expression_failures_total',
      help: 'Times that an expression of a view failed for a VM, which is then in none of its groups',
      labelNames: ['expression'],
      registers,
    }),
  }
}
