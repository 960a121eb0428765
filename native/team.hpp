// Shares the chunks of one step of a pass between the thread that owns the pass and whoever has nothing else to do.
//
// The owner goes on as soon as every chunk is done. It never waits for a helper to arrive, only for chunks that a helper
// has taken, so a pass needs no second core. Where a helper was taken off its core in the middle of a chunk, the owner has
// to wait for it; it then does without helpers for some times as long, and for twice as long as before where that happens again at
// once: a core that was lost for a moment is soon used again, and one that somebody else works on is tried ten times a second.
//
// The owner takes chunks from the front and helpers from the back, so that each goes on to the chunk beside its last: it
// knows what to fetch from memory ahead.
#pragma once
#include <sched.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace valence {

class Team {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr int kCountBits = 20;
  static constexpr uint64_t kMostChunks = (1u << kCountBits) - 1;

  struct Turn {
    int chunk;
    int thread;  // of the pool, for its scratch memory
    bool helps;  // and so takes the chunks from the back
    bool last;   // whether this thread most likely does no other chunk of this step
  };
  using Work = void (*)(void* context, const Turn& turn);

  // @param chunks at most kMostChunks
  template <typename Function>
  void share(int chunks, int thread, Function&& function) {
    // Nobody else needs to know.
    if (chunks == 1) return function(Turn{0, thread, false, true});
    const Work work = [](void* context, const Turn& turn) { (*(Function*)context)(turn); };
    work_.store(work, std::memory_order_relaxed);
    context_.store((void*)&function, std::memory_order_relaxed);
    chunks_.store(chunks, std::memory_order_relaxed);
    helped_.store(0, std::memory_order_relaxed);
    step_++;
    left_.store(step_ << 2 * kCountBits | (uint64_t)chunks << kCountBits, std::memory_order_release);
    const int64_t since = now();
    int own = 0;
    while (takeOne(thread, false)) own++;
    awaitHelpers(chunks - own, since, own);
  }

  // Returns whether there was a chunk to do.
  bool takeOne(int thread, bool helps) {
    uint64_t left = left_.load(std::memory_order_acquire);
    for (;;) {
      const int next = (int)(left & kMostChunks), end = (int)(left >> kCountBits & kMostChunks);
      if (next >= end) return false;
      // What is read here belongs to the step if `left` is still the same afterwards: a step with a chunk left to take
      // cannot end.
      const Work work = work_.load(std::memory_order_relaxed);
      void* const context = context_.load(std::memory_order_relaxed);
      const bool isShared = helps || end < chunks_.load(std::memory_order_relaxed);
      const uint64_t rest = helps ? left - (1ull << kCountBits) : left + 1;
      if (!left_.compare_exchange_weak(left, rest, std::memory_order_acq_rel)) continue;
      work(context, {helps ? end - 1 : next, thread, helps, end - next <= (isShared ? 2 : 1)});
      if (helps) helped_.fetch_add(1, std::memory_order_release);
      return true;
    }
  }

  bool wantsHelpers() const { return active_.load(std::memory_order_relaxed) && now() >= aloneUntil_.load(std::memory_order_relaxed); }
  // When helpers are wanted, where they are: as soon as there is something to do, or when the owner has been alone for long enough.
  std::optional<Clock::time_point> wantsHelpersFrom() const {
    if (!active_.load(std::memory_order_relaxed)) return std::nullopt;
    return Clock::time_point(std::chrono::microseconds(aloneUntil_.load(std::memory_order_relaxed)));
  }
  void begin() { active_.store(true, std::memory_order_relaxed); }
  void end() { active_.store(false, std::memory_order_relaxed); }

 private:
  static int64_t now() { return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count(); }

  // @param began when the owner took the first of its `own` chunks
  void awaitHelpers(int chunks, int64_t began, int own) {
    if (helped_.load(std::memory_order_acquire) == chunks) return;
    const int64_t since = now(), chunkMicros = own > 0 ? (since - began) / own : 0;
    for (int spins = 0; helped_.load(std::memory_order_acquire) != chunks; spins++) {
      if (spins < kSpins) __builtin_ia32_pause();
      else sched_yield();
    }
    const int64_t waitedMicros = now() - since;
    if (waitedMicros > std::max(kPatienceMicros, kPatienceChunks * chunkMicros)) goOnAlone(waitedMicros);
  }

  void goOnAlone(int64_t waitedMicros) {
    const int64_t from = now();
    const bool isAgain = from - aloneUntil_.load(std::memory_order_relaxed) < aloneMicros_;
    aloneMicros_ = std::min(kMostAloneMicros, std::max(kAloneWaits * waitedMicros, isAgain ? 2 * aloneMicros_ : 0));
    aloneUntil_.store(from + aloneMicros_, std::memory_order_relaxed);
  }

  // Most chunks take some microseconds. One that takes this long, and some times as long as one of the owner's own in the mean, is on a
  // thread that lost its core.
  static constexpr int64_t kPatienceMicros = 300;
  static constexpr int64_t kPatienceChunks = 2;
  // Two threads are twice as fast as one, so being alone for three times the wait costs about as much as that did.
  static constexpr int64_t kAloneWaits = 3;
  // Long enough that such waits are rare, short enough that a core that is free again is soon used.
  static constexpr int64_t kMostAloneMicros = 100'000;
  // Some ten microseconds: about a chunk.
  static constexpr int kSpins = 200;

  // The step's number, and which of its chunks are left: from the lowest bits up, the first of them and the one past their
  // last. All in one word, so that no chunk is taken of a step that is over.
  alignas(64) std::atomic<uint64_t> left_{0};
  alignas(64) std::atomic<int> helped_{0};  // chunks that helpers are done with
  std::atomic<Work> work_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<int> chunks_{0};
  // Helpers look at these all the time, so they lie apart from what the owner writes at every step.
  alignas(64) std::atomic<bool> active_{false};
  std::atomic<int64_t> aloneUntil_{0};
  int64_t aloneMicros_ = 0;
  uint64_t step_ = 0;
};

}  // namespace valence
