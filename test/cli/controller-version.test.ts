import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/index.ts'
import { quietFindings, versionFinding } from '../../src/check/controller.ts'

test.each(['24.6.1', '24.6.2', '4.5.11', '4.6.0', '4.7.3'])(
  'a controller of version %s is one that was tried',
  version => {
    const detail = `version ${version} at /api/v2/`
    expect(versionFinding('controller', version, '/api/v2/')).toEqual({
      what: 'controller',
      result: 'ok',
      detail,
      hint: '',
    })
  },
)

test.each([
  ['25.0.0', 'version 25.0.0'],
  ['3.8.6', 'version 3.8.6'],
  ['4.50.1', 'version 4.50.1'],
  ['', 'version not told'],
])('of version "%s" it is a warning, which says that launches go on and what proves each', (version, told) => {
  const { result, detail, hint } = versionFinding('controller', version, '/api/controller/v2/')
  expect([result, detail]).toEqual(['warn', `${told} at /api/controller/v2/, which virtbridge was not tried with`])
  expect(hint).toMatch(/launches all the same.*begin with one VM/)
})

test.each([
  [45, []],
  [31, []],
  [30, ['warn']],
  [5, ['warn']],
])('a quiet period of %d s beside one that works on a request for 30 s is told so: %j', (seconds, results) => {
  const text = `clusters: [{ name: prod-1, kubeconfig: k }]
controller: { url: 'https://aap.example.com', token: { env: T }, quiet_period_seconds: ${seconds} }`
  const { controller } = parseConfig(text, 'check.yaml')
  const found = controller === undefined ? [] : [...quietFindings(controller)]
  expect(found.map(({ result }) => result)).toEqual(results)
  for (const { detail } of found) expect(detail).toMatch(/a launch whose answer was lost may come twice$/)
})
