import { expect, test } from 'vitest'
import { inside, playContainerfile, readContainerfile } from './container-file.ts'

const NOWHERE = { context: '/nowhere', base: '/nowhere', folder: '/nowhere', env: {}, say: () => undefined }

test('a Containerfile is read line by line: comments are nothing, and what is continued is one instruction', () => {
  const text = '# Base\nARG PYCMD="/usr/bin/python3"\n\nRUN one && \\\n    two\n  # within\nCMD ["bash"]\n'
  expect(readContainerfile(text)).toEqual([
    { name: 'ARG', rest: 'PYCMD="/usr/bin/python3"' },
    { name: 'RUN', rest: 'one &&      two' },
    { name: 'CMD', rest: '["bash"]' },
  ])
})

test('an instruction that is not played is told, and never passed over', async () => {
  await expect(playContainerfile('HEALTHCHECK NONE\n', NOWHERE)).rejects.toThrow('HEALTHCHECK is not played')
})

test('what is said of an image is what its containers are started by; the last word counts', async () => {
  const text =
    'ARG KIND=plain\nARG KIND\nENV A=1\nENV B="$KIND $A"\nUSER 1000\nENTRYPOINT ["/bin/start", "first"]\nCMD ["bash"]\nLABEL a=b\n'
  const image = await playContainerfile(text, NOWHERE)
  expect(image).toMatchObject({ env: { A: '1', B: 'plain 1' }, user: '1000', entrypoint: ['/bin/start', 'first'] })
  expect(inside(image, ['id'], '/runner').slice(0, 3)).toEqual(['--userspec=1000:0', '--groups=0', '/nowhere'])
  expect(inside({ ...image, user: '' }, ['id'])[0]).toBe('/nowhere')
})
