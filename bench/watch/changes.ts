import { setTimeout as sleep } from 'node:timers/promises'
import { createTopics } from '../../src/log/kafka/index.ts'
import { connectionTo, planOf } from '../../test/log/kafka/place.ts'
import { startKafka } from '../../test/servers/kafka.ts'
import { startKubeApiserver } from '../../test/servers/kube-apiserver.ts'
import { shippedToken } from '../../test/support/shipped-rights.ts'
import { VirtController } from '../../test/support/virt.ts'
import type { Measure } from '../bench.ts'
import { ended, read, startSubject, synced, temporary } from './processes.ts'
import type { Task } from './subject.ts'

/** Where the events of a measure become durable. */
export type Engine = 'SQLite' | 'Kafka'

const PARTITIONS = 12
const PREFIX = 'bench-watch'

/** Changes a second, and how many of them, after a minute that is not measured: a bridge runs for weeks, and V8 compiles what is often used. */
const PACE = { perSecond: 100, warm: 6_000, count: 1_500 }

/** On a real API server: 100 changes of labels a second, each until its event is acknowledged by the log; none may be lost. */
export async function* changes(engine: Engine, { perSecond, warm, count: many } = PACE): AsyncIterable<Measure> {
  await using stack = new AsyncDisposableStack()
  const folder = await temporary(stack)
  const crds = ['virtualmachines.kubevirt.io', 'virtualmachineinstances.kubevirt.io']
  const api = stack.use(await startKubeApiserver({ crds }))
  const virt = new VirtController(api.client)
  await virt.createNamespace('bench')
  const vms = await Promise.all(Array.from({ length: 20 }, (_, n) => virt.createVm('bench', `vm-${n}`)))
  const subject = await startSubject(stack, {
    folder,
    url: api.url,
    ca: api.ca,
    token: await shippedToken(api),
    clusters: 1,
    resources: ['vm', 'vmi'],
    ...(engine === 'Kafka' ? { kafka: await broker(stack) } : {}),
  })
  await synced(subject)
  const sendAll = async (from: number, count: number): Promise<Map<string, number>> => {
    const sent = new Map<string, number>()
    const requests: Promise<void>[] = []
    for (let n = from; n < from + count; n += 1) {
      const vm = vms[n % vms.length]
      if (vm === undefined) continue
      sent.set(String(n), performance.timeOrigin + performance.now())
      requests.push(virt.label(vm, { turn: String(n) }))
      await sleep(1000 / perSecond)
    }
    await Promise.all(requests)
    await sleep(500)
    return sent
  }
  await sendAll(0, warm)
  const before = await read(subject)
  const sent = await sendAll(warm, many)
  const after = await read(subject)
  const times = after.acked.map(([at, turn]) => at - (sent.get(turn) ?? Number.NaN)).sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN
  const what = `a change sent to a real API server to its event acknowledged (${engine}), at ${perSecond}/s`
  yield { what: `${what}, p50`, value: at(0.5), unit: 'ms', must: { of: 'value', atMost: 8 } }
  yield { what: `${what}, p99`, value: at(0.99), unit: 'ms', must: { of: 'value', atMost: 30 } }
  yield { what: `${what}, lost`, value: sent.size - times.length, unit: 'events', must: { of: 'value', atMost: 0 } }
  const cpu = (after.cpuMs - before.cpuMs) / sent.size
  yield { what: `${what}, CPU a change`, value: cpu, unit: 'ms', must: { of: 'value', atMost: 1 } }
  await ended(subject)
}

/** One broker as it is shipped, with the topics of a bridge. */
async function broker(stack: AsyncDisposableStack): Promise<NonNullable<Task['kafka']>> {
  const { brokers } = stack.use(await startKafka({ asShipped: true }))
  await createTopics(connectionTo(brokers), planOf(PREFIX, 1, PARTITIONS))
  return { brokers, prefix: PREFIX, partitions: PARTITIONS }
}
