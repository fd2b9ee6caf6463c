/* Multiply-adds that never leave the registers: the rate that no product can exceed. Fourteen chains hide the latency of the
 * units (two that take five cycles need ten), and with both multiplicands fill the sixteen registers of AVX2. */

enum { PEAK_CHAINS = 14 };
#define PEAK_EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13)

static int64_t multiply_add_peak(int64_t rounds, float *sum) {
    const vf a = v_set1(0.999f), b = v_set1(0.001f);
    /* Each starts elsewhere, or one chain would do for all. */
#define START(i) vf x##i = v_set1(1.0f + (i)*0.25f);
#define STEP(i) x##i = v_fma(x##i, a, b);
#define COLLECT(i) total = v_add(total, x##i);
    PEAK_EACH(START)
    for (int64_t round = 0; round < rounds; round++) {
        PEAK_EACH(STEP)
    }
    vf total = v_set1(0.0f);
    PEAK_EACH(COLLECT)
    *sum = v_sum(total);
#undef START
#undef STEP
#undef COLLECT
    return rounds > 0 ? rounds * (2 * PEAK_CHAINS * VL) : 0;
}
#undef PEAK_EACH
