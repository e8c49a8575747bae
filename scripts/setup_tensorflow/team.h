// Threads that work on one operation's phases, each of parts that any of them
// takes. The caller never waits for a thread to come, only for parts that were
// taken: so a busy machine delays nothing, and between phases nobody sleeps.
#pragma once
#include <immintrin.h>
#include <sched.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "tensorflow/core/framework/op_kernel.h"

namespace convnext_fusion {

class Team {
 public:
  // As many threads as there are, or fewer where there is little to compute.
  Team(tensorflow::OpKernelContext* context, double operations)
      : state_(std::make_shared<State>()) {
    auto workers = context->device()->tensorflow_cpu_worker_threads();
    threads_ = std::min<double>(workers->num_threads,
                                1 + operations / kWorthWaking);
    state_->processor = sched_getcpu();
    for (int i = 1; i < threads_; i++) {
      workers->workers->Schedule([state = state_] { state->Help(); });
    }
  }
  ~Team() { state_->claims.store(kEnded, std::memory_order_release); }
  Team(const Team&) = delete;

  int threads() const { return threads_; }

  // Calls work with each of the parts, and returns when all are done.
  void Run(int64_t parts, const std::function<void(int64_t)>& work) {
    if (parts == 0) return;
    state_->work = &work;
    state_->done.store(0, std::memory_order_relaxed);
    state_->claims.store(++phase_ << kPhaseShift | parts,
                         std::memory_order_release);
    while (state_->Take()) {
    }
    while (state_->done.load(std::memory_order_acquire) < parts) _mm_pause();
  }

 private:
  static constexpr double kWorthWaking = 4e6;
  static constexpr int kPhaseShift = 40;
  static constexpr int64_t kEnded = -1;

  struct State {
    // The phase, and how many of its parts nobody has taken. Who takes one of a
    // phase keeps the phase from ending, and with it its work.
    std::atomic<int64_t> claims{0};
    std::atomic<int64_t> done{0};
    const std::function<void(int64_t)>* work = nullptr;
    // The caller's.
    int processor = -1;

    bool Take() {
      int64_t seen = claims.load(std::memory_order_acquire);
      do {
        if (Left(seen) == 0) return false;
      } while (!claims.compare_exchange_weak(seen, seen - 1,
                                             std::memory_order_acquire));
      (*work)(Left(seen) - 1);
      done.fetch_add(1, std::memory_order_release);
      return true;
    }

    void Help() {
      LeaveProcessor(processor);
      for (int idle = 0; claims.load(std::memory_order_acquire) != kEnded;) {
        if (Take()) {
          idle = 0;
        } else if (++idle % 1024 != 0) {
          _mm_pause();
        } else {
          std::this_thread::yield();
        }
      }
    }

    // Linux may wake a thread on the processor of who woke it, and leave both
    // there for 100 ms while another one idles.
    static void LeaveProcessor(int processor) {
      cpu_set_t allowed;
      if (sched_getcpu() != processor ||
          sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        return;
      }
      cpu_set_t others = allowed;
      CPU_CLR(processor, &others);
      if (CPU_COUNT(&others) == 0) return;
      sched_setaffinity(0, sizeof(others), &others);
      sched_setaffinity(0, sizeof(allowed), &allowed);
    }

    static int64_t Left(int64_t claims) {
      return claims == kEnded ? 0 : claims & ((int64_t{1} << kPhaseShift) - 1);
    }
  };

  std::shared_ptr<State> state_;
  int64_t phase_ = 0;
  int threads_;
};

}  // namespace convnext_fusion
