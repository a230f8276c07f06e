import { plainText } from '../event/index.ts'
import type { Deed } from './deed.ts'
import { dict, type Json, list, text } from './raw.ts'

/** A Plan of the migration toolkit (forklift.konveyor.io), as far as its VMs have ended. */
export interface PlanPart {
  readonly key: string
  readonly uid: string
  readonly imports: readonly Deed[]
}

/**
 * A Plan → the imports that have ended. Never throws.
 *
 * The phase `Completed` is forced on a failure too, and a cancelled VM only gets a time: the conditions of each VM decide (Forklift
 * pkg/controller/plan/migration.go). A VM that another run of the plan begins anew has no such condition until it ends again.
 */
export function projectPlan(object: unknown): PlanPart {
  const plan = dict(object)
  const meta = dict(plan['metadata'])
  const uid = text(meta['uid'])
  const key = `${text(meta['namespace'])}/${text(meta['name'])}`
  const vms = list(dict(dict(plan['status'])['migration'])['vms']).map(dict)
  const imports = vms.map(vm => importOf(vm, { uid, key })).filter(deed => deed.outcome !== '')
  return { key, uid, imports }
}

function importOf(vm: Json, plan: { uid: string; key: string }): Deed {
  const id = plainText(vm['id'])
  const holds = (type: string): boolean =>
    list(vm['conditions']).some(one => dict(one)['type'] === type && dict(one)['status'] === 'True')
  const ended = text(vm['completed'])
  const key = `${plan.uid}/${id}`
  const stopped = holds('Failed') || holds('Canceled')
  return {
    kind: 'import',
    key,
    uid: `${key}/${ended}`,
    vm: key,
    vmUid: '',
    at: Date.parse(ended) || 0,
    began: Date.parse(text(vm['started'])) || 0,
    outcome: stopped ? 'failed' : holds('Succeeded') ? 'succeeded' : '',
    from: id,
    to: plainText(plan.key),
    reason: stopped ? because(vm, holds('Canceled')) : '',
    internal: false,
  }
}

function because(vm: Json, canceled: boolean): string {
  const { phase, reasons } = dict(vm['error'])
  const why = plainText(list(reasons).map(text).join('; '))
  if (why !== '') return plainText(`${text(phase)}: ${why}`)
  return canceled ? 'cancelled' : ''
}
