import { choice, list, object, type Schema, whole } from './schema-part.ts'

/** As Unix, Windows and Kerberos have them; the collection takes no others. */
const USER = '^[A-Za-z0-9_]([A-Za-z0-9_.@\\\\-]{0,126}[A-Za-z0-9_.$-])?$'

/** How guests are talked to, by their operating system. */
export function connection(): Schema {
  return object(
    'How guests are talked to. Only what is said here, or in variables, becomes a variable of the connection.',
    {
      linux: object('Guests that do not say they are Windows: ssh.', path()),
      windows: object('Guests that say they are Windows.', {
        type: choice(['psrp', 'winrm', 'ssh'], 'psrp', 'The connection plugin.'),
        ...path(),
        transport: {
          type: 'string',
          enum: ['', 'negotiate', 'kerberos', 'ntlm', 'credssp', 'basic', 'certificate'],
          default: '',
          description: 'How it logs in by winrm or psrp; empty leaves it to the plugin.',
        },
        scheme: choice(
          ['https', 'http'],
          'https',
          'What winrm or psrp talks. http encrypts with kerberos, ntlm and credssp alone.',
        ),
        certificate: choice(
          ['validate', 'ignore'],
          'validate',
          'Whether the certificate of the guest must be valid. ignore: anybody on the way may read along.',
        ),
        kerberos_name: {
          type: 'string',
          maxLength: 200,
          default: '',
          description: 'The name that Kerberos knows the guest by, as {name}.ad.example.com; empty takes its address.',
        },
      }),
    },
  )
}

function path(): Schema {
  return {
    via: choice(
      ['address', 'service', 'port_forward'],
      'address',
      'address: at its own. service: at a node port or load balancer that leads to it (needs watch.services). port_forward: by virtctl port-forward, through the API server of its cluster; ssh alone.',
    ),
    dns_name: {
      type: 'string',
      maxLength: 200,
      default: '',
      description:
        'With via: address, the DNS name that the guest is connected to by instead of its address, as {name}.{namespace}.vm.example.com: so that its certificate can be checked. Empty takes the address.',
    },
    port: whole(0, 0, 65_535, 'The port of the guest; 0 is the usual one of the connection.'),
    user: {
      type: 'string',
      pattern: `^$|${USER}`,
      default: '',
      description: 'The user who logs in; empty leaves it to Ansible.',
    },
    service_ports: list(
      'With via: service, which of its ports leads to the guest: names or numbers of the Service or of the guest, the best first. Empty is the usual ones: 22, ssh; 5986, winrms, winrm-https.',
      20,
      {
        anyOf: [
          { type: 'integer', minimum: 1, maximum: 65_535 },
          { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' },
        ],
      },
    ),
    node_domain: {
      type: 'string',
      pattern: '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*)?$',
      maxLength: 190,
      default: '',
      description: 'With via: service, what is appended to the name of a node so that it can be resolved.',
    },
    virtctl: object('With via: port_forward, how virtctl finds the cluster, where jobs run.', {
      kubeconfig: {
        type: 'string',
        pattern: '^(/[A-Za-z0-9_./-]{1,250})?$',
        default: '',
        description: 'The kubeconfig there, as an absolute path; empty is the one that is found.',
      },
      context: {
        type: 'string',
        pattern: '^([A-Za-z0-9_.@:{}-]{1,200})?$',
        default: '',
        description: 'Its context; {cluster} is the name of the cluster. Empty is the current one.',
      },
    }),
  }
}
