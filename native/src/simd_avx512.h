/* Sixteen lanes, AVX-512 F, DQ, BW, VL. The vocabulary is explained in simd_avx2.h. */
#ifndef NB_SIMD_H
#define NB_SIMD_H
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define NB_INLINE static inline __attribute__((always_inline))

enum { VL = 16 };
typedef __m512 vf;
typedef __mmask16 vm;
typedef __mmask16 vt;

NB_INLINE vf v_set1(float a) { return _mm512_set1_ps(a); }
NB_INLINE vf v_load(const float *p) { return _mm512_loadu_ps(p); }
NB_INLINE void v_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
NB_INLINE vt v_tail(size_t n) { return (vt)((1u << n) - 1u); }
NB_INLINE vf v_load_part(const float *p, vt t) { return _mm512_maskz_loadu_ps(t, p); }
NB_INLINE vf v_load_part_or(const float *p, vt t, vf fill) { return _mm512_mask_loadu_ps(fill, t, p); }
NB_INLINE void v_store_part(float *p, vt t, vf a) { _mm512_mask_storeu_ps(p, t, a); }
NB_INLINE vf v_keep_part(vt t, vf a) { return _mm512_maskz_mov_ps(t, a); }
NB_INLINE float v_first(vf a) { return _mm512_cvtss_f32(a); }

NB_INLINE vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
NB_INLINE vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
NB_INLINE vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
NB_INLINE vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
NB_INLINE vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
NB_INLINE vf v_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
NB_INLINE vf v_mul_low(vf a, vf b, vf ab) { return _mm512_fmsub_ps(a, b, ab); }
NB_INLINE vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }
NB_INLINE vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
NB_INLINE vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
NB_INLINE vf v_abs(vf a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
NB_INLINE vf v_neg(vf a) { return _mm512_xor_ps(_mm512_set1_ps(-0.0f), a); }
NB_INLINE vf v_copysign(vf a, vf sign) { return _mm512_or_ps(v_abs(a), _mm512_and_ps(_mm512_set1_ps(-0.0f), sign)); }

NB_INLINE vm v_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
NB_INLINE vm v_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
NB_INLINE vm v_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
NB_INLINE vm v_nan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
NB_INLINE vm v_bit(vf a, uint32_t bit) { return _mm512_test_epi32_mask(_mm512_castps_si512(a), _mm512_set1_epi32((int)bit)); }
NB_INLINE vf v_select(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }
NB_INLINE vf v_keep(vm m, vf a) { return _mm512_maskz_mov_ps(m, a); }
NB_INLINE vf v_drop(vm m, vf a) { return _mm512_maskz_mov_ps(_knot_mask16(m), a); }
NB_INLINE int v_any(vm m) { return m != 0; }

NB_INLINE vf v_pow2(vf n) { return _mm512_scalef_ps(_mm512_set1_ps(1.0f), n); }
NB_INLINE vf v_ldexp(vf a, vf n) { return _mm512_scalef_ps(a, n); }

NB_INLINE vf v_split(vf a, vf *exponent) {
    vm small = v_lt(a, v_set1(1.17549435e-38f));
    __m512i half = _mm512_set1_epi32(0x3f3504f3);
    __m512i u = _mm512_sub_epi32(_mm512_castps_si512(_mm512_mask_mul_ps(a, small, a, v_set1(8388608.0f))), half);
    __m512i e = _mm512_srai_epi32(u, 23);
    vf n = _mm512_cvtepi32_ps(e);
    *exponent = _mm512_mask_sub_ps(n, small, n, v_set1(23.0f));
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_sub_epi32(u, _mm512_slli_epi32(e, 23)), half));
}

/* Not by _mm512_reduce_add_ps, whose order is the compiler's choice. */
#include "simd_fold.h"
NB_INLINE float v_sum(vf a) { return sum_of_8(_mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1))); }
NB_INLINE float v_largest(vf a) { return largest_of_8(_mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1))); }

#include "simd_transpose.h"
#endif
