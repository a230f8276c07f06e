import { ansible, olderAnsible } from '../servers/python-environment.ts'
import { pluginSuite } from './plugin-suite.ts'

// The oldest and the newest; test/long/ansible-cores.test.ts has those between them too.
pluginSuite('2.16', () => olderAnsible('2.16'))
pluginSuite('2.19', () => ansible())
