import { defineConfig } from 'vitest/config'

/** Tests of several parts together, over HTTP and with a log on disk: too slow for the quick loop. */
const PARTS = [
  'test/aap/{ambiguity,exchanges,follow,inventory,jobs-on,launch,lookup,protocol,redaction,session-pace,token-expiry,trust}.test.ts',
  'test/cli/**/*.test.ts',
  'test/cluster/{clock,hub-clock,keep,life,unacknowledged,watch}.test.ts',
  'test/deploy/check.test.ts',
  'test/day2/{bell,cancel,commands,dispatcher,external-run,history,lost-answer,lost-ledger,model,off-record,paused,progress,preflight-age,secrets}.test.ts',
  'test/http/**/*.test.ts',
  'test/kube/**/*.test.ts',
  'test/laws/**/*.test.ts',
  'test/log/**/*.test.ts',
  'test/servers/**/*.test.ts',
  'test/service/**/*.test.ts',
  'test/simulator/**/*.test.ts',
  'test/watch/**/*.test.ts',
]
/**
 * How long a test or hook may take before it is given up, and how long a poll waits: no measure of anything, as the machine may be busy
 * with whatever else, and short enough that one that hangs is reported while somebody still waits. A test that is about time says so itself.
 */
const PATIENCE = { testTimeout: 300_000, hookTimeout: 300_000, expect: { poll: { timeout: 60_000 } } }
/** The same where real servers are started, and processes of others. */
const REAL_PATIENCE = { ...PATIENCE, testTimeout: 600_000, hookTimeout: 600_000 }
/** Every event that a test appends to a log is held against its published schema. */
const SETUP = ['test/setup.ts']
/**
 * One second look at a test that failed, which the report names (see docs/testing.md): the machine, and the servers of others, may be slow. None
 * at a property that met a counterexample: that is found, however seldom it is met.
 */
const SECOND_LOOK = { retry: { count: 1, condition: /^(?!Property failed after)/ } }
const REAL = ['test/integration/**', 'test/guests/**', 'test/long/**']

/**
 * Five suites. `unit` (the quick loop) and `parts` need Node alone; `integration` starts real servers (built once into a cache, see
 * docs/testing.md); `guests` needs root; `long` is the long form of chaos and soak.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          ...PATIENCE,
          ...SECOND_LOOK,
          setupFiles: SETUP,
          include: ['test/**/*.test.ts'],
          exclude: [...REAL, ...PARTS],
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'parts',
          ...PATIENCE,
          ...SECOND_LOOK,
          setupFiles: SETUP,
          include: PARTS,
          // More than there are cores: many of these tests wait for a clock or a socket.
          maxWorkers: 4,
          // One after the other: groups with different worker counts cannot run together.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'integration',
          ...REAL_PATIENCE,
          setupFiles: SETUP,
          include: ['test/integration/**/*.test.ts'],
          ...SECOND_LOOK,
          globalSetup: ['test/servers/setup.ts'],
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'guests',
          ...REAL_PATIENCE,
          setupFiles: SETUP,
          include: ['test/guests/**/*.test.ts'],
          globalSetup: ['test/servers/setup-guests.ts'],
          ...SECOND_LOOK,
          // Each file keeps one core busy.
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'long',
          ...REAL_PATIENCE,
          setupFiles: SETUP,
          include: ['test/long/**/*.test.ts'],
          testTimeout: 3_600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
