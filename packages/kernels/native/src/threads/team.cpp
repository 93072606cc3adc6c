#include "threads/team.hpp"

#include <atomic>
#include <deque>
#include <exception>
#include <thread>

namespace heddle {
namespace {

// One loop. Those who come late find all of it taken, and never look at what it was.
struct Loop {
  void (*task)(void*, int64_t) = nullptr;
  void* context = nullptr;
  int64_t count = 0;
  std::atomic<int64_t> taken{0}, done{0};
  std::atomic<Loop*> next{nullptr};

  void work() {
    for (int64_t i; (i = taken.fetch_add(1, std::memory_order_relaxed)) < count;) {
      task(context, i);
      done.fetch_add(1, std::memory_order_release);
    }
  }
};

struct Team {
  void (*body)(void*);
  void* context;
  std::thread::id leader;
  Loop start{};             // of no tasks
  Loop* last = &start;
  std::deque<Loop> loops;  // kept to the end: others may still be at any of them
  std::atomic<bool> over{false};
  std::exception_ptr thrown;
};

thread_local Team* led = nullptr;

void follow(Team& team) {
  constexpr int AWAKE = 200;  // looks before another thread is let on the processor
  Loop* loop = &team.start;
  for (;;) {
    loop->work();
    Loop* next;
    for (int looks = 0; !(next = loop->next.load(std::memory_order_acquire)); ++looks) {
      if (team.over.load(std::memory_order_acquire)) return;
      if (looks > AWAKE) std::this_thread::yield();
    }
    loop = next;
  }
}

void lead(Team& team) {
  led = &team;
  try {
    team.body(team.context);
  } catch (...) {
    team.thrown = std::current_exception();
  }
  led = nullptr;
  team.over.store(true, std::memory_order_release);
}

}  // namespace

void run_as_team(int64_t threads, void (*body)(void*), void* context) {
  if (resolve_threads(threads) == 1) return body(context);
  Team team;
  team.body = body, team.context = context, team.leader = std::this_thread::get_id();
  run_tasks(resolve_threads(threads), threads, [](void* team_pointer, int64_t) {
    Team& joined = *static_cast<Team*>(team_pointer);
    if (std::this_thread::get_id() != joined.leader) return follow(joined);
    if (!joined.over.load(std::memory_order_relaxed)) lead(joined);
  }, &team);
  if (team.thrown) std::rethrow_exception(team.thrown);
}

bool run_in_team(int64_t count, void (*task)(void*, int64_t), void* context) {
  Team* const team = led;
  if (!team) return false;
  Loop& loop = team->loops.emplace_back();
  loop.task = task, loop.context = context, loop.count = count;
  team->last->next.store(&loop, std::memory_order_release);
  team->last = &loop;
  led = nullptr;  // what a task runs in turn is its own
  loop.work();
  led = team;
  while (loop.done.load(std::memory_order_acquire) != count) std::this_thread::yield();
  return true;
}

}  // namespace heddle
