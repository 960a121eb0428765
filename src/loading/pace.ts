/** Often enough that nobody waits long for a processor, and seldom enough that sleeping costs nothing. */
const BURST_MS = 2

/** Where others keep two processors busy, the thread then has a quarter of one. */
const PAUSE_PER_MS_OF_OTHERS = 1

/** Less is what the system's clocks of a thread and of the process are apart. */
const SHORTEST_PAUSE_MS = 0.5

/** However many processors the others keep busy. */
const LONGEST_PAUSE_MS = 50

const never = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

/**
 * Makes a function that a thread calls between pieces of its work, and that sleeps there as long as the process's other threads
 * were running meanwhile: not at all while they do nothing.
 *
 * A low priority alone is not enough. It decides who gets a processor that two want, but a thread that wakes is not moved to a
 * processor that is not free, so those that sleep and wake crowd on the others, and one that is merely nice takes more than
 * half of a processor from them. The scheduler's idle class, to which no processor counts as taken, can keep a thread from
 * running for seconds while it holds a lock that the event loop waits for.
 */
export function createPace(): () => void {
  let ownMs = processorMs(process.threadCpuUsage())
  let allMs = processorMs(process.cpuUsage())
  return () => {
    const ownNowMs = processorMs(process.threadCpuUsage())
    const burstMs = ownNowMs - ownMs
    if (burstMs < BURST_MS) return
    const othersMs = processorMs(process.cpuUsage()) - allMs - burstMs
    const pauseMs = Math.min(LONGEST_PAUSE_MS, PAUSE_PER_MS_OF_OTHERS * othersMs)
    if (pauseMs >= SHORTEST_PAUSE_MS) Atomics.wait(never, 0, 0, pauseMs)
    ownMs = ownNowMs
    allMs = processorMs(process.cpuUsage())
  }
}

function processorMs({ user, system }: { user: number; system: number }): number {
  return (user + system) / 1000
}
