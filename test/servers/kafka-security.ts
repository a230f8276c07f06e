import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Authority, createAuthority, type Identity } from './authority.ts'

/** The ports of a node for those who have to say who they are. */
export interface SecurePorts {
  /** TLS, and a user with a password. */
  readonly saslSsl: number
  /** A user with a password, in plain text. */
  readonly saslPlain: number
  /** TLS, and a certificate of the client. */
  readonly mutual: number
}

/** The listeners of a Kafka that asks who one is. */
export interface SecureListeners {
  readonly saslSsl: readonly string[]
  readonly saslPlain: readonly string[]
  readonly mutual: readonly string[]
  /** The certificate of the authority, as PEM: of the servers, and of the clients that they let in. */
  readonly ca: string
  /** A key and certificate of a client, whose principal is `CN=<name>`. */
  readonly issue: (name: string) => Identity
  /** Another authority takes its place when a node starts the next time; what the one before signed counts no more. */
  readonly renew: () => Promise<Authority>
}

/** Users with their passwords, by SCRAM-SHA-256 and -512 and by PLAIN. */
export const USERS = { app: 'app-password', eda: 'eda-password' } as const

/** Makes the authority and the servers' key, as PEM files in `folder`. */
export async function makeKeys(folder: string): Promise<Authority> {
  const authority = createAuthority('virtbridge test')
  const { key, certificate } = authority.issue('kafka')
  await writeFile(join(folder, 'keys.pem'), `${key}${certificate}`)
  await writeFile(join(folder, 'ca.pem'), authority.certificate)
  return authority
}

/** `listeners` of a node, to be appended. */
export function secureListeners({ saslSsl, saslPlain, mutual }: SecurePorts): string {
  return `,SASL_SSL://127.0.0.1:${saslSsl},SASL_PLAINTEXT://127.0.0.1:${saslPlain},MUTUAL://127.0.0.1:${mutual}`
}

/** What a node needs for them. With `acls` only the plain listener without a user may do everything. */
export function secureProperties(folder: string, acls: boolean): readonly string[] {
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const users = Object.entries(USERS).map(([name, password]) => `user_${name}="${password}"`)
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required ${users.join(' ')};`
  return [
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    ...['sasl_ssl', 'sasl_plaintext'].flatMap(listener => [
      `listener.name.${listener}.scram-sha-256.sasl.jaas.config=${scram}`,
      `listener.name.${listener}.scram-sha-512.sasl.jaas.config=${scram}`,
      `listener.name.${listener}.plain.sasl.jaas.config=${plain}`,
    ]),
    `ssl.keystore.location=${join(folder, 'keys.pem')}`,
    'ssl.keystore.type=PEM',
    `ssl.truststore.location=${join(folder, 'ca.pem')}`,
    'ssl.truststore.type=PEM',
    'listener.name.mutual.ssl.client.auth=required',
    ...(acls
      ? [
          'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          'allow.everyone.if.no.acl.found=false',
          'super.users=User:ANONYMOUS',
        ]
      : []),
  ]
}

/** What `kafka-storage.sh format` is told, so that the users are there from the start. */
export function formatUsers(): readonly string[] {
  return ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap(mechanism =>
    Object.entries(USERS).flatMap(([name, password]) => ['-S', `${mechanism}=[name=${name},password=${password}]`]),
  )
}
