import { familyRecipe, redhat } from '../servers/family-root.ts'
import { playFamily } from './family-plays.ts'

playFamily({
  recipe: familyRecipe(redhat),
  install: ['dnf', '--quiet', '--assumeyes', 'install'],
  trust: {
    program: 'usr/bin/update-ca-trust',
    folder: 'etc/pki/ca-trust/source/anchors',
    bundle: '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  },
  rsyslog: { tls: 'rsyslog-gnutls', spool: '/var/lib/rsyslog' },
  sudoers: '',
})
