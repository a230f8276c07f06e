/**
 * CPU time in ms that this thread spends on something that awaits nothing. Unlike time on a clock it does not grow with what else the
 * machine does, so that a test may have a bound for it.
 */
export function cpuMs(act: () => unknown): number {
  const before = process.threadCpuUsage()
  act()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
