export * from './fleet.ts'
export * from './scope.ts'
