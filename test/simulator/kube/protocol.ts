import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Talk } from './talk.ts'

/** An API server under test: the simulated one, or a real kube-apiserver with the CRDs of KubeVirt. */
export interface Target {
  url: string
  /** May do everything. */
  token: string
  ca?: string
  /** May get, list and watch kubevirt.io and nothing else. */
  readerToken: string
  /** The shortest watch that is sent a bookmark before its end: a real server needs more than two seconds for it. */
  watchSeconds: number
  /** Makes the server forget its history, so that older resourceVersions are refused. */
  forget(): Promise<void>
}

const ROOT = '/apis/kubevirt.io/v1'

/** A VM that the real CRD accepts. */
export function plainVm(name: string, labels: Record<string, string> = {}) {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name, labels },
    spec: { runStrategy: 'Halted', template: { spec: { domain: { devices: {} } } } },
  }
}

function plainVmi(name: string) {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name },
    spec: { domain: { devices: {} } },
  }
}

/** An empty namespace of one test, and the words to act in it. */
async function place(target: Target) {
  const talk = new Talk(target)
  const name = `t-${randomBytes(4).toString('hex')}`
  await talk.send('POST', '/api/v1/namespaces', { metadata: { name } })
  const vms = `${ROOT}/namespaces/${name}/virtualmachines`
  const vmis = `${ROOT}/namespaces/${name}/virtualmachineinstances`
  return {
    talk,
    name,
    vms,
    vmis,
    async create(vm: string, labels: Record<string, string> = {}) {
      const { code, body } = await talk.send('POST', vms, plainVm(vm, labels))
      expect(code).toBe(201)
      return body
    },
    async now() {
      return (await talk.get(`${vms}?limit=1`)).body.metadata.resourceVersion
    },
    [Symbol.asyncDispose]: () => talk[Symbol.asyncDispose](),
  }
}

const soon = { timeout: 60_000, interval: 10 }

/** What a strict client may expect of any Kubernetes API. Registers its tests in the suite that calls it. */
export function protocolSuite(target: () => Target): void {
  objectTests(target)
  listTests(target)
  watchTests(target)
  refusalTests(target)
}

function objectTests(target: () => Target): void {
  test('a new object has a uid, a version, generation 1 and a birthday, and loses the status it was sent with', async () => {
    await using at = await place(target())
    const { code, body } = await at.talk.send('POST', at.vms, { ...plainVm('a'), status: { ready: true } })
    expect(code).toBe(201)
    expect(body).toMatchObject({ apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine' })
    expect(body.metadata).toMatchObject({ name: 'a', namespace: at.name, generation: 1 })
    expect(body.metadata.uid).toMatch(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/)
    expect(body.metadata.resourceVersion).toMatch(/^\d+$/)
    expect(body.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect(body.status).toBeUndefined()
  })

  test('the generation of a VM counts its spec alone, and status is written through its own path', async () => {
    await using at = await place(target())
    await at.create('a')
    const generations: number[] = []
    for (const [path, patch] of [
      ['a', { metadata: { labels: { x: 'y' } } }],
      ['a/status', { status: { printableStatus: 'Running' } }],
      ['a', { status: { printableStatus: 'Stopped' } }],
      ['a', { spec: { runStrategy: 'Always' } }],
      ['a/status', { spec: { runStrategy: 'Halted' } }],
    ] as const) {
      generations.push((await at.talk.patch(`${at.vms}/${path}`, patch)).body.metadata.generation)
    }
    expect(generations).toEqual([1, 1, 1, 2, 2])
    const { body } = await at.talk.get(`${at.vms}/a`)
    expect(body).toMatchObject({ status: { printableStatus: 'Running' }, spec: { runStrategy: 'Always' } })
  })

  test('a VMI has no status path: every status write raises its generation', async () => {
    await using at = await place(target())
    await at.talk.send('POST', at.vmis, plainVmi('a'))
    const { body } = await at.talk.patch(`${at.vmis}/a`, { status: { phase: 'Running' } })
    expect(body).toMatchObject({ metadata: { generation: 2 }, status: { phase: 'Running' } })
    expect((await at.talk.patch(`${at.vmis}/a/status`, { status: {} })).code).toBe(404)
  })

  test('a write that changes nothing has no new version', async () => {
    await using at = await place(target())
    const { metadata } = await at.create('a')
    const { body } = await at.talk.patch(`${at.vms}/a`, { spec: { runStrategy: 'Halted' } })
    expect(body.metadata.resourceVersion).toBe(metadata.resourceVersion)
  })

  test('an update from an old version is a conflict, and one without a version is invalid', async () => {
    await using at = await place(target())
    const old = await at.create('a')
    await at.talk.patch(`${at.vms}/a`, { metadata: { labels: { x: 'y' } } })
    const late = await at.talk.send('PUT', `${at.vms}/a`, old)
    expect([late.code, late.body.reason]).toEqual([409, 'Conflict'])
    const blind = await at.talk.send('PUT', `${at.vms}/a`, plainVm('a'))
    expect([blind.code, blind.body.reason]).toEqual([422, 'Invalid'])
  })

  test('a name is given once, and its second holder has another uid', async () => {
    await using at = await place(target())
    const first = await at.create('a')
    const again = await at.talk.send('POST', at.vms, plainVm('a'))
    expect([again.code, again.body.reason]).toEqual([409, 'AlreadyExists'])
    const gone = await at.talk.send('DELETE', `${at.vms}/a`)
    expect(gone.body).toMatchObject({ kind: 'Status', status: 'Success', details: { uid: first.metadata.uid } })
    const second = await at.create('a')
    expect(second.metadata.uid).not.toBe(first.metadata.uid)
  })

  test('an object with a finalizer is marked, and goes when the finalizer does', async () => {
    await using at = await place(target())
    const vm = plainVm('a')
    await at.talk.send('POST', at.vms, { ...vm, metadata: { ...vm.metadata, finalizers: ['example.com/hold'] } })
    const marked = await at.talk.send('DELETE', `${at.vms}/a`)
    expect(marked.code).toBe(200)
    expect(marked.body).toMatchObject({ kind: 'VirtualMachine', metadata: { name: 'a', generation: 2 } })
    expect(marked.body.metadata.deletionTimestamp).toBeDefined()
    using watch = await at.talk.watch(`${at.vms}?resourceVersion=${marked.body.metadata.resourceVersion}`)
    await at.talk.patch(`${at.vms}/a`, { metadata: { finalizers: null } })
    expect((await at.talk.get(`${at.vms}/a`)).code).toBe(404)
    await expect.poll(() => watch.seen, soon).toEqual(['DELETED a'])
    // The last state that was stored, in which the finalizer still was.
    const last = watch.lines[0]?.object.metadata
    expect(last).toMatchObject({ finalizers: ['example.com/hold'], uid: marked.body.metadata.uid })
    expect(Number(last?.resourceVersion)).toBeGreaterThan(Number(marked.body.metadata.resourceVersion))
  })

  test('a VM without a template is invalid, and so is one that loses it', async () => {
    await using at = await place(target())
    await at.create('a')
    const born = await at.talk.send('POST', at.vms, { ...plainVm('b'), spec: { runStrategy: 'Halted' } })
    expect([born.code, born.body.reason]).toEqual([422, 'Invalid'])
    expect(born.body.message).toMatch(/^VirtualMachine\.kubevirt\.io "b" is invalid: .*spec\.template: Required value/)
    const made = await at.talk.patch(`${at.vms}/a`, { spec: { template: null } })
    expect([made.code, made.body.reason]).toEqual([422, 'Invalid'])
  })

  test('a delete with the uid of another object is a conflict', async () => {
    await using at = await place(target())
    await at.create('a')
    const answer = await at.talk.send('DELETE', `${at.vms}/a`, {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      preconditions: { uid: '00000000-0000-0000-0000-000000000000' },
    })
    expect([answer.code, answer.body.reason]).toEqual([409, 'Conflict'])
  })
}

function listTests(target: () => Target): void {
  test('pages show one moment: what is written between them is in none', async () => {
    await using at = await place(target())
    for (const name of ['a', 'b', 'c', 'd', 'e']) await at.create(name)
    const first = (await at.talk.get(`${at.vms}?limit=2`)).body
    expect(first).toMatchObject({ kind: 'VirtualMachineList', apiVersion: 'kubevirt.io/v1' })
    expect(first.items.map(item => item.metadata.name)).toEqual(['a', 'b'])

    await at.talk.send('DELETE', `${at.vms}/c`)
    await at.create('cc')
    await at.talk.patch(`${at.vms}/d`, { metadata: { labels: { late: 'yes' } } })

    const next = encodeURIComponent(first.metadata.continue ?? '')
    const second = (await at.talk.get(`${at.vms}?limit=2&continue=${next}`)).body
    expect(second.items.map(item => item.metadata.name)).toEqual(['c', 'd'])
    expect(second.items[1]?.metadata.labels?.['late']).toBeUndefined()
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
    const last = encodeURIComponent(second.metadata.continue ?? '')
    const third = (await at.talk.get(`${at.vms}?limit=2&continue=${last}`)).body
    expect(third.items.map(item => item.metadata.name)).toEqual(['e'])
    expect(third.metadata.continue ?? '').toBe('')
  })

  test('a page tells how many remain, unless labels were asked for', async () => {
    await using at = await place(target())
    for (const name of ['a', 'b', 'c']) await at.create(name, { all: 'yes' })
    expect((await at.talk.get(`${at.vms}?limit=1`)).body.metadata.remainingItemCount).toBe(2)
    const selected = (await at.talk.get(`${at.vms}?limit=1&labelSelector=all%3Dyes`)).body
    expect(selected.metadata.remainingItemCount).toBeUndefined()
    expect(selected.metadata.continue).toBeTruthy()
  })

  test.each([
    { selector: 'tier=web', names: ['a'] },
    { selector: 'tier!=web', names: ['b', 'c'] },
    { selector: 'tier in (web,db)', names: ['a', 'b'] },
    { selector: 'tier notin (web),env=prod', names: ['b'] },
    { selector: 'tier', names: ['a', 'b'] },
    { selector: '!tier', names: ['c'] },
  ])('the label selector "$selector" chooses $names', async ({ selector, names }) => {
    await using at = await place(target())
    await at.create('a', { tier: 'web' })
    await at.create('b', { tier: 'db', env: 'prod' })
    await at.create('c')
    const { body } = await at.talk.get(`${at.vms}?labelSelector=${encodeURIComponent(selector)}`)
    expect(body.items.map(item => item.metadata.name)).toEqual(names)
  })

  test('an exact version is shown as it was, "not older than" as it is', async () => {
    await using at = await place(target())
    const { metadata } = await at.create('a')
    await at.create('b')
    const query = `limit=5&resourceVersion=${metadata.resourceVersion}&resourceVersionMatch`
    const exact = (await at.talk.get(`${at.vms}?${query}=Exact`)).body
    expect(exact.items.map(item => item.metadata.name)).toEqual(['a'])
    expect(exact.metadata.resourceVersion).toBe(metadata.resourceVersion)
    const newer = (await at.talk.get(`${at.vms}?${query}=NotOlderThan`)).body
    expect(newer.items.map(item => item.metadata.name)).toEqual(['a', 'b'])
  })

  test.each([
    { query: 'resourceVersionMatch=Exact', code: 422 },
    { query: 'resourceVersionMatch=Exact&resourceVersion=0', code: 422 },
    { query: 'resourceVersionMatch=Sideways&resourceVersion=1', code: 422 },
    { query: 'continue=nonsense', code: 400 },
    { query: 'labelSelector=a%20b%20c', code: 400 },
  ])('a list with $query is refused with $code', async ({ query, code }) => {
    await using at = await place(target())
    expect((await at.talk.get(`${at.vms}?${query}`)).code).toBe(code)
  })

  test('a list "not older than" a version of the future is 504, with a cause that says which it is', async () => {
    await using at = await place(target())
    const future = Number(await at.now()) + 1_000_000
    const { code, body } = await at.talk.get(`${at.vms}?resourceVersion=${future}&resourceVersionMatch=NotOlderThan`)
    expect([code, body.reason]).toEqual([504, 'Timeout'])
    expect(body.details).toMatchObject({ causes: [{ reason: 'ResourceVersionTooLarge' }] })
  })

  test('a watch from a version of the future tells nothing of what happens until then', async () => {
    await using at = await place(target())
    const future = Number(await at.now()) + 1_000_000
    using watch = await at.talk.watch(`${at.vms}?resourceVersion=${future}&timeoutSeconds=1`)
    await at.create('a')
    expect([await watch.ended, watch.seen]).toEqual(['end', []])
  })

  test('a page token older than the history is 410 Expired, and offers to go on inconsistently', async () => {
    await using at = await place(target())
    for (const name of ['a', 'b', 'c']) await at.create(name)
    const first = (await at.talk.get(`${at.vms}?limit=1`)).body
    await at.talk.send('DELETE', `${at.vms}/b`)
    await target().forget()
    const next = encodeURIComponent(first.metadata.continue ?? '')
    const { code, body } = await at.talk.get(`${at.vms}?limit=5&continue=${next}`)
    expect([code, body.kind, body.reason, body.code]).toEqual([410, 'Status', 'Expired', 410])
    const on = encodeURIComponent(body.metadata.continue ?? '')
    const rest = (await at.talk.get(`${at.vms}?limit=5&continue=${on}`)).body
    expect(rest.items.map(item => item.metadata.name)).toEqual(['c'])
    expect(Number(rest.metadata.resourceVersion)).toBeGreaterThan(Number(first.metadata.resourceVersion))
  })
}

function watchTests(target: () => Target): void {
  test('a watch tells every write after its version, in order, and a deletion with its own version', async () => {
    await using at = await place(target())
    await at.create('before')
    using watch = await at.talk.watch(`${at.vms}?resourceVersion=${await at.now()}`)
    const { metadata } = await at.create('a')
    await at.talk.patch(`${at.vms}/a`, { metadata: { labels: { x: 'y' } } })
    await at.talk.send('DELETE', `${at.vms}/a`)
    await expect.poll(() => watch.seen, soon).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a'])
    const versions = watch.lines.map(line => Number(line.object.metadata.resourceVersion))
    expect(versions).toEqual(versions.toSorted((a, b) => a - b))
    expect(new Set(versions).size).toBe(3)
    expect(watch.lines[2]?.object.metadata).toMatchObject({ uid: metadata.uid, labels: { x: 'y' } })
  })

  test('a watch resumes where another ended, without a gap and without a repetition', async () => {
    await using at = await place(target())
    const before = await at.now()
    using first = await at.talk.watch(`${at.vms}?resourceVersion=${before}`)
    await at.create('a')
    await expect.poll(() => first.seen, soon).toEqual(['ADDED a'])
    first[Symbol.dispose]()
    await at.create('b')
    const last = first.lines.at(-1)?.object.metadata.resourceVersion ?? ''
    using second = await at.talk.watch(`${at.vms}?resourceVersion=${last}`)
    await at.create('c')
    await expect.poll(() => second.seen, soon).toEqual(['ADDED b', 'ADDED c'])
  })

  test('a watch without a version begins with what there is', async () => {
    await using at = await place(target())
    await at.create('a')
    await at.create('b')
    using watch = await at.talk.watch(`${at.vms}?resourceVersion=`)
    await expect.poll(() => watch.seen.toSorted(), soon).toEqual(['ADDED a', 'ADDED b'])
    await at.talk.send('DELETE', `${at.vms}/a`)
    await expect.poll(() => watch.seen.at(-1), soon).toBe('DELETED a')
  })

  test('a streamed list ends with an annotated bookmark', async () => {
    await using at = await place(target())
    await at.create('a')
    using watch = await at.talk.watch(
      `${at.vms}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=`,
    )
    await expect.poll(() => watch.lines.length, soon).toBe(2)
    expect(watch.seen[0]).toBe('ADDED a')
    expect(watch.lines[1]).toMatchObject({
      type: 'BOOKMARK',
      object: { kind: 'VirtualMachine', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    })
  })

  test('an object that stops matching the labels of a watch is deleted to it, one that starts is added', async () => {
    await using at = await place(target())
    using watch = await at.talk.watch(`${at.vms}?resourceVersion=${await at.now()}&labelSelector=tier%3Dweb`)
    await at.create('a')
    await at.talk.patch(`${at.vms}/a`, { metadata: { labels: { tier: 'web' } } })
    await at.talk.patch(`${at.vms}/a`, { metadata: { labels: { tier: 'db' } } })
    await expect.poll(() => watch.seen, soon).toEqual(['ADDED a', 'DELETED a'])
    const last = watch.lines.at(-1)?.object.metadata
    expect(last?.labels).toEqual({ tier: 'web' })
    expect(last?.resourceVersion).toBe((await at.talk.get(`${at.vms}/a`)).body.metadata.resourceVersion)
  })

  test('a watch ends properly after its timeoutSeconds, with a bookmark shortly before when asked for', async () => {
    await using at = await place(target())
    await at.create('a')
    using watch = await at.talk.watch(
      `${at.vms}?resourceVersion=${await at.now()}&allowWatchBookmarks=true&timeoutSeconds=${target().watchSeconds}`,
    )
    // A real server sends no bookmark while it has nothing newer than where the watch began.
    await at.create('b')
    expect(await watch.ended).toBe('end')
    const bookmark = watch.lines.at(-1)
    expect(bookmark).toMatchObject({
      type: 'BOOKMARK',
      object: { kind: 'VirtualMachine', apiVersion: 'kubevirt.io/v1' },
    })
    expect(bookmark?.object.metadata.resourceVersion).toMatch(/^\d+$/)
  })

  test('a watch from a forgotten version is HTTP 200 with one ERROR line of 410 Expired, and ends', async () => {
    await using at = await place(target())
    const old = await at.now()
    await at.create('a')
    await at.create('b')
    await target().forget()
    using watch = await at.talk.watch(`${at.vms}?resourceVersion=${old}`)
    expect(watch.code).toBe(200)
    expect(await watch.ended).toBe('end')
    expect(watch.lines).toHaveLength(1)
    expect(watch.lines[0]).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })
  })
}

function refusalTests(target: () => Target): void {
  test('a wrong token is 401, with a Status that says so', async () => {
    await using at = await place(target())
    const { code, body } = await at.talk.send('GET', at.vms, undefined, { token: 'wrong' })
    expect(code).toBe(401)
    expect(body).toMatchObject({
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason: 'Unauthorized',
      message: 'Unauthorized',
      code: 401,
    })
  })

  test('what a role does not allow is 403, and the message says who may not do what', async () => {
    await using at = await place(target())
    const token = target().readerToken
    expect((await at.talk.send('GET', at.vms, undefined, { token })).code).toBe(200)
    const { code, body } = await at.talk.send('POST', at.vms, plainVm('a'), { token })
    expect(code).toBe(403)
    expect(body).toMatchObject({ kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403 })
    expect(body.message).toMatch(
      /^virtualmachines\.kubevirt\.io is forbidden: User ".+" cannot create resource "virtualmachines" in API group "kubevirt\.io" in the namespace "t-/,
    )
    expect(body.details).toEqual({ group: 'kubevirt.io', kind: 'virtualmachines' })
  })

  test('a group that is not installed is 404 in plain text, an object that is not there 404 with a Status', async () => {
    await using at = await place(target())
    const group = await at.talk.get('/apis/nobody.example.com/v1/things')
    expect([group.code, group.text.trim()]).toEqual([404, '404 page not found'])
    const { code, body } = await at.talk.get(`${at.vms}/nobody`)
    expect(code).toBe(404)
    expect(body).toMatchObject({ kind: 'Status', reason: 'NotFound', code: 404 })
    expect(body.message).toBe('virtualmachines.kubevirt.io "nobody" not found')
  })

  test('nothing is created in a namespace that is not there', async () => {
    await using at = await place(target())
    const { code, body } = await at.talk.send('POST', `${ROOT}/namespaces/nowhere/virtualmachines`, plainVm('a'))
    expect([code, body.reason, body.message]).toEqual([404, 'NotFound', 'namespaces "nowhere" not found'])
  })

  test('one may ask what one may do', async () => {
    await using at = await place(target())
    const may = async (verb: string) => {
      const { code, body } = await at.talk.send(
        'POST',
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        { spec: { resourceAttributes: { group: 'kubevirt.io', resource: 'virtualmachines', verb } } },
        { token: target().readerToken },
      )
      expect(code).toBe(201)
      return (body.status as { allowed: boolean }).allowed
    }
    expect([await may('watch'), await may('delete')]).toEqual([true, false])
  })

  test('the server tells its version, and its kube-system namespace has a uid', async () => {
    await using at = await place(target())
    expect((await at.talk.get('/version')).body).toMatchObject({ major: '1' })
    expect((await at.talk.get('/api/v1/namespaces/kube-system')).body.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
    expect((await at.talk.get('/api')).body).toMatchObject({ kind: 'APIVersions', versions: ['v1'] })
    expect((await at.talk.get('/apis')).body).toMatchObject({ kind: 'APIGroupList' })
  })
}
