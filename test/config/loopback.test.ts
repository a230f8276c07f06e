import { expect, test } from 'vitest'
import { isLoopback } from '../../src/config/index.ts'

test.each([
  ['localhost', true],
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['[::1]', true],
  ['0.0.0.0', false],
  ['[::]', false],
  ['', false],
  ['10.127.0.1', false],
  ['127.0.0.1.example.com', false],
  ['127.0.0.1.5', false],
  ['localhost.example.com', false],
])('%j is this machine: %s', (host, is) => {
  expect(isLoopback(host)).toBe(is)
})
