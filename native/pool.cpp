#include "pool.hpp"

namespace valence {

namespace {

// The next text of somebody who sends one after the other comes within a tenth of a millisecond of the answer to the last. A
// thread that slept by then would cost it as much again, since on a virtual machine the core has to be woken first.
constexpr std::chrono::microseconds kLookOut{200};

}  // namespace

Pool::Pool(const Kernels& kernels, int threads, bool helping) : kernels_(kernels), helping_(helping && threads > 1), scratches_(threads) {
  for (int i = 0; i < threads; i++) members_.push_back(std::make_unique<Member>());
  for (int i = 0; i < threads; i++) members_[i]->thread = std::thread([this, i] { live(i); });
}

Pool::~Pool() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (auto& member : members_) member->thread.join();
}

void Pool::submit(std::unique_ptr<Job> job) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
    waiting_.store((int)queue_.size(), std::memory_order_relaxed);
  }
  // One to run it, and with it those that can help.
  helping_ ? wake_.notify_all() : wake_.notify_one();
}

Team* Pool::teamInNeed() {
  if (!helping_) return nullptr;
  for (auto& member : members_)
    if (member->team.wantsHelpers()) return &member->team;
  return nullptr;
}

// When the first of those that do without helpers for now will want them.
std::optional<Team::Clock::time_point> Pool::helpWantedFrom() {
  std::optional<Team::Clock::time_point> from;
  if (!helping_) return from;
  for (auto& member : members_)
    if (const auto wanted = member->team.wantsHelpersFrom()) from = std::min(from.value_or(*wanted), *wanted);
  return from;
}

// Until there is something to do, or for a while. Whoever else wants the core has it.
void Pool::lookOut() {
  const auto until = std::chrono::steady_clock::now() + kLookOut;
  while (waiting_.load(std::memory_order_relaxed) == 0 && !teamInNeed() && !ending_ && std::chrono::steady_clock::now() < until) {
    __builtin_ia32_pause();
    sched_yield();
  }
}

void Pool::live(int index) {
  Member& member = *members_[index];
  std::unique_lock lock(mutex_);
  bool hasLookedOut = true;
  for (;;) {
    if (!queue_.empty()) {
      std::unique_ptr<Job> job = std::move(queue_.front());
      queue_.pop_front();
      waiting_.store((int)queue_.size(), std::memory_order_relaxed);
      // Before anybody who was woken with this thread looks for a team, or he would find none and sleep for all of the pass.
      member.team.begin();
      lock.unlock();
      run(member, index, std::move(job));
      hasLookedOut = false;
      lock.lock();
    } else if (ending_) {
      return;
    } else if (Team* team = teamInNeed()) {
      lock.unlock();
      // Steps of a pass follow each other within microseconds; a thread that finds nothing yet tries again at once.
      for (int idle = 0; team->wantsHelpers() && waiting_.load(std::memory_order_relaxed) == 0; idle++) {
        if (team->takeOne(index, true)) idle = 0;
        else if (idle < 1000) __builtin_ia32_pause();
        else sched_yield();
      }
      hasLookedOut = false;
      lock.lock();
    } else if (!hasLookedOut) {
      lock.unlock();
      lookOut();
      hasLookedOut = true;
      lock.lock();
    } else if (const auto until = helpWantedFrom()) {
      wake_.wait_until(lock, *until);
    } else {
      wake_.wait(lock);
    }
  }
}

void Pool::run(Member& member, int index, std::unique_ptr<Job> job) {
  const auto started = std::chrono::steady_clock::now();
  try {
    const Network& network = job->model->network();
    const Pack pack{(int)job->lengths.size(), (int)job->ids.size(), job->lengths.data(), job->ids.data(), job->typeIds.data()};
    job->logits.resize((size_t)pack.texts * network.labels);
    runPass(network, kernels_, pack, member.workspace, scratches_, member.team, index, job->logits.data());
  } catch (const std::bad_alloc&) {
    job->error = "out of memory";
  }
  member.team.end();
  job->milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();
  auto done = std::move(job->done);
  done(std::move(job));
}

}  // namespace valence
