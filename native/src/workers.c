/* Workers spin for a while after each job, because the next call usually follows at once, and then park on a condition
 * variable. A job is open until its caller has found no chunk left; a worker that wakes up later simply misses it, so a
 * descheduled worker never delays a call that is already done.
 *
 * Each thread has a contiguous share of the chunks and takes it from the front: neighbouring chunks are usually neighbours in memory, so
 * what a kernel prefetches beyond the end of its chunk is its own. Who has run out takes from the back of the others' shares. */
#include "workers.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPINS_BEFORE_PARK = 2000, SPINS_BEFORE_YIELD = 4000 };

static const int64_t MAX_JOB = INT32_MAX; /* chunks of one job */

/* The state word: [63:32] number of the job, bit 31 the job is open, [30:0] workers inside it. */
static const uint64_t JOB = UINT64_C(1) << 32;
static const uint64_t OPEN = UINT64_C(1) << 31;
static const uint64_t INSIDE = (UINT64_C(1) << 31) - 1;

struct worker {
    setun_workers *team;
    int32_t index;
    pthread_t thread;
    _Alignas(64) _Atomic uint64_t share; /* chunks left: [63:32] the end, [31:0] the next one */
};

struct setun_workers {
    _Alignas(64) _Atomic uint64_t state;
    _Alignas(64) setun_task task;
    void *arg;
    int64_t first; /* the call's chunk that is chunk 0 of this job */
    int32_t threads;
    int32_t spins;
    _Atomic int32_t parked;
    _Atomic bool stop;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int32_t started;
    struct worker worker[]; /* 0 is the caller */
};

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Takes a chunk off a share, from its front or its back; -1 if none is left. */
static int64_t take(struct worker *owner, bool front) {
    uint64_t share = atomic_load_explicit(&owner->share, memory_order_relaxed), rest;
    uint32_t next, end;
    do {
        next = (uint32_t)share;
        end = (uint32_t)(share >> 32);
        if (next == end) {
            return -1;
        }
        rest = front ? share + 1 : share - (UINT64_C(1) << 32);
    } while (!atomic_compare_exchange_weak_explicit(&owner->share, &share, rest, memory_order_relaxed, memory_order_relaxed));
    return front ? next : end - 1;
}

static void work(setun_workers *team, int32_t index) {
    for (int32_t i = 0; i < team->threads; i++) {
        struct worker *owner = &team->worker[(index + i) % team->threads];
        int64_t chunk;
        while ((chunk = take(owner, i == 0)) >= 0) {
            team->task(team->arg, team->first + chunk, index);
        }
    }
}

/* Waits for a job other than `seen`, first spinning, then parked; returns the state word. */
static uint64_t await_job(setun_workers *team, uint64_t seen) {
    for (int32_t i = 0; i < team->spins; i++) {
        uint64_t state = atomic_load_explicit(&team->state, memory_order_acquire);
        if (state / JOB != seen || atomic_load_explicit(&team->stop, memory_order_relaxed)) {
            return state;
        }
        relax();
    }
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add(&team->parked, 1); /* before looking at state: run() publishes first and looks at parked second */
    uint64_t state;
    while ((state = atomic_load(&team->state)) / JOB == seen && !atomic_load(&team->stop)) {
        pthread_cond_wait(&team->wake, &team->mutex);
    }
    atomic_fetch_sub(&team->parked, 1);
    pthread_mutex_unlock(&team->mutex);
    return state;
}

static void *worker_main(void *arg) {
    struct worker *self = arg;
    setun_workers *team = self->team;
    uint64_t seen = 0;
    while (!atomic_load(&team->stop)) {
        uint64_t state = await_job(team, seen);
        while ((state & OPEN) != 0 && !atomic_compare_exchange_weak(&team->state, &state, state + 1)) {
        }
        seen = state / JOB;
        if ((state & OPEN) != 0) {
            work(team, self->index);
            atomic_fetch_sub_explicit(&team->state, 1, memory_order_release);
        }
    }
    return NULL;
}

setun_workers *setun_workers_start(int32_t threads) {
    size_t bytes = sizeof(setun_workers) + (size_t)threads * sizeof(struct worker);
    setun_workers *team = NULL;
    if (posix_memalign((void **)&team, 64, bytes) != 0) {
        return NULL;
    }
    *team = (setun_workers){.threads = threads, .spins = threads > sysconf(_SC_NPROCESSORS_ONLN) ? 0 : SPINS_BEFORE_PARK};
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->wake, NULL);
    for (int32_t i = 1; i < threads; i++) {
        struct worker *worker = &team->worker[i];
        *worker = (struct worker){.team = team, .index = i};
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
            setun_workers_stop(team);
            return NULL;
        }
        team->started++;
    }
    return team;
}

static void wake_all(setun_workers *team) {
    pthread_mutex_lock(&team->mutex);
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->mutex);
}

void setun_workers_stop(setun_workers *team) {
    atomic_store(&team->stop, true);
    wake_all(team);
    for (int32_t i = 0; i < team->started; i++) {
        pthread_join(team->worker[i + 1].thread, NULL);
    }
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->mutex);
    free(team);
}

static void run_job(setun_workers *team, int64_t first, int64_t chunks, setun_task task, void *arg) {
    team->task = task;
    team->arg = arg;
    team->first = first;
    for (int32_t i = 0; i < team->threads; i++) {
        uint64_t next = (uint64_t)(chunks * i / team->threads), end = (uint64_t)(chunks * (i + 1) / team->threads);
        atomic_store_explicit(&team->worker[i].share, end << 32 | next, memory_order_relaxed);
    }
    uint64_t job = atomic_load_explicit(&team->state, memory_order_relaxed) / JOB + 1;
    atomic_store(&team->state, job * JOB | OPEN);
    if (atomic_load(&team->parked) > 0) {
        wake_all(team);
    }
    work(team, 0);
    uint64_t state = atomic_fetch_and(&team->state, ~OPEN);
    for (int32_t i = 0; (state & INSIDE) != 0; i++) {
        if (i < SPINS_BEFORE_YIELD && team->spins > 0) {
            relax();
        } else {
            sched_yield();
        }
        state = atomic_load_explicit(&team->state, memory_order_acquire);
    }
}

void setun_workers_run(setun_workers *team, int64_t chunks, setun_task task, void *arg) {
    for (int64_t first = 0; first < chunks; first += MAX_JOB) {
        run_job(team, first, chunks - first < MAX_JOB ? chunks - first : MAX_JOB, task, arg);
    }
}
