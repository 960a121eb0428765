// Threads that run packs. A thread is asleep → running a pack, or helping with another's → looking out for more → asleep.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>
#include "model.hpp"
#include "pass.hpp"

namespace valence {

struct Job {
  std::shared_ptr<const Model> model;
  std::vector<int32_t> lengths, ids, typeIds;
  std::vector<float> logits;  // [texts, labels], when it is done
  double milliseconds = 0;    // of the pass
  // Called on the pool's thread when the logits are there, or `error` is.
  std::function<void(std::unique_ptr<Job>)> done;
  const char* error = nullptr;
};

class Pool {
 public:
  // With `helping`, a thread that has no pack of its own shares those of others.
  Pool(const Kernels& kernels, int threads, bool helping);
  // Finishes the packs under way and those that wait.
  ~Pool();
  void submit(std::unique_ptr<Job> job);

 private:
  struct Member {
    std::thread thread;
    Team team;
    Workspace workspace;
  };
  void live(int index);
  std::optional<Team::Clock::time_point> helpWantedFrom();
  void run(Member& member, int index, std::unique_ptr<Job> job);
  Team* teamInNeed();
  void lookOut();

  const Kernels& kernels_;
  const bool helping_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_;
  // What helpers look at without the lock: a pack that waits is worth more than help.
  std::atomic<int> waiting_{0};
  std::atomic<bool> ending_{false};
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Scratch> scratches_;  // each thread's, whose ever pass it works on
};

}  // namespace valence
