// SPDX-License-Identifier: PostgreSQL
// Preloaded into a program (LD_PRELOAD), counts for each thread how often it allocates, frees and locks, in
// the file named by PGPOOL_COUNT_CALLS; tests/support/call_counter.py reads it while the program runs.
//
// operator new and std::mutex arrive here too, since libstdc++ calls malloc and pthread_mutex_lock. While
// `traces_wanted` is above 0, calls of thread `traced_tid` also leave their call stack. Invariant: a slot is
// written by its own thread only; the reader sees counts that are at most a moment old.
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOTS = 128, TRACES = 256, FRAMES = 24 };
enum Kind { ALLOCATE = 0, FREE = 1, LOCK = 2, KINDS = 3 };

struct Slot {
    int64_t tid;
    uint64_t counts[KINDS];
};

struct Trace {
    int64_t kind;
    int64_t depth;
    void* frames[FRAMES];
};

struct Shared {
    _Atomic int64_t slots_used;
    _Atomic int64_t traced_tid;
    _Atomic int64_t traces_wanted;
    _Atomic int64_t traces_made;
    struct Slot slots[SLOTS];
    struct Trace traces[TRACES];
};

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* memory, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void* memory);
extern int __pthread_mutex_lock(pthread_mutex_t* mutex);
extern int __pthread_mutex_trylock(pthread_mutex_t* mutex);

static struct Shared* shared;
static __thread struct Slot* own __attribute__((tls_model("initial-exec")));
static __thread int is_tracing __attribute__((tls_model("initial-exec")));

__attribute__((constructor)) static void open_shared(void) {
    const char* path = getenv("PGPOOL_COUNT_CALLS");
    const int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void* unused[2];
    backtrace(unused, 2);  // the first call loads libgcc and allocates
    void* memory = mmap(NULL, sizeof(struct Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED) shared = memory;
}

static struct Slot* claim_slot(void) {
    const int64_t index = atomic_fetch_add(&shared->slots_used, 1);
    own = &shared->slots[index < SLOTS ? index : SLOTS - 1];
    own->tid = gettid();
    return own;
}

static void trace(enum Kind kind) {
    if (is_tracing || atomic_fetch_sub(&shared->traces_wanted, 1) <= 0) return;
    is_tracing = 1;
    const int64_t index = atomic_load(&shared->traces_made);
    if (index < TRACES) {
        struct Trace* found = &shared->traces[index];
        found->kind = kind;
        found->depth = backtrace(found->frames, FRAMES);
        atomic_store(&shared->traces_made, index + 1);
    }
    is_tracing = 0;
}

static void count(enum Kind kind) {
    if (shared == NULL) return;
    struct Slot* slot = own != NULL ? own : claim_slot();
    ++slot->counts[kind];
    if (atomic_load_explicit(&shared->traces_wanted, memory_order_relaxed) > 0 && kind != FREE &&
        atomic_load_explicit(&shared->traced_tid, memory_order_relaxed) == slot->tid)
        trace(kind);
}

void* malloc(size_t size) {
    count(ALLOCATE);
    return __libc_malloc(size);
}

void* calloc(size_t items, size_t size) {
    count(ALLOCATE);
    return __libc_calloc(items, size);
}

void* realloc(void* memory, size_t size) {
    count(ALLOCATE);
    return __libc_realloc(memory, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
    count(ALLOCATE);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void** memory, size_t alignment, size_t size) {
    count(ALLOCATE);
    void* found = __libc_memalign(alignment, size);
    if (found == NULL) return ENOMEM;
    *memory = found;
    return 0;
}

void free(void* memory) {
    if (memory != NULL) count(FREE);
    __libc_free(memory);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) {
    count(LOCK);
    return __pthread_mutex_lock(mutex);
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) {
    count(LOCK);
    return __pthread_mutex_trylock(mutex);
}
