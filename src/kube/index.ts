export { mayI } from './access.ts'
export { KubeClient } from './client.ts'
// Not `kubeconfig.ts`: its library takes most of a second to load, which only who opens a kubeconfig has to wait for.
export { type Connection, following, type Tls, type Way, withToken } from './connection.ts'
export { KubeError, type KubeErrorKind } from './error.ts'
export { list, type Observed, reflect, type ReflectOptions, type Resource } from './reflector.ts'
export { PATHS, placementDecisionsIn, secretPath } from './resource.ts'
