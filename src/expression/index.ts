export { type Expression, hostContext, type HostContext, parseExpression } from './expression.ts'
export { HOST_VARIABLES } from './host-variables.ts'
