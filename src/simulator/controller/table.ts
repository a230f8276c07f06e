/** Rows by id, in the order of their ids' birth. An id is never given twice. */
export class Table<Row extends { readonly id: number }> {
  readonly #rows = new Map<number, Row>()

  constructor(rows: Iterable<Row> = []) {
    for (const row of rows) this.#rows.set(row.id, row)
  }

  get size(): number {
    return this.#rows.size
  }

  get(id: number | null | undefined): Row | undefined {
    return id === null || id === undefined ? undefined : this.#rows.get(id)
  }

  /** The row, which the caller knows to exist: a dangling reference inside the store is a defect of the simulator. */
  must(id: number | null): Row {
    const row = this.get(id)
    if (row === undefined) throw new Error(`the store has no row ${id}`)
    return row
  }

  add(row: Row): Row {
    this.#rows.set(row.id, row)
    return row
  }

  delete(id: number): void {
    this.#rows.delete(id)
  }

  all(): Row[] {
    return [...this.#rows.values()]
  }

  find(test: (row: Row) => boolean): Row | undefined {
    for (const row of this.#rows.values()) if (test(row)) return row
    return undefined
  }

  filter(test: (row: Row) => boolean): Row[] {
    const found: Row[] = []
    for (const row of this.#rows.values()) if (test(row)) found.push(row)
    return found
  }

  toJSON(): Row[] {
    return this.all()
  }
}
