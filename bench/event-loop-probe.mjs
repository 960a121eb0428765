import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

/**
 * Loaded into a server before its own code (`node --import`): measures how long its event loop is held, and writes the
 * figures to $VALENCE_PROBE_FILE. The first SIGUSR2 starts the figures afresh, once the server is warm; the second writes
 * them, so that the end of the server is not in them.
 *
 * The chain of callbacks below comes round after a millisecond, or after whatever the loop does that takes longer: at
 * most two turns of the loop, so that its figures err on the high side. The thread's own CPU time in between is what our
 * code held the loop for; what the wall clock shows beyond that, time without events taken off, is waiting for a core
 * that another program or a worker thread has. The kernel counts CPU time to some 4 ms, which is fine for holds of 20.
 */
const HOLD_MS = 20
const KEPT = 20

function createProbe() {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  let turns = 0
  let cpu = []
  let wall = []
  let worst = []
  let utilization = performance.eventLoopUtilization()
  let lastCpu = process.threadCpuUsage()
  let lastWall = performance.now()
  let startedAt = lastWall
  let lastIdle = utilization.idle

  function turn() {
    const { user, system } = process.threadCpuUsage(lastCpu)
    const now = performance.now()
    const { idle } = performance.eventLoopUtilization()
    const cpuMs = (user + system) / 1000
    // Time in which the loop waited for events is nobody's fault.
    const wallMs = now - lastWall - (idle - lastIdle)
    const atMs = now - startedAt
    turns++
    cpu.push(cpuMs)
    wall.push(wallMs)
    if (cpuMs > HOLD_MS || wallMs > HOLD_MS) worst.push({ cpuMs, wallMs, withIdleMs: now - lastWall, atMs })
    lastCpu = process.threadCpuUsage()
    lastWall = performance.now()
    lastIdle = idle
    // A timer rather than an immediate alone, so that the probe does not keep an idle loop spinning.
    setTimeout(() => setImmediate(turn), 1).unref()
  }

  return {
    start: () => setImmediate(turn),
    reset() {
      delay.reset()
      turns = 0
      cpu = []
      wall = []
      worst = []
      startedAt = performance.now()
      utilization = performance.eventLoopUtilization()
    },
    figures: () => ({
      turns,
      utilization: performance.eventLoopUtilization(utilization).utilization,
      holdCpuMs: summaryOf(cpu),
      holdWallMs: summaryOf(wall),
      delayMs: {
        p50: delay.percentile(50) / 1e6,
        p99: delay.percentile(99) / 1e6,
        'p99.9': delay.percentile(99.9) / 1e6,
        max: delay.max / 1e6,
      },
      cpuHoldsOver20Ms: worst.filter(({ cpuMs }) => cpuMs > HOLD_MS).length,
      wallHoldsOver20Ms: worst.filter(({ wallMs }) => wallMs > HOLD_MS).length,
      worst: worst.toSorted((a, b) => b.wallMs - a.wallMs).slice(0, KEPT),
    }),
  }
}

function summaryOf(values) {
  const sorted = Float64Array.from(values).toSorted()
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), 'p99.9': at(0.999), max: at(1) }
}

// Worker threads load this as well; theirs is not the loop that requests wait for.
if (isMainThread && process.env.VALENCE_PROBE_FILE) {
  const probe = createProbe()
  probe.start()
  const write = () => writeFileSync(process.env.VALENCE_PROBE_FILE, JSON.stringify(probe.figures()))
  process.once('SIGUSR2', () => {
    probe.reset()
    process.once('SIGUSR2', write)
  })
}
