/* a b + c with one rounding, for the scalar kernels: the CPU's instruction where the unit may use it, else our own through double. */
#ifndef NB_FUSED_H
#define NB_FUSED_H
#include <stdint.h>
#include <string.h>

/* Rounds product + c to odd: a sum that is not exact gets the odd one of its two neighbours in double. Of 53 bits against 24 that
 * keeps enough for the rounding to float to be right, halfway cases and denormal results included (Boldo and Melquiond, 2008). */
static __attribute__((noinline, unused)) float fused_by_odd(double product, double c) {
    double sum = product + c, back = sum - product;
    double error = (product - (sum - back)) + (c - back); /* exact; NaN when the sum is not finite */
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    if ((error > 0.0 || error < 0.0) && !(bits & 1)) bits += (error > 0.0) == (sum > 0.0) ? 1 : UINT64_MAX;
    memcpy(&sum, &bits, sizeof sum);
    return (float)sum;
}

/* The product of two floats is exact in double. Rounding twice is then wrong only where the sum is halfway between two floats
 * after its first rounding, or where floats are denormal and halfway is elsewhere. Not inlined: that is no faster, and twice the code
 * of the whole unit. */
static __attribute__((noinline, unused)) float fused_in_double(float a, float b, float c) {
    const uint64_t below_float = UINT64_C(0x1fffffff), halfway = UINT64_C(0x10000000), twice_smallest_normal = UINT64_C(897) << 53;
    double product = (double)a * (double)b, sum = product + (double)c;
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    /* 0 is exact; less one it counts as large. */
    if ((bits & below_float) != halfway && (bits << 1) - 1 >= twice_smallest_normal - 1) return (float)sum;
    return fused_by_odd(product, (double)c);
}

static inline __attribute__((always_inline, unused)) float fused_multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__) || defined(__FP_FAST_FMAF)
    return __builtin_fmaf(a, b, c);
#else
    return fused_in_double(a, b, c);
#endif
}
#endif
