import { plainText } from '../event/index.ts'
import { type Deed } from './deed.ts'
import { type Descent, NO_DESCENT } from './part.ts'
import { dict, type Json, text } from './raw.ts'

/**
 * Where a VM comes from, by its own metadata alone.
 *
 * | mark                                                  | kind   |
 * |-------------------------------------------------------|--------|
 * | labels `plan` and `vmID` (Forklift, kubevirt.go)       | import |
 * | label `velero.io/restore-name`                        | backup |
 * | otherwise                                             | -      |
 *
 * The annotation `restore.kubevirt.io/lastRestoreUID` does not tell: a VM that was restored in place has it too.
 */
export function descentOf(meta: Json): Descent {
  const labels = dict(meta['labels'])
  if (importKey(meta) !== '') {
    const by = plainText(labels['plan-name']) || plainText(labels['plan'])
    return { kind: 'import', from: plainText(labels['vmID']), by, run: plainText(labels['migration']) }
  }
  const restore = plainText(labels['velero.io/restore-name'])
  if (restore === '') return NO_DESCENT
  return { kind: 'backup', from: plainText(labels['velero.io/backup-name']), by: restore, run: '' }
}

/** By which an import knows its VM: `<plan uid>/<id at the source>`; empty when no plan made it. */
export function importKey(meta: Json): string {
  const { plan, vmID } = dict(meta['labels'])
  return text(plan) === '' || text(vmID) === '' ? '' : `${plainText(plan)}/${plainText(vmID)}`
}

/** What a clone or a restore that has ended says of where its VM comes from; null when the VM was there before. */
export function descentBy(deed: Deed, vm: { readonly createdAt: number }): Descent | null {
  const by = deed.key.slice(deed.key.indexOf('/') + 1)
  if (deed.kind === 'clone') return { kind: 'clone', from: deed.from, by, run: '' }
  return deed.kind === 'restore' && deed.began > 0 && deed.began <= vm.createdAt
    ? { kind: 'restore', from: deed.from, by, run: '' }
    : null
}

/**
 * The Argo CD application that manages an object. The annotation counts when it speaks of this very object: a copy keeps it. The
 * label `app.kubernetes.io/instance`, the default before Argo CD 3.0, is also Helm's: it alone proves nothing.
 */
export function applicationOf(meta: Json, kind: string): string {
  const annotations = dict(meta['annotations'])
  const tracking = text(annotations['argocd.argoproj.io/tracking-id'])
  const [, application = '', itself = ''] = /^([^:]+):(.+)$/.exec(tracking) ?? []
  if (itself === `${kind}:${text(meta['namespace'])}/${text(meta['name'])}`) return plainText(application)
  return plainText(dict(meta['labels'])['argocd.argoproj.io/instance'])
}
