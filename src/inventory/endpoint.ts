/** Where Ansible connects to. */
export interface Endpoint {
  /** Empty: nowhere, because of `because`. */
  readonly host: string
  /** 0: the usual one. */
  readonly port: number
  /** `address`, `service NAME` or `port_forward`. */
  readonly via: string
  readonly because: string
}
