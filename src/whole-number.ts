/** The largest whole number of 64 bits: Kubernetes takes a larger one for none. */
const MOST = 2n ** 63n - 1n

/** True for a whole number of 64 bits as a label can hold one, so without a sign. */
export function isWhole(text: string): boolean {
  return /^\d{1,63}$/.test(text) && BigInt(text) <= MOST
}

/** How many of what, for people: `1 host`, `3 hosts`, `2 entries`. The noun is one that takes an s. */
export function counted(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : `${noun.replace(/(?<![aeiou])y$/, 'ie')}s`}`
}
