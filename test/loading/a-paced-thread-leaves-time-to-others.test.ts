import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { createPace } from '../../src/loading/pace.ts'

// Beside other tests the busy thread may not have what its half was paused for.
it('has no more than half of what a busy thread beside it has', { retry: 2 }, async () => {
  const busy = new Worker("require('node:worker_threads').parentPort.postMessage(0); for (;;);", { eval: true })
  await once(busy, 'message')
  const pace = createPace()
  const [own, all] = [process.threadCpuUsage().user, process.cpuUsage().user]
  for (let piece = 0; piece < 200; piece++) {
    work()
    pace()
  }
  const ownMicros = process.threadCpuUsage().user - own
  const othersMicros = process.cpuUsage().user - all - ownMicros
  await busy.terminate()
  // What is not its half is what the clock of a busy machine counts late.
  expect(ownMicros / othersMicros).toBeLessThan(0.7)
})

it('does not pause while the others do nothing', () => {
  const pace = createPace()
  const before = process.resourceUsage().voluntaryContextSwitches
  for (let piece = 0; piece < 100; piece++) {
    work()
    pace()
  }
  expect(process.resourceUsage().voluntaryContextSwitches - before).toBeLessThan(80)
})

/** Some two milliseconds. */
function work(): number {
  let sum = 0
  for (let i = 0; i < 2_000_000; i++) sum += Math.sqrt(i)
  return sum
}
