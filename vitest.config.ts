import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The second keeps docs/compatibility.md true, after a whole run.
    reporters: ['default', './test/compatibility/reporter.ts'],
    globalSetup: 'test/support/store-servers.ts',
    // For the commands that tests run: they neither reach for the network nor find what this machine has in its cache.
    env: { DATABASE_URL: '', VALENCE_OFFLINE: '1', HF_HUB_CACHE: '/nonexistent', HF_TOKEN: '' },
    // A test starts real servers and loads a real model: two at a time keep two cores busy. A third has something to do while others wait
    // for a time to be over.
    maxWorkers: 3,
    // Far more than any takes by itself, as the machine may have other work.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
