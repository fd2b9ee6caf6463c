#include "cpu.h"

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

int nb_cpu_has_fma(void) {
    uint32_t a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && has(c, OSXSAVE_BIT | AVX_BIT | FMA_BIT) && has(enabled_state(), YMM_STATE);
}

nb_isa nb_cpu_best_isa(void) {
    uint32_t a, b, c, d;
    if (!nb_cpu_has_fma() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(b, AVX2_BIT)) return NB_ISA_SCALAR;
    if (!has(enabled_state(), ZMM_STATE) || !has(b, F_BIT | DQ_BIT | BW_BIT | vl_bit)) return NB_ISA_AVX2;
    return NB_ISA_AVX512;
}
#else
int nb_cpu_has_fma(void) { return 0; }
nb_isa nb_cpu_best_isa(void) { return NB_ISA_SCALAR; }
#endif
