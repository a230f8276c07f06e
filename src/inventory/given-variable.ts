import { labelsOf, type VmRecord } from '../vm/index.ts'
import type { ConnectionVariable, GivenVariable } from './connection-variable.ts'

type Read = (value: string) => string | number | null

function word(pattern: RegExp): Read {
  return value => (pattern.test(value) ? value : null)
}

/** What each variable may be: who says anything else gives nothing. */
const VARIABLES: Readonly<Record<string, Read>> = {
  ansible_user: word(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/),
  ansible_port: value => (/^[1-9][0-9]{0,4}$/.test(value) && Number(value) <= 65_535 ? Number(value) : null),
  ansible_connection: word(/^(ssh|psrp|winrm)$/),
  ansible_shell_type: word(/^(sh|cmd|powershell)$/),
}

/** The variables that labels and annotations of the VM give, where an administrator listed them and the value is a valid one. Pure. */
export function givenVariables(record: VmRecord, listed: readonly GivenVariable[]): readonly ConnectionVariable[] {
  return listed.flatMap(from => {
    const value = VARIABLES[from.variable]?.(saidBy(record, from)) ?? null
    return value === null ? [] : [{ name: from.variable, value, from }]
  })
}

/** What the VM says where that variable is given; empty when it says nothing. */
export function saidBy({ seen }: VmRecord, { label, annotation }: GivenVariable): string {
  return valueOf(labelsOf(seen), label) || valueOf(seen.annotations, annotation)
}

/** False while it is not known what the VM says in an annotation that is listed. */
export function areKnown({ seen: { annotations = {} } }: VmRecord, listed: readonly GivenVariable[]): boolean {
  return listed.every(({ annotation }) => annotation === undefined || Object.hasOwn(annotations, annotation))
}

function valueOf(of: Readonly<Record<string, string>> = {}, key = ''): string {
  return Object.hasOwn(of, key) ? (of[key] ?? '') : ''
}
