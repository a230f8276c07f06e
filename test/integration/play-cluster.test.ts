import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { recapOf } from '../guests/stage.ts'
import { ansible } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const TLS = join(ROOT, 'test', 'fixtures', 'kubernetes', 'tls')
const TOKEN = 'token-of-a-job'

/** An answer: its status, a status with what the API says of it, or one that is cut off in its middle. */
type Answer = number | readonly [status: number, message: string] | 'cut'

/** What an API server answers, the last for ever; how often it is asked then, and whether the play goes on. */
const ASKED: Readonly<Record<string, { method: string; answers: readonly Answer[]; asks: number; ok: boolean }>> = {
  'a server that has only just started forbids everything': {
    method: 'GET',
    answers: [403, 403, 200],
    asks: 3,
    ok: true,
  },
  'nobody may that': { method: 'GET', answers: [403], asks: 5, ok: false },
  'it asks to be asked later': { method: 'GET', answers: [429, 503, 200], asks: 3, ok: true },
  'the answer is cut off': { method: 'GET', answers: ['cut', 200], asks: 2, ok: true },
  'there is nothing of that name': { method: 'GET', answers: [404], asks: 1, ok: false },
  'others write what is patched all the time': { method: 'PATCH', answers: [409, 409, 200], asks: 3, ok: true },
  'what is patched is not what was meant': {
    method: 'PATCH',
    answers: [[409, 'Precondition failed: UID in precondition: a, UID in object meta: b']],
    asks: 1,
    ok: false,
  },
  'the name is taken': { method: 'POST', answers: [409], asks: 1, ok: false },
}
const NAMES = Object.keys(ASKED)

let server: Server
let asks: Map<string, number>
let recap: ReturnType<typeof recapOf>
let output: string

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-cluster-role-'))
  try {
    asks = new Map()
    server = await scripted()
    const hosts = NAMES.map((name, n) => [`vm-${n}`, { asked: String(n), method: ASKED[name]?.method, ...OF_A_VM }])
    const inventory = join(folder, 'inventory.json')
    await writeFile(inventory, JSON.stringify({ all: { hosts: Object.fromEntries(hosts) as unknown } }))
    const play = join(folder, 'play.json')
    await writeFile(play, JSON.stringify(PLAY))
    const { env } = await ansible({})
    const ended = await runToEnd('ansible-playbook', [play, `--inventory=${inventory}`, '--forks=8'], {
      cwd: folder,
      env: {
        ...env,
        ANSIBLE_ROLES_PATH: join(ROOT, 'playbooks', 'roles'),
        K8S_AUTH_KUBECONFIG: '',
        K8S_AUTH_HOST: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
        K8S_AUTH_API_KEY: TOKEN,
        K8S_AUTH_SSL_CA_CERT: join(TLS, 'certificate.pem'),
      },
    })
    recap = recapOf(ended.stdout)
    output = ended.stdout + ended.stderr
  } finally {
    await rm(folder, { recursive: true })
  }
})
afterAll(() => new Promise(resolve => server.close(resolve)))

test.each(NAMES)(
  '%s: it is asked as often as it may help, and no play goes on without an answer that was meant',
  name => {
    const host = `vm-${NAMES.indexOf(name)}`
    expect(asks.get(host), output).toBe(ASKED[name]?.asks)
    expect(recap[host]?.failed, output).toBe(ASKED[name]?.ok === true ? 0 : 1)
  },
)

test('what was answered last is told, and the token stands nowhere', () => {
  expect(output).toContain('forbids it: no')
  expect(output).toContain('answered 404 to GET')
  expect(output).toContain('Precondition failed')
  expect(output).not.toContain(TOKEN)
})

const OF_A_VM = {
  kubevirt_cluster: 'prod-1',
  ansible_connection: 'local',
  ansible_python_interpreter: '{{ ansible_playbook_python }}',
}
const PLAY = [
  {
    hosts: 'all',
    gather_facts: false,
    tasks: [
      {
        'ansible.builtin.include_role': { name: 'cluster' },
        vars: {
          cluster_method: '{{ method }}',
          cluster_path: '/api/{{ inventory_hostname }}',
          cluster_body: "{{ {} if method == 'GET' else {'kind': 'Any'} }}",
          cluster_delay: 0,
          cluster_retries: 5,
        },
      },
    ],
  },
]

async function scripted(): Promise<Server> {
  const [cert, key] = await Promise.all(['certificate', 'key'].map(name => readFile(join(TLS, `${name}.pem`))))
  const https = createServer({ cert, key }, (request, response) => {
    const host = request.url?.split('/').at(-1) ?? ''
    const count = asks.get(host) ?? 0
    asks.set(host, count + 1)
    const { answers } = ASKED[NAMES[Number(host.replace('vm-', ''))] ?? ''] ?? { answers: [500] }
    const answer = answers[Math.min(count, answers.length - 1)] ?? 500
    response.setHeader('content-type', 'application/json')
    if (answer === 'cut') {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{"kind":')
      response.destroy()
      return
    }
    const [status, message] = typeof answer === 'number' ? [answer, 'no'] : answer
    response.statusCode = status
    response.end(JSON.stringify({ kind: 'Status', message }))
  })
  await new Promise<void>(resolve => https.listen(0, '127.0.0.1', resolve))
  return https
}
