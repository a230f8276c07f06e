import { olderAnsible } from '../servers/python-environment.ts'
import { pluginSuite } from '../integration/plugin-suite.ts'

// 2.16 and 2.19 are in test/integration.
for (const version of ['2.17', '2.18'] as const) pluginSuite(version, () => olderAnsible(version))
