/** CRC-32 of RFC 1952 §8: its polynomial, the lowest power in the highest bit. */
const POLYNOMIAL = 0xedb88320
/** x to the power of 2 to the power of the index, modulo the polynomial. */
const SQUARES: readonly number[] = squares()

/** The CRC-32 of two texts in a row, from those of each and the length of the second in bytes. */
export function crcOfBoth(first: number, second: number, length: number): number {
  // What follows shifts the first by eight bits for each byte.
  let shift = 0x80000000
  let left = length
  for (let power = 3; left > 0; power += 1) {
    if (left % 2 === 1) shift = product(SQUARES[power % 32] ?? 0, shift)
    left = Math.floor(left / 2)
  }
  return (product(shift, first) ^ second) >>> 0
}

function squares(): readonly number[] {
  const all = [0x40000000]
  for (let index = 1; index < 32; index += 1) all.push(product(all[index - 1] ?? 0, all[index - 1] ?? 0))
  return all
}

/** Of two polynomials over GF(2), modulo the polynomial. */
function product(one: number, other: number): number {
  let [sum, factor] = [0, other]
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if ((one & bit) !== 0) sum ^= factor
    factor = (factor & 1) === 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1
  }
  return sum >>> 0
}
