import type { Draft } from '../kube/object.ts'
import { macOf } from './guest.ts'
import type { MachineSpec, Vm } from './objects.ts'

/** Holds a VM until its VMI is gone. */
export const VM_FINALIZER = 'kubevirt.io/virtualMachineControllerFinalize'
/** Holds a VMI until its guest is down. */
export const VMI_FINALIZER = 'kubevirt.io/foregroundDeleteVirtualMachine'

/** What instance types give, which the template of such a VM leaves out. */
const INSTANCETYPES: Readonly<Record<string, { sockets: number; guest: string }>> = {
  'u1.small': { sockets: 1, guest: '2Gi' },
  'u1.medium': { sockets: 1, guest: '4Gi' },
  'u1.large': { sockets: 2, guest: '8Gi' },
  'u1.xlarge': { sockets: 4, guest: '16Gi' },
}

/**
 * The VMI that boots a VM: same name, owned by it, labelled like its template and not like itself, with the size of its
 * instance type filled in.
 */
export function bootOf(vm: Vm): Draft {
  const { metadata, spec } = vm.spec.template
  return {
    metadata: {
      name: vm.metadata.name,
      namespace: vm.metadata.namespace ?? '',
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      annotations: {
        ...metadata?.annotations,
        'kubevirt.io/latest-observed-api-version': 'v1',
        'kubevirt.io/storage-observed-api-version': 'v1',
        'kubevirt.io/vm-generation': String(vm.metadata.generation ?? 1),
      },
      finalizers: [VMI_FINALIZER],
      ownerReferences: [
        {
          apiVersion: vm.apiVersion,
          kind: vm.kind,
          name: vm.metadata.name,
          uid: vm.metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: expanded(vm, spec),
  }
}

function expanded(vm: Vm, spec: MachineSpec): MachineSpec {
  const { domain } = spec
  const size = INSTANCETYPES[vm.spec.instancetype?.name ?? '']
  const interfaces = domain.devices.interfaces ?? [{ name: 'default', masquerade: {} }]
  return {
    ...spec,
    networks: spec.networks ?? [{ name: 'default', pod: {} }],
    domain: {
      ...domain,
      ...(size === undefined
        ? {}
        : { cpu: { cores: 1, sockets: size.sockets, threads: 1 }, memory: { guest: size.guest } }),
      machine: { type: 'pc-q35-rhel9.6.0', ...domain.machine },
      devices: {
        ...domain.devices,
        interfaces: interfaces.map(item => ({
          ...item,
          macAddress: item.macAddress ?? macOf(vm.metadata.uid, item.name),
        })),
      },
    },
  }
}
