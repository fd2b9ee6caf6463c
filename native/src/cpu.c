#include "cpu.h"

#include <stdatomic.h>

#if defined(__x86_64__)
#include <cpuid.h>

enum { OSXSAVE_BIT = 1 << 27, AVX_BIT = 1 << 28, FMA_BIT = 1 << 12 };            /* leaf 1, ecx */
enum { AVX2_BIT = 1 << 5, F_BIT = 1 << 16, DQ_BIT = 1 << 17, BW_BIT = 1 << 30 }; /* leaf 7, ebx */
static const uint32_t vl_bit = UINT32_C(1) << 31;
enum { YMM_STATE = 0x6, ZMM_STATE = 0xe6 }; /* XCR0: SSE and AVX; and the masks and both halves of the zmm registers */

static int has(uint32_t value, uint32_t bits) { return (value & bits) == bits; }

static uint32_t enabled_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int has_fma(void) {
    uint32_t a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && has(c, OSXSAVE_BIT | AVX_BIT | FMA_BIT) && has(enabled_state(), YMM_STATE);
}

static nb_isa best_isa(void) {
    uint32_t a, b, c, d;
    if (!has_fma() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(b, AVX2_BIT)) return NB_ISA_SCALAR;
    if (!has(enabled_state(), ZMM_STATE) || !has(b, F_BIT | DQ_BIT | BW_BIT | vl_bit)) return NB_ISA_AVX2;
    return NB_ISA_AVX512;
}

static const uint32_t intel_caches = 4, amd_caches = 0x8000001d; /* leaves */
enum { MOST_CACHES = 8, NO_CACHE = 0, INSTRUCTION_CACHE = 2 };

/* Both makers describe a cache in the same way, at a leaf of their own. */
static size_t second_level(uint32_t leaf) {
    uint32_t a, b, c, d;
    for (uint32_t i = 0; i < MOST_CACHES && __get_cpuid_count(leaf, i, &a, &b, &c, &d) && (a & 31) != NO_CACHE; i++)
        if ((a >> 5 & 7) == 2 && (a & 31) != INSTRUCTION_CACHE)
            return ((size_t)(b >> 22) + 1) * ((b >> 12 & 1023) + 1) * ((b & 4095) + 1) * ((size_t)c + 1);
    return 0;
}

static size_t cache_bytes(void) {
    size_t bytes = second_level(intel_caches);
    return bytes ? bytes : second_level(amd_caches);
}
#else
static int has_fma(void) { return 0; }
static nb_isa best_isa(void) { return NB_ISA_SCALAR; }
static size_t cache_bytes(void) { return 0; }
#endif

enum { LEAST_CACHE = 1 << 18, USUAL_CACHE = 1 << 19, MOST_CACHE = 1 << 22 };

/* Each is asked for once, as a virtual machine takes microseconds to answer; threads that ask at the same time find the same. */

int nb_cpu_has_fma(void) {
    static _Atomic(int) known; /* 1 more than the answer, as below */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (!answer) atomic_store_explicit(&known, answer = 1 + has_fma(), memory_order_relaxed);
    return answer - 1;
}

nb_isa nb_cpu_best_isa(void) {
    static _Atomic(int) known;
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (!answer) atomic_store_explicit(&known, answer = 1 + (int)best_isa(), memory_order_relaxed);
    return (nb_isa)(answer - 1);
}

/* Cores of one machine may have caches of different sizes. The first answer holds for all threads: workspaces are as long as it says. */
size_t nb_cpu_cache_bytes(void) {
    static _Atomic(size_t) known;
    size_t bytes = atomic_load_explicit(&known, memory_order_relaxed), none = 0;
    if (bytes) return bytes;
    bytes = cache_bytes();
    if (!bytes) bytes = USUAL_CACHE;
    if (bytes < LEAST_CACHE) bytes = LEAST_CACHE;
    if (bytes > MOST_CACHE) bytes = MOST_CACHE;
    return atomic_compare_exchange_strong(&known, &none, bytes) ? bytes : none;
}
