/* Eight lanes, AVX2 and FMA. The vocabulary that kernel bodies are written in; simd_scalar.h and simd_avx512.h have the same
 * names. vf, vm, vt   lanes of float; a mask of lanes; the first n <= VL lanes of a row's end
 *   *_part       touch only the lanes of a tail; the others read as 0 (or fill) and are not stored
 *   v_keep_part  a in the lanes of a tail, else 0
 *   v_fma        a b + c with one rounding; v_fnma: c - a b; v_mul_low: the rounding error of ab = a b
 *   v_max/v_min  b when the order is undefined (NaN) or a tie, as the instruction does
 *   v_bit        lanes whose bit pattern has that bit
 *   v_keep       a in the lanes of m, else 0; v_drop: the opposite
 *   v_pow2       2^n, integral n in -126..127; v_ldexp: a 2^n with one rounding, n in -252..254
 *   v_split      a = m 2^exponent, m in [1/sqrt 2, sqrt 2), for finite a > 0, denormals included
 *   v_sum        of all lanes by halves: lane i and lane i + VL/2 first; v_largest likewise by v_max
 *   v_transpose  NB_TILE x NB_TILE floats */
#ifndef NB_SIMD_H
#define NB_SIMD_H
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define NB_INLINE static inline __attribute__((always_inline))

enum { VL = 8 };
typedef __m256 vf;
typedef __m256 vm;
typedef struct vt {
    __m256i mask;
    size_t n;
} vt;

NB_INLINE vf v_set1(float a) { return _mm256_set1_ps(a); }
NB_INLINE vf v_load(const float *p) { return _mm256_loadu_ps(p); }
NB_INLINE void v_store(float *p, vf a) { _mm256_storeu_ps(p, a); }

NB_INLINE vt v_tail(size_t n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return (vt){_mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane), n};
}

NB_INLINE vf v_load_part(const float *p, vt t) { return _mm256_maskload_ps(p, t.mask); }
NB_INLINE vf v_load_part_or(const float *p, vt t, vf fill) {
    return _mm256_blendv_ps(fill, _mm256_maskload_ps(p, t.mask), _mm256_castsi256_ps(t.mask));
}

/* In pieces rather than by vmaskmovps, which AMD cores before Zen 5 run in tens of cycles when it stores. */
NB_INLINE void v_store_part(float *p, vt t, vf a) {
    if (t.n == VL) {
        v_store(p, a);
        return;
    }
    __m128 x = _mm256_castps256_ps128(a);
    if (t.n & 4) {
        _mm_storeu_ps(p, x);
        x = _mm256_extractf128_ps(a, 1);
        p += 4;
    }
    if (t.n & 2) {
        _mm_storel_pi((__m64 *)(void *)p, x);
        x = _mm_movehl_ps(x, x);
        p += 2;
    }
    if (t.n & 1) _mm_store_ss(p, x);
}

NB_INLINE vf v_keep_part(vt t, vf a) { return _mm256_and_ps(_mm256_castsi256_ps(t.mask), a); }
NB_INLINE float v_first(vf a) { return _mm256_cvtss_f32(a); }

NB_INLINE vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
NB_INLINE vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
NB_INLINE vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
NB_INLINE vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
NB_INLINE vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
NB_INLINE vf v_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
NB_INLINE vf v_mul_low(vf a, vf b, vf ab) { return _mm256_fmsub_ps(a, b, ab); }
NB_INLINE vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }
NB_INLINE vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
NB_INLINE vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
NB_INLINE vf v_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
NB_INLINE vf v_neg(vf a) { return _mm256_xor_ps(_mm256_set1_ps(-0.0f), a); }
NB_INLINE vf v_copysign(vf a, vf sign) { return _mm256_or_ps(v_abs(a), _mm256_and_ps(_mm256_set1_ps(-0.0f), sign)); }

NB_INLINE vm v_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
NB_INLINE vm v_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
NB_INLINE vm v_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
NB_INLINE vm v_nan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
NB_INLINE vm v_bit(vf a, uint32_t bit) {
    const __m256i b = _mm256_set1_epi32((int)bit);
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_castps_si256(a), b), b));
}
NB_INLINE vf v_select(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }
NB_INLINE vf v_keep(vm m, vf a) { return _mm256_and_ps(m, a); }
NB_INLINE vf v_drop(vm m, vf a) { return _mm256_andnot_ps(m, a); }
NB_INLINE int v_any(vm m) { return _mm256_movemask_ps(m) != 0; }

NB_INLINE vf pow2_of_int(__m256i n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

NB_INLINE vf v_pow2(vf n) { return pow2_of_int(_mm256_cvtps_epi32(n)); }

/* Two steps, of which only the second can leave the normal range and round. */
NB_INLINE vf v_ldexp(vf a, vf n) {
    __m256i i = _mm256_cvtps_epi32(n), high = _mm256_srai_epi32(i, 1), low = _mm256_sub_epi32(i, high);
    return _mm256_mul_ps(_mm256_mul_ps(a, pow2_of_int(high)), pow2_of_int(low));
}

NB_INLINE vf v_split(vf a, vf *exponent) {
    vm small = v_lt(a, v_set1(1.17549435e-38f));
    __m256i half = _mm256_set1_epi32(0x3f3504f3);
    __m256i u = _mm256_sub_epi32(_mm256_castps_si256(v_select(small, v_mul(a, v_set1(8388608.0f)), a)), half);
    __m256i e = _mm256_srai_epi32(u, 23);
    *exponent = v_sub(_mm256_cvtepi32_ps(e), v_keep(small, v_set1(23.0f)));
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_sub_epi32(u, _mm256_slli_epi32(e, 23)), half));
}

#include "simd_fold.h"
NB_INLINE float v_sum(vf a) { return sum_of_8(a); }
NB_INLINE float v_largest(vf a) { return largest_of_8(a); }

#include "simd_transpose.h"
#endif
