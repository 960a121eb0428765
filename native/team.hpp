// Shares the chunks of one step of a pass between the thread that owns the pass and whoever has nothing else to do.
//
// The owner goes on as soon as every chunk is done. It never waits for a helper to arrive, only for chunks that a helper
// has taken, so a pass needs no second core. Where a helper was taken off its core in the middle of a chunk, the owner has
// to wait for it; it then does without helpers for a while.
#pragma once
#include <sched.h>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace valence {

class Team {
 public:
  static constexpr int kCountBits = 20;
  static constexpr uint64_t kMostChunks = (1u << kCountBits) - 1;

  // A chunk's number, and which thread of the pool does it (for its scratch memory).
  using Work = void (*)(void* context, int chunk, int thread);

  // @param chunks at most kMostChunks
  template <typename Function>
  void share(int chunks, int thread, Function&& function) {
    const Work work = [](void* context, int chunk, int thread) { (*(Function*)context)(chunk, thread); };
    work_.store(work, std::memory_order_relaxed);
    context_.store((void*)&function, std::memory_order_relaxed);
    finished_.store(0, std::memory_order_relaxed);
    step_++;
    ticket_.store(step_ << 2 * kCountBits | (uint64_t)chunks << kCountBits, std::memory_order_release);
    while (takeOne(thread)) {
    }
    awaitHelpers(chunks);
  }

  // A helper's turn. Returns whether there was a chunk to do.
  bool takeOne(int thread) {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    for (;;) {
      const int chunk = (int)(ticket & kMostChunks), chunks = (int)(ticket >> kCountBits & kMostChunks);
      if (chunk >= chunks) return false;
      // What is read here belongs to the ticket's step if the ticket is still the same afterwards: a step with a chunk
      // left to take cannot end.
      const Work work = work_.load(std::memory_order_relaxed);
      void* const context = context_.load(std::memory_order_relaxed);
      if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
      work(context, chunk, thread);
      finished_.fetch_add(1, std::memory_order_release);
      return true;
    }
  }

  bool wantsHelpers() const { return active_.load(std::memory_order_relaxed) && now() >= aloneUntil_.load(std::memory_order_relaxed); }
  void begin() { active_.store(true, std::memory_order_relaxed); }
  void end() { active_.store(false, std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;
  static int64_t now() { return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count(); }

  void awaitHelpers(int chunks) {
    if (finished_.load(std::memory_order_acquire) == chunks) return;
    const int64_t since = now();
    for (int spins = 0; finished_.load(std::memory_order_acquire) != chunks; spins++) {
      if (spins < kSpins) __builtin_ia32_pause();
      else sched_yield();
    }
    if (const int64_t until = now(); until - since > kPatienceMicros) aloneUntil_.store(until + kAloneMicros, std::memory_order_relaxed);
  }

  // A chunk takes some microseconds; one that takes this long is on a thread that lost its core.
  static constexpr int64_t kPatienceMicros = 300;
  // Long enough that such waits are rare, short enough that a core that is free again is soon used.
  static constexpr int64_t kAloneMicros = 100'000;
  // Some ten microseconds: about a chunk.
  static constexpr int kSpins = 200;

  // The step's number, how many chunks it has, and the next of them. All in one word, so that no chunk is taken of a step
  // that is over.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  alignas(64) std::atomic<int> finished_{0};
  std::atomic<Work> work_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<bool> active_{false};
  std::atomic<int64_t> aloneUntil_{0};
  uint64_t step_ = 0;
};

}  // namespace valence
