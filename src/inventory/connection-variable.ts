/** A variable that says how Ansible connects to a guest, and what gave it. */
export interface ConnectionVariable {
  readonly name: string
  readonly value: string | number
  readonly from: Giver
}

/** An entry of `connection` of a view, or one of its `variables`, whose label or annotation the VM has. */
export type Giver = ConnectionEntry | GivenVariable

/** A variable of the connection that an administrator lets a label, or an annotation, give. */
export interface GivenVariable {
  readonly label?: string
  readonly annotation?: string
  readonly variable: string
}

/** By its name in the configuration. `via` stands for what it leads to: an address, a Service, or the API server. */
export type ConnectionEntry =
  'via' | 'port' | 'user' | 'type' | 'scheme' | 'transport' | 'certificate' | 'kerberos_name'

/** As Ansible takes them: of several of one name the last counts. */
export function ansibleVars(
  variables: readonly Pick<ConnectionVariable, 'name' | 'value'>[],
): Readonly<Record<string, string | number>> {
  const vars: Record<string, string | number> = {}
  for (const { name, value } of variables) vars[name] = value
  return vars
}
