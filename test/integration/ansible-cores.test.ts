import { ansible, OLDER_CORES, olderAnsible } from '../servers/python-environment.ts'
import { pluginSuite } from './plugin-suite.ts'

for (const version of OLDER_CORES) pluginSuite(version, () => olderAnsible(version))
pluginSuite('2.19', () => ansible())
