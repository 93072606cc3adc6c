#include "threads/pool.hpp"

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>
#if defined(__linux__)
#include <sched.h>
#endif

#include "threads/processor.hpp"
#include "threads/borrowed.hpp"
#include "heddle_kernels.h"
#include "status.hpp"
#include "threads/team.hpp"

namespace heddle {
namespace {

constexpr int MAX_THREADS = 256;
constexpr int SPINS = 2000;  // some tens of microseconds, to catch the next op of the same step

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

struct Job {
  void (*task)(void*, int64_t);
  void* context;
  int64_t count;
  int caller;      // the processor it was on
  int seats;       // helpers that may still join; guarded by the pool's mutex
  int helpers = 0;  // helpers at work; guarded by the pool's mutex
  Job* next = nullptr;
  std::atomic<int64_t> taken{0};

  void work() {
    for (int64_t i; (i = taken.fetch_add(1, std::memory_order_relaxed)) < count;) task(context, i);
  }
};

struct Pool {
  std::mutex mutex;
  std::condition_variable waiting, finished;
  Job* jobs = nullptr;
  int workers = 0;
  std::atomic<int> setting{0};  // 0: as many as the processors this process may use
  std::atomic<int64_t> posted{0};
};

// Never destroyed: workers outlive main, and must find it.
alignas(Pool) unsigned char storage[sizeof(Pool)];
Pool& pool() {
  static Pool* const made = new (storage) Pool;
  return *made;
}

Job* join_job(Pool& p) {
  for (Job* job = p.jobs; job; job = job->next)
    if (job->seats > 0) {
      --job->seats;
      ++job->helpers;
      return job;
    }
  return nullptr;
}

void* worker(void*) {
  Pool& p = pool();
  for (;;) {
    const int64_t seen = p.posted.load(std::memory_order_relaxed);
    std::unique_lock<std::mutex> lock(p.mutex);
    Job* job = join_job(p);
    if (!job) {
      lock.unlock();
      for (int i = 0; i < SPINS && p.posted.load(std::memory_order_relaxed) == seen; ++i) pause();
      lock.lock();
      while (!(job = join_job(p))) p.waiting.wait(lock);
    }
    lock.unlock();
    leave_processor(job->caller);
    job->work();
    lock.lock();
    if (--job->helpers == 0) p.finished.notify_all();
  }
}

// Start threads until there are `wanted`; fewer if the system refuses.
void grow(Pool& p, int wanted) {
  for (pthread_t thread; p.workers < wanted; ++p.workers) {
    if (pthread_create(&thread, nullptr, worker, nullptr) != 0) return;
    pthread_detach(thread);
  }
}

int processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
  const unsigned count_of = std::thread::hardware_concurrency();
  return count_of ? static_cast<int>(count_of) : 1;
}

// A forked child has none of its parent's threads, and a lock that one of them held would stay locked: the fork waits
// for the lock, and the child starts over. It gets one thread, since loader workers are themselves the parallelism.
void before_fork() { pool().mutex.lock(); }
void after_fork_in_parent() { pool().mutex.unlock(); }
void after_fork_in_child() { (new (storage) Pool)->setting.store(1); }

__attribute__((constructor)) void watch_forks() {
  pool();
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

}  // namespace

int64_t num_threads() {
  const int setting = pool().setting.load(std::memory_order_relaxed);
  if (setting) return setting;
  static const int count_of = processors();
  return count_of < MAX_THREADS ? count_of : MAX_THREADS;
}

void set_num_threads(int64_t threads) { pool().setting.store(static_cast<int>(threads < MAX_THREADS ? threads : MAX_THREADS)); }

void run_tasks(int64_t count, int64_t threads, void (*task)(void*, int64_t), void* context) {
  int64_t helpers = resolve_threads(threads) - 1;
  if (helpers >= count) helpers = count - 1;
  if (helpers >= MAX_THREADS) helpers = MAX_THREADS - 1;
  if (helpers <= 0) {
    for (int64_t i = 0; i < count; ++i) task(context, i);
    return;
  }
  if (run_in_team(count, task, context)) return;
  Job job{task, context, count, processor(), static_cast<int>(helpers)};
  if (threads < 0 && run_borrowed(helpers + 1, [](void* job_pointer) { static_cast<Job*>(job_pointer)->work(); }, &job)) return;
  Pool& p = pool();
  {
    std::lock_guard<std::mutex> lock(p.mutex);
    grow(p, static_cast<int>(helpers));
    job.next = p.jobs;
    p.jobs = &job;
    p.posted.fetch_add(1, std::memory_order_relaxed);
  }
  for (int64_t i = 0; i < helpers; ++i) p.waiting.notify_one();
  job.work();
  std::unique_lock<std::mutex> lock(p.mutex);
  for (Job** link = &p.jobs; *link; link = &(*link)->next)
    if (*link == &job) {
      *link = job.next;
      break;
    }
  p.finished.wait(lock, [&] { return job.helpers == 0; });
}

}  // namespace heddle

extern "C" int heddle_num_threads(void) { return static_cast<int>(heddle::num_threads()); }

extern "C" int heddle_set_num_threads(int64_t threads) {
  if (threads < 0)
    return heddle::fail(HEDDLE_INVALID, "set_num_threads: found %lld, expected at least 0; 0 means all processors",
                        static_cast<long long>(threads));
  heddle::set_num_threads(threads);
  return HEDDLE_OK;
}
