/** One thing that is wrong with a configuration: where, what, and what to do. */
export interface ConfigFault {
  readonly path: string
  readonly message: string
  readonly hint: string
}
