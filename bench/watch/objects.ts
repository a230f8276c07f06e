/** Objects of about 10 KB, as an API server sends them: most of it is what nobody keeps. */

const FILLER = Array.from({ length: 60 }, (_, n) => ({
  manager: 'virt-controller',
  operation: 'Update',
  time: '2026-01-01T00:00:00Z',
  fieldsV1: { [`f:status-${n}`]: { 'f:conditions': {}, 'f:created': {}, 'f:printableStatus': {}, 'f:ready': {} } },
}))

/** The nth VM, or its VMI. */
function objectOf(plural: string, n: number, version: number, turn: string): object {
  const metadata = {
    name: `vm-${n}`,
    namespace: `ns-${n % 50}`,
    uid: `${plural}-${n}`,
    resourceVersion: String(version),
    creationTimestamp: '2026-01-01T00:00:00Z',
    managedFields: FILLER,
  }
  if (plural === 'virtualmachines') {
    return {
      metadata: { ...metadata, labels: { app: `app-${n % 20}`, turn } },
      spec: {
        runStrategy: 'Always',
        template: { spec: { domain: { devices: {} }, networks: [{ name: 'default', pod: {} }] } },
      },
      status: { printableStatus: 'Running', created: true, ready: true },
    }
  }
  return {
    metadata: {
      ...metadata,
      ownerReferences: [{ kind: 'VirtualMachine', uid: `virtualmachines-${n}`, controller: true }],
    },
    spec: { domain: { firmware: { uuid: `firmware-${n}` } }, networks: [{ name: 'default', pod: {} }] },
    status: {
      phase: 'Running',
      nodeName: `node-${n % 30}`,
      conditions: [
        { type: 'AgentConnected', status: 'True' },
        { type: 'Ready', status: 'True' },
      ],
      guestOSInfo: { id: 'rhel', name: 'Red Hat Enterprise Linux', versionId: '9.4' },
      interfaces: [
        {
          name: 'default',
          interfaceName: 'eth0',
          ipAddress: `10.1.${n % 250}.${(n >> 8) % 250}`,
          infoSource: 'domain, guest-agent',
        },
      ],
    },
  }
}

/** One line of a watch. */
export function lineOf(type: string, plural: string, n: number, version: number, turn: string): string {
  return `${JSON.stringify({ type, object: objectOf(plural, n, version, turn) })}\n`
}

/** Items of a list, without their brackets. */
export function listOf(plural: string, from: number, to: number): string {
  return Array.from({ length: to - from }, (_, n) =>
    JSON.stringify(objectOf(plural, from + n, from + n + 1, 'old')),
  ).join(',')
}
