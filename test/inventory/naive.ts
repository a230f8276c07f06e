import { BY_GROUP, CHILD, type Place } from '../../src/inventory/group-list.ts'
import type { Standing } from '../../src/inventory/host.ts'
import { BY_NAME } from '../../src/inventory/host-list.ts'
import { numberOf } from '../../src/inventory/ranges.ts'
import type { View } from '../../src/inventory/view.ts'
import { notTakenBecause } from '../../src/inventory/view.ts'
import { GAP } from '../../src/inventory/zstd-frame.ts'
import { hostName, type VmRecord } from '../../src/vm/index.ts'

/** The document of a view as whoever has all of the fleet at once would write it: nothing of it is kept from before. */
export function naiveDocument(
  records: readonly VmRecord[],
  view: View,
  standingOf: (record: VmRecord) => Standing,
): string {
  const { rendering } = view
  const members = records
    .filter(record => notTakenBecause(view, record, standingOf(record)).length === 0)
    .map(record => {
      const standing = standingOf(record)
      return { record, vars: rendering.varsOf(record, standing), groups: rendering.groupsOf(record, standing) }
    })
  const places: Place[] = []
  const admitted = (source: string | undefined, group: string): boolean => {
    if (source === undefined) return true
    const all = members.flatMap(({ groups }) => groups.filter(one => one.source === source).map(one => one.group))
    return [...new Set(all)].sort().slice(0, rendering.maxPerSource).includes(group)
  }
  const own = new Map(
    members.map(({ record, groups }) => {
      const found = groups.filter(({ source, group }) => admitted(source, group))
      return [record, found.length === 0 ? [{ group: 'ungrouped' }] : found] as const
    }),
  )
  const groups = new Set([...own.values()].flat().map(({ group }) => group))
  const nameOf = (record: VmRecord): string => {
    const wished = rendering.hostOf(record)
    const rivals = members.filter(other => rendering.hostOf(other.record) === wished).length > 1
    const taken = members.some(other => other.record !== record && hostName(other.record) === wished)
    const odd = groups.has(wished) || ['all', 'ungrouped', '_meta'].includes(wished) || !/^[A-Za-z0-9]/.test(wished)
    return rivals || taken || odd ? hostName(record) : wished
  }
  for (const { record } of members)
    for (const { group } of own.get(record) ?? []) {
      places.push({ group, name: nameOf(record) }, { group: '', name: CHILD + group })
    }
  const hosts = members.map(({ record, vars }) => [nameOf(record), JSON.stringify(vars)] as const)
  if (hosts.length === 0) return '{"_meta":{"hostvars":{}},"all":{"children":[]}}'
  const vars = hosts
    .sort(([one], [other]) => BY_NAME.compare(one, other))
    .map(
      ([name, text], index) => `${index > 0 ? ',' : ''}${index === 0 || opens(name, 256) ? GAP : ''}"${name}":${text}`,
    )
  return `{"_meta":{"hostvars":{${vars.join('')}}},${groupText(places)}}`
}

function groupText(places: readonly Place[]): string {
  const unique = new Map(places.map(place => [`${place.group} ${place.name}`, place]))
  const sorted = [...unique.values()].sort(BY_GROUP.compare)
  const byGroup = Map.groupBy(sorted, ({ group }) => group)
  let first = true
  return [...byGroup]
    .map(([group, all]) => {
      const list = (child: boolean): string => {
        const names = all.filter(({ name }) => name.startsWith(CHILD) === child)
        const texts = names.map(({ name }, index) => {
          const gap = first || opens(name, 4_096) ? GAP : ''
          first = false
          return `${index > 0 ? ',' : ''}${gap}"${name.replace(CHILD, '')}"`
        })
        return texts.length === 0 ? '' : `"${child ? 'children' : 'hosts'}":[${texts.join('')}]`
      }
      return `"${group || 'all'}":{${[list(false), list(true)].filter(Boolean).join(',')}}`
    })
    .join(',')
}

function opens(name: string, one: number): boolean {
  return numberOf(name) % one === 0
}
