/* Sixteen lanes on every level, in as many registers as it takes. A reduction that goes over these adds the same numbers in the same
 * order, hence has the same bits, whichever level runs it. Where sixteen are too few to hide the latency of an addition, a reduction
 * has several of them, as many on every level. */
#ifndef NB_LANES_H
#define NB_LANES_H

enum { LANES = 16, PARTS = LANES / VL };
typedef struct v16 {
    vf part[PARTS];
} v16;

/* The loop over the registers, unrolled where there are two; i is the first lane of register k. */
#define EACH_PART(k, i) _Pragma("GCC unroll 2") for (size_t k = 0, i = 0; k < PARTS; k++, i += VL)

NB_INLINE size_t at_most(size_t n, size_t limit) { return n < limit ? n : limit; }

NB_INLINE v16 v16_set1(float a) {
    v16 y;
    EACH_PART(k, i) y.part[k] = v_set1(a);
    return y;
}

NB_INLINE v16 v16_load(const float *p) {
    v16 y;
    EACH_PART(k, i) y.part[k] = v_load(p + i);
    return y;
}

/* The first n lanes; the others are fill. */
NB_INLINE v16 v16_load_part_or(const float *p, size_t n, float fill) {
    v16 y = v16_set1(fill);
    EACH_PART(k, i) if (i < n) y.part[k] = v_load_part_or(p + i, v_tail(at_most(n - i, VL)), v_set1(fill));
    return y;
}

typedef vf (*combine)(vf a, vf b);

NB_INLINE v16 v16_join(combine f, v16 a, v16 b) {
    EACH_PART(k, i) a.part[k] = f(a.part[k], b.part[k]);
    return a;
}

/* The lanes joined by halves, lane i and lane i + 8 first, until those of one register are left. */
NB_INLINE vf v16_fold(combine f, v16 a) {
    for (size_t half = PARTS / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++) a.part[k] = f(a.part[k], a.part[k + half]);
    return a.part[0];
}

NB_INLINE float v16_sum(v16 a) { return v_sum(v16_fold(v_add, a)); }
NB_INLINE float v16_largest(v16 a) { return v_largest(v16_fold(v_max, a)); }
#endif
