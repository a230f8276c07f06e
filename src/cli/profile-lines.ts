import type { ProfileWhy } from '../inventory/index.ts'

/** Which profile a VM has, why, and where each of its variables comes from, for people. */
export function profileLines({ chain, because, variables }: ProfileWhy): readonly string[] {
  const [name = 'none', ...above] = [...chain].reverse()
  return [
    `profile         ${[name, ...above].join(', below ')}`,
    ...because.map(reason => `                ${reason}`),
    ...variables.map(({ name: variable, from, over }) => {
      const instead = over.length === 0 ? '' : `, not of ${over.join(', ')}`
      return `variable        ${variable}: of ${from}${instead}`
    }),
  ]
}
