import { type HostList, HostRange } from './host-list.ts'
import type { Piece } from './piece.ts'

/** Neighbours of a page, in one piece. */
export interface PageLeaf {
  readonly list: HostList
  readonly piece: Piece
}

/** Neighbours of a page, by the names that they are shown by. */
export class PageRange extends HostRange {
  /** Null when it has to be made: a host came, went or changed. */
  leaf: PageLeaf | null = null

  touch(): void {
    this.leaf = null
  }

  override add(host: string): boolean {
    this.leaf = null
    return super.add(host)
  }

  override remove(host: string): boolean {
    this.leaf = null
    return super.remove(host)
  }

  override split(host: string): PageRange {
    this.leaf = null
    return super.split(host) as PageRange
  }

  override join(next: PageRange): void {
    this.leaf = null
    super.join(next)
  }

  protected override another(): PageRange {
    return new PageRange()
  }
}
