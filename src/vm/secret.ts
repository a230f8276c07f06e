/** Keys under which tools keep the whole object, with its cloud-init user data: kubectl, kapp, Rancher, operators; and KubeVirt the user data of Ignition. */
const WHOLE_OBJECT =
  /last-?(?:applied|handled)|^kapp\.k14s\.io\/original|^objectset\.rio\.cattle\.io\/applied$|ignition-?data$/i
/** What a text gives away that is a password or a key, or has one in it. */
const PASSWORD = /passw(?:or)?d|-----BEGIN [A-Z ]*PRIVATE KEY/i
/** What a text gives away that is a whole object, or user data. */
const USER_DATA = /"spec"\s*:|user-?data|cloud-?init|cloud-?config/i
/** A name of Kubernetes: a volume is called `cloudinitdisk` by everybody, and no user data is one word. */
const NAME = /^[a-z\d](?:[a-z\d.-]{0,251}[a-z\d])?$/
/** What holds a password, a token, a key or user data, by how it is called. */
const SECRET_KEY =
  /passw(?:or)?d|passphrase|(?:user|network)[-_]?data|cloud[-_]?(?:init|config)|(?:token|secret|credential|private[-_]?key|api[-_]?key)s?$/i

/** True of an annotation that may hold the whole object, user data, a key or a password, by its text: it is never kept. */
export function isPrivate(key: string, value: string): boolean {
  return WHOLE_OBJECT.test(key) || isPrivateText(value)
}

/** True of an annotation or a member of a status that may hold one, by how it is called. A switch, and what is empty, is no secret. */
export function isSecretKey(key: string, value: unknown): boolean {
  if (value === null || value === '' || typeof value === 'boolean') return false
  return WHOLE_OBJECT.test(key) || SECRET_KEY.test(key)
}

/** True for a text that may be, or hold, user data, a whole object, a key or a password. */
export function isPrivateText(text: string): boolean {
  return PASSWORD.test(text) || (USER_DATA.test(text) && !NAME.test(text))
}
