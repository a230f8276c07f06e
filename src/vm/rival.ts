/** The VM that has the better claim to an address. */
export interface Rival {
  readonly host: string
  readonly uid: string
  readonly address: string
}

/** Says which VM lost its address to which. */
export interface Contests {
  /** Who has the better claim to the address that automation would use for the VM of this key, in any view, and where none says otherwise first; null: nobody. */
  rivalOf(key: string): Rival | null
}
