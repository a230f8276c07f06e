import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Bridge, startBridge, temporaryFolder } from '../support/bridge.ts'
import { kubeconfigIn, startWorld, TOKEN, type World } from '../kube/world.ts'
import { type Outcome, start, virtbridge } from './console.ts'

const SOON = { timeout: 60_000, interval: 10 }
const HOST = 'web-1.shop.prod-1'

let stack: AsyncDisposableStack
let world: World
let bridge: Bridge
let folder: string
const config = {
  clusters: [{ name: 'prod-1', kubeconfig: 'kubeconfig' }],
  inventory: {
    views: [
      {
        name: 'web',
        selector: 'app=web',
        profile: 'slim',
        groups: { builtin: false, labels: ['app', 'tier'] },
        connection: { linux: { user: 'automation' } },
        variables: [
          { label: 'example.com/login', variable: 'ansible_user' },
          { label: 'example.com/port', variable: 'ansible_port' },
        ],
      },
      { name: 'none', selector: 'app=db' },
    ],
  },
}

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  world = stack.use(await startWorld())
  world.addVm('web-1', { app: 'web', 'example.com/login': 'core', 'example.com/port': 'ssh' })
  world.boot('web-1', { address: '10.0.0.7' })
  folder = stack.use(await temporaryFolder()).path
  await kubeconfigIn(folder, { server: world.server.url, 'insecure-skip-tls-verify': true }, { token: TOKEN })
  bridge = await startBridge(folder, config)
  await waitUntil(async () => (await ask('clusters')).out.includes('synced'))
  await waitUntil(async () => (await ask('vms')).out.includes('yes'))
})
afterAll(async () => {
  await bridge[Symbol.asyncDispose]()
  await stack.disposeAsync()
})

async function waitUntil(holds: () => Promise<boolean>): Promise<void> {
  await vi.waitFor(async () => {
    if (!(await holds())) throw new Error('not yet')
  }, SOON)
}

function env(): Record<string, string> {
  return { VIRTBRIDGE_URL: bridge.url, VIRTBRIDGE_TOKEN: bridge.token }
}

function ask(...args: readonly string[]): Promise<Outcome> {
  return virtbridge(args, env())
}

describe('what is known, asked from a terminal and by a program', () => {
  test('the inventory, as AAP gets it; one host of it; an unknown one is empty, as Ansible asks scripts', async () => {
    const list = JSON.parse((await ask('inventory', '--list')).out) as { _meta: { hostvars: Record<string, unknown> } }
    expect(list._meta.hostvars[HOST]).toMatchObject({ ansible_host: '10.0.0.7' })
    expect(JSON.parse((await ask('inventory', '--host', HOST)).out)).toEqual(list._meta.hostvars[HOST])
    expect(JSON.parse((await ask('inventory', '--host', 'nobody')).out)).toEqual({})
  })

  test('a view of it, and one host as the view has it; a view that is not there is a fault that names those that are', async () => {
    const view = JSON.parse((await ask('inventory', '--view', 'web')).out) as { _meta: { hostvars: object } }
    expect(view).toMatchObject({ all: { children: ['label_app_web'] } })
    expect(JSON.parse((await ask('inventory', '--view', 'none')).out)).toMatchObject({ _meta: { hostvars: {} } })
    const host = JSON.parse((await ask('inventory', '--view', 'web', '--host', HOST)).out) as object
    expect({ [HOST]: host }).toEqual(view._meta.hostvars)
    expect(JSON.parse((await ask('inventory', '--view', 'none', '--host', HOST)).out)).toEqual({})
    const { code, err } = await ask('inventory', '--view', 'wbe')
    expect([code, err]).toEqual([1, expect.stringContaining('there is no view "wbe"; there are none, web')])
  })

  test('why a host is in it, or is not, which is another exit code', async () => {
    const listed = await ask('inventory', '--view', 'web', '--why', HOST)
    expect([listed.code, listed.out.split('\n')]).toEqual([
      0,
      [
        `${HOST}  in the view web`,
        'listed          yes: it is known, and all that the view asks for holds',
        'enabled         yes: it runs, its agent answers and it has an address',
        'connection      ansible_host is 10.0.0.7: the address 10.0.0.7 of the network default, from the platform',
        'connection      ansible_user is core: its label example.com/login, by variables.0; less counts: connection.linux.user is automation',
        'not given       ansible_port: its label example.com/port is "ssh", and that can not be',
        'group           label_app_web: its label app is web',
        'no group        of the label tier: it has no label tier, or an empty one',
      ],
    ])
    const missing = await ask('inventory', '--view', 'none', '--why', HOST)
    expect([missing.code, missing.out]).toEqual([3, expect.stringContaining('no: its labels do not meet app in (db)')])
    const program = await ask('inventory', '--why', 'nobody', '--json')
    expect([program.code, JSON.parse(program.out)]).toMatchObject([3, { host: 'nobody', view: '', listed: false }])
  })

  test('VMs, a line each or as JSON', async () => {
    const { code, out } = await ask('vms')
    expect(code).toBe(0)
    expect(out).toMatch(/^HOST +STATUS +REACHABLE +ADDRESS +OS +NODE/)
    expect(out).toMatch(/^web-1\.shop\.prod-1 .*10\.0\.0\.7 +rhel 9\.4 +node-1/m)
    expect(JSON.parse((await ask('vms', '--json')).out)).toMatchObject([{ host: HOST, address: '10.0.0.7' }])
  })

  test('clusters, with what is wrong with them', async () => {
    expect((await ask('clusters')).out).toMatch(/^prod-1 +synced +1/m)
    expect(JSON.parse((await ask('clusters', '--json')).out)).toMatchObject([{ name: 'prod-1', status: 'synced' }])
  })

  test('why a VM is as it is', async () => {
    const { out } = await ask('explain', HOST)
    expect(out).toContain(`${HOST}  uid `)
    expect(out).toMatch(/^known since .*there before its cluster was adopted/m)
    expect(out).toMatch(/^onboard by self no: no controller is configured/m)
    expect(JSON.parse((await ask('explain', HOST, '--json')).out)).toMatchObject({ host: HOST, adopted: true })
    const unknown = await ask('explain', 'nobody')
    expect([unknown.code, unknown.err]).toEqual([
      1,
      expect.stringMatching(/no VM is called "nobody"\n.*virtbridge vms lists them/) as string,
    ])
  })

  test('events, a line each or a CloudEvent each', async () => {
    expect((await ask('events')).out).toMatch(/^\d\d:\d\d:\d\d {2}discovered +web-1\.shop\.prod-1/m)
    const [first = ''] = (await ask('events', '--json', '--limit', '1')).out.split('\n')
    expect(JSON.parse(first)).toMatchObject({ specversion: '1.0', data: { fact: 'discovered', host: HOST } })
    expect((await ask('events', '--stream', 'cluster')).out).toMatch(/joined +prod-1/)
    const wrong = await ask('events', '--limit', '0')
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('limit') as string])
  })

  test('a token that is wrong is said, and what to do', async () => {
    const { code, err } = await virtbridge(['vms'], { VIRTBRIDGE_URL: bridge.url, VIRTBRIDGE_TOKEN: 'wrong' })
    expect([code, err]).toEqual([1, expect.stringMatching(/a valid bearer token is needed\n.*http\.tokens/) as string])
  })

  test('a cluster that waits for nobody is not confirmed, and nobody is asked in vain', async () => {
    for (const more of [[], ['--json'], ['--yes', '--digest', 'x']]) {
      expect(await ask('confirm-deletions', 'prod-1', ...more)).toMatchObject({
        code: 1,
        err: expect.stringContaining('waits for nothing') as string,
      })
    }
    expect(await ask('confirm-deletions', 'nowhere')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no cluster is called "nowhere"') as string,
    })
  })

  test('a loss that there is none of is told before anybody is asked', async () => {
    for (const more of [[], ['--yes']]) {
      const { code, err } = await ask('loss', 'confirm', 'state.runs', ...more)
      expect([code, err]).toEqual([1, expect.stringContaining('no loss of "state.runs" waits for anybody')])
      expect(err).toContain('virtbridge losses lists those that do')
    }
  })

  test('nobody confirms in a script what they have not seen', async () => {
    expect(await ask('confirm-deletions', 'prod-1', '--yes')).toMatchObject({
      code: 1,
      err: expect.stringContaining('--digest') as string,
    })
  })
})

test('events are followed across a restart of the bridge, each once, also when none had come before it', async () => {
  await using relay = await startRelay(() => Number(new URL(bridge.url).port))
  await using following = start(['events', '--follow', '--json', '--after', 'now'], {
    ...env(),
    VIRTBRIDGE_URL: relay.url,
  })
  const facts = (): readonly string[] =>
    following.lines.map(line => (JSON.parse(line) as { data: { fact: string } }).data.fact)
  await expect.poll(relay.seen, SOON).toContain('id: ')
  await bridge[Symbol.asyncDispose]()
  world.addVm('late')
  bridge = await startBridge(folder, config)
  await expect.poll(facts, SOON).toEqual(['created'])
  world.removeVm('late')
  await expect.poll(facts, SOON).toEqual(['created', 'deleted'])
  expect(following.errors).toEqual([])
})

/** A port that stays while what is behind it comes and goes, and remembers what came back through it. */
async function startRelay(port: () => number): Promise<{ url: string; seen: () => string } & AsyncDisposable> {
  let seen = ''
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    const upstream = connect(port(), '127.0.0.1')
    for (const one of [socket, upstream]) {
      sockets.add(one)
      one.on('error', () => undefined)
    }
    upstream.on('data', chunk => (seen += chunk.toString()))
    socket.once('close', () => upstream.destroy())
    upstream.once('close', () => socket.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: () => seen,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
