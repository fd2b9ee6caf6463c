/* One lane, plain C: the reference that every machine can run. The vocabulary is explained in simd_avx2.h. */
#ifndef NB_SIMD_H
#define NB_SIMD_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fused.h"

#define NB_INLINE static inline __attribute__((always_inline))

enum { VL = 1 };
typedef float vf;
typedef int vm;
typedef size_t vt;

NB_INLINE uint32_t float_bits(float a) {
    uint32_t u;
    memcpy(&u, &a, sizeof u);
    return u;
}

NB_INLINE float bits_float(uint32_t u) {
    float a;
    memcpy(&a, &u, sizeof a);
    return a;
}

NB_INLINE vf v_set1(float a) { return a; }
NB_INLINE vf v_load(const float *p) { return *p; }
NB_INLINE void v_store(float *p, vf a) { *p = a; }
NB_INLINE vt v_tail(size_t n) { return n; }
NB_INLINE vf v_load_part(const float *p, vt t) { return t ? *p : 0.0f; }
NB_INLINE vf v_load_part_or(const float *p, vt t, vf fill) { return t ? *p : fill; }
NB_INLINE void v_store_part(float *p, vt t, vf a) {
    if (t) *p = a;
}
NB_INLINE vf v_keep_part(vt t, vf a) { return t ? a : 0.0f; }
NB_INLINE float v_first(vf a) { return a; }

NB_INLINE vf v_add(vf a, vf b) { return a + b; }
NB_INLINE vf v_sub(vf a, vf b) { return a - b; }
NB_INLINE vf v_mul(vf a, vf b) { return a * b; }
NB_INLINE vf v_div(vf a, vf b) { return a / b; }
NB_INLINE vf v_fma(vf a, vf b, vf c) { return fused_multiply_add(a, b, c); }
NB_INLINE vf v_fnma(vf a, vf b, vf c) { return fused_multiply_add(-a, b, c); }
NB_INLINE vf v_mul_low(vf a, vf b, vf ab) { return fused_multiply_add(a, b, -ab); }
NB_INLINE vf v_sqrt(vf a) { return sqrtf(a); }
NB_INLINE vf v_max(vf a, vf b) { return a > b ? a : b; }
NB_INLINE vf v_min(vf a, vf b) { return a < b ? a : b; }
NB_INLINE vf v_abs(vf a) { return fabsf(a); }
NB_INLINE vf v_neg(vf a) { return -a; }
NB_INLINE vf v_copysign(vf a, vf sign) { return copysignf(a, sign); }

NB_INLINE vm v_lt(vf a, vf b) { return a < b; }
NB_INLINE vm v_le(vf a, vf b) { return a <= b; }
NB_INLINE vm v_eq(vf a, vf b) { return a == b; }
NB_INLINE vm v_nan(vf a) { return a != a; }
NB_INLINE vm v_bit(vf a, uint32_t bit) { return (float_bits(a) & bit) != 0; }
NB_INLINE vf v_select(vm m, vf a, vf b) { return m ? a : b; }
NB_INLINE vf v_keep(vm m, vf a) { return m ? a : 0.0f; }
NB_INLINE vf v_drop(vm m, vf a) { return m ? 0.0f : a; }
NB_INLINE int v_any(vm m) { return m; }

/* Adding 1.5 2^23 leaves the integer in the low bits, without a conversion that NaN would make undefined. */
NB_INLINE vf v_pow2(vf n) { return bits_float((float_bits(n + 12582912.0f) + 127u) << 23); }

NB_INLINE vf v_ldexp(vf a, vf n) {
    uint32_t i = float_bits(n + 12582912.0f) - 0x4b400000u;
    uint32_t high = (i >> 1) | (i & 0x80000000u), low = i - high;
    return a * bits_float((high + 127u) << 23) * bits_float((low + 127u) << 23);
}

NB_INLINE vf v_split(vf a, vf *exponent) {
    int small = a < 1.17549435e-38f;
    uint32_t u = float_bits(small ? a * 8388608.0f : a) - 0x3f3504f3u;
    uint32_t e = (u >> 23) | (u & 0x80000000u ? 0xfffffe00u : 0u);
    *exponent = bits_float(e + 0x4b400000u) - (small ? 12582935.0f : 12582912.0f);
    return bits_float(u - (e << 23) + 0x3f3504f3u);
}

NB_INLINE float v_sum(vf a) { return a; }
NB_INLINE float v_largest(vf a) { return a; }

enum { NB_TILE = 8 };
NB_INLINE void v_transpose(const float *x, size_t ldx, float *y, size_t ldy) {
    for (size_t r = 0; r < NB_TILE; r++)
        for (size_t c = 0; c < NB_TILE; c++) y[c * ldy + r] = x[r * ldx + c];
}
#endif
