import { expect, test } from 'vitest'
import { openApi } from '../../src/cli/api.ts'
import { startScripted } from '../kube/world.ts'

test.each([301, 302, 307, 308])(
  'a redirect (%i) is not followed: token and secrets go nowhere else, and it is said where it leads',
  async status => {
    await using elsewhere = await startScripted((_path, response) => void response.end('{}'))
    await using server = await startScripted((path, response) => {
      response.writeHead(status, { location: `${elsewhere.url}${path}` }).end()
    })
    const api = openApi({ url: server.url, token: 'a-token-of-the-test' })
    const moved = { code: 'redirected', message: expect.stringContaining(`${elsewhere.url}/api/v1/runs`) as string }
    await expect(api.post('/api/v1/runs', { secrets: { password: 'sesame' } })).rejects.toMatchObject(moved)
    await expect(api.get('/api/v1/runs')).rejects.toMatchObject(moved)
    expect(elsewhere.count).toBe(0)
  },
)
