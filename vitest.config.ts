import { defineConfig } from 'vitest/config'

/**
 * Four suites. `unit` needs Node alone; `integration` starts real servers (built once into a cache, see docs/testing.md);
 * `guests` needs root; `long` is the long form of chaos and soak.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/guests/**', 'test/long/**'],
          testTimeout: 20_000,
          // More than there are cores: many of these tests wait for a clock or a socket.
          maxWorkers: 4,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/servers/setup.ts'],
          testTimeout: 90_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          // After the unit suite: groups with different worker counts cannot run together.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'guests',
          include: ['test/guests/**/*.test.ts'],
          globalSetup: ['test/servers/setup-guests.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      { test: { name: 'long', include: ['test/long/**/*.test.ts'], testTimeout: 3_600_000, fileParallelism: false } },
    ],
  },
})
