import { describe, expect, test } from 'vitest'
import { baseDomainAfter } from '../../src/cluster/index.ts'
import { KubeError } from '../../src/kube/index.ts'

const LONG = `${'a'.repeat(63)}.`.repeat(4)

describe('what is known of the base domain of a cluster after an answer', () => {
  const says = (baseDomain: unknown): unknown => ({ spec: { baseDomain } })
  const [absent, forbidden] = (['absent', 'forbidden'] as const).map(kind => new KubeError(kind, ''))
  test.each<[string, unknown, string | undefined, string | null, string]>([
    ['a DNS name', says('prod-1.example.com'), undefined, 'prod-1.example.com', ''],
    ['another one', says('new.example.com'), 'old.example.com', 'new.example.com', ''],
    ['one label', says('lab'), undefined, 'lab', ''],
    ['an empty text', says(''), 'old.example.com', '', 'absent'],
    ['no text', says(undefined), undefined, '', 'absent'],
    ['no object', null, undefined, '', 'absent'],
    ['a number', says(7), undefined, '', 'absent'],
    ['an address', says('10.0.0.1'), undefined, '', 'invalid'],
    ['a template', says('{{ lookup("pipe", "id") }}'), 'old.example.com', '', 'invalid'],
    ['an option of ssh', says('-oProxyCommand=x'), undefined, '', 'invalid'],
    ['two lines', says('a.com\nansible_connection: local'), undefined, '', 'invalid'],
    ['a name of two lines at the end', says('a.com\n'), undefined, '', 'invalid'],
    ['one that begins with a dot', says('.example.com'), undefined, '', 'invalid'],
    ['one that ends with a dot', says('example.com.'), undefined, '', 'invalid'],
    ['one that is too long', says(`${LONG}com`), undefined, '', 'invalid'],
    ['that it is not there', absent, undefined, '', 'absent'],
    ['that it is not there any more', absent, 'old.example.com', 'old.example.com', 'absent'],
    ['that it may not be read', forbidden, undefined, '', 'forbidden'],
    ['that it may not be read any more', forbidden, 'old.example.com', 'old.example.com', 'forbidden'],
    ['that it may not be read, of one that has none', forbidden, '', '', 'forbidden'],
    ['none at all', new KubeError('unreachable', ''), undefined, null, ''],
    ['none at all any more', new KubeError('server', ''), 'old.example.com', null, ''],
  ])('%s', (_, answer, known, domain, trouble) => {
    const news = baseDomainAfter(answer, known)
    expect([news?.domain ?? null, news?.trouble?.kind ?? '']).toEqual([domain, trouble])
  })
})
