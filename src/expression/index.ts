export { type Expression, type ExpressionType, hostContext, type HostContext, parseExpression } from './expression.ts'
export { HOST_VARIABLES } from './host-variables.ts'
