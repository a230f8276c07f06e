import type { VmRecord } from '../vm/index.ts'

/** A variable of the connection that an administrator lets a label give. */
export interface LabelVariable {
  readonly label: string
  readonly variable: string
}

type Read = (value: string) => string | number | null

function word(pattern: RegExp): Read {
  return value => (pattern.test(value) ? value : null)
}

/** What each variable may be: a label that says anything else gives nothing. */
const VARIABLES: Readonly<Record<string, Read>> = {
  ansible_user: word(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/),
  ansible_port: value => (/^[1-9][0-9]{0,4}$/.test(value) && Number(value) <= 65_535 ? Number(value) : null),
  ansible_connection: word(/^(ssh|psrp|winrm)$/),
  ansible_shell_type: word(/^(sh|cmd|powershell)$/),
}

/** The variables that labels of the VM give, where an administrator listed them and the value is a valid one. Pure. */
export function labelVars(
  { seen }: VmRecord,
  listed: readonly LabelVariable[],
): Readonly<Record<string, string | number>> {
  const vars: Record<string, string | number> = {}
  for (const { label, variable } of listed) {
    const value = Object.hasOwn(seen.labels, label) ? (seen.labels[label] ?? '') : ''
    const read = VARIABLES[variable]?.(value) ?? null
    if (read !== null) vars[variable] = read
  }
  return vars
}
