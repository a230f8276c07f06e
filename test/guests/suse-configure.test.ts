import { familyRecipe, suse } from '../servers/family-root.ts'
import { playFamily } from './family-plays.ts'

playFamily({
  recipe: familyRecipe(suse),
  install: ['zypper', '--non-interactive', '--quiet', 'install'],
  trust: {
    program: 'usr/sbin/update-ca-certificates',
    folder: 'etc/pki/trust/anchors',
    bundle: '/var/lib/ca-certificates/ca-bundle.pem',
  },
  rsyslog: { tls: 'rsyslog-module-gtls', spool: '/var/spool/rsyslog' },
  sudoers: 'Defaults:bob !targetpw\n',
})
