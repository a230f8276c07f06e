import { expect, test } from 'vitest'
import { selectHosts } from '../../../src/simulator/controller/limit.ts'

const hosts = ['db-1.shop.prod-1', 'web-1.shop.prod-1', 'web-2.shop.prod-1']
const fleet = {
  hosts,
  groups: new Map([
    ['os_linux', new Set(hosts)],
    ['app_web', new Set(['web-1.shop.prod-1', 'web-2.shop.prod-1'])],
    ['elsewhere', new Set(['gone.shop.prod-1'])],
  ]),
}
const [db, web1, web2] = hosts

test.each([
  { title: 'an empty limit narrows nothing', limit: '', selects: hosts },
  { title: 'a limit of commas and blanks is as empty', limit: ' , ', selects: hosts },
  { title: 'all is every host', limit: 'all', selects: hosts },
  { title: 'a star is every host', limit: '*', selects: hosts },
  { title: 'a name is that host', limit: 'web-1.shop.prod-1', selects: [web1] },
  { title: 'commas unite', limit: 'web-1.shop.prod-1,db-1.shop.prod-1', selects: [db, web1] },
  { title: 'colons unite too', limit: 'web-1.shop.prod-1:db-1.shop.prod-1', selects: [db, web1] },
  { title: 'a group is its hosts', limit: 'app_web', selects: [web1, web2] },
  { title: 'a glob matches hosts', limit: 'web-*', selects: [web1, web2] },
  { title: 'a class in a glob is a class, and its colon no separator', limit: 'web-[1:]*', selects: [web1] },
  { title: 'a glob matches groups', limit: 'app_*', selects: [web1, web2] },
  { title: 'a dot in a glob is a dot', limit: 'web-?.shopXprod-1', selects: [] },
  { title: 'a tilde is a regular expression', limit: '~(db|web)-1', selects: [db, web1] },
  { title: 'an exclusion takes away, wherever it stands', limit: '!db-1.shop.prod-1,all', selects: [web1, web2] },
  { title: 'an exclusion alone starts from every host', limit: '!app_web', selects: [db] },
  { title: 'an intersection leaves what is in both', limit: 'os_linux:&app_web:!web-2.shop.prod-1', selects: [web1] },
  { title: 'a group with hosts that are disabled or gone selects none of them', limit: 'elsewhere', selects: [] },
])('$title', ({ limit, selects }) => {
  expect(selectHosts(limit, fleet).hosts).toEqual(selects)
})

test('a pattern that matches nothing is named, and the others are selected all the same', () => {
  expect(selectHosts('web-1.shop.prod-1,ghost', fleet)).toEqual({ hosts: [web1], unmatched: ['ghost'] })
})
