/* Elementary functions on vectors. The polynomials are minimax fits made with Sollya (fpminimax, single precision coefficients);
 * their errors are below half an ULP of the result and the bounds in nativebackprop.h are those of the whole computation. */

#define NB_LN2_HIGH 0x1.63p-1f /* nine bits: n times it is exact */
#define NB_LN2_LOW -0x1.bd0106p-13f
#define NB_ROUNDER 12582912.0f /* 1.5 2^23: adding it rounds to an integer */

/* exp(x) = 2^n (1 + e), e = expm1(x - n log 2), |x| <= 104. */
NB_INLINE vf expm1_reduced(vf x, vf *n) {
    *n = v_sub(v_fma(x, v_set1(0x1.715476p+0f), v_set1(NB_ROUNDER)), v_set1(NB_ROUNDER));
    vf r = v_fnma(*n, v_set1(NB_LN2_LOW), v_fnma(*n, v_set1(NB_LN2_HIGH), x));
    vf p = v_fma(r, v_set1(0x1.6d4e66p-10f), v_set1(0x1.120c18p-7f));
    p = v_fma(p, r, v_set1(0x1.5554e8p-5f));
    p = v_fma(p, r, v_set1(0x1.5554dcp-3f));
    p = v_fma(p, r, v_set1(0.5f));
    return v_fma(v_mul(r, r), p, r);
}

NB_INLINE vf v_exp(vf x) {
    vf n, e = expm1_reduced(v_min(v_set1(89.0f), v_max(v_set1(-104.0f), x)), &n);
    return v_ldexp(v_add(e, v_set1(1.0f)), n);
}

/* exp(x) - 1 for x <= 0 without cancellation: 2^n e + (2^n - 1). */
NB_INLINE vf v_expm1_negative(vf x) {
    vf n, e = expm1_reduced(v_max(v_set1(-80.0f), x), &n);
    vf scale = v_pow2(n);
    return v_fma(scale, e, v_sub(scale, v_set1(1.0f)));
}

/* log(1 + f) + n log 2 for f in [1/sqrt 2 - 1, sqrt 2 - 1]. */
NB_INLINE vf log1p_reduced(vf f, vf n) {
    vf p = v_fma(f, v_set1(-0x1.553c4ep-4f), v_set1(0x1.066616p-3f));
    p = v_fma(p, f, v_set1(-0x1.090398p-3f));
    p = v_fma(p, f, v_set1(0x1.22926cp-3f));
    p = v_fma(p, f, v_set1(-0x1.54dc62p-3f));
    p = v_fma(p, f, v_set1(0x1.99a3fap-3f));
    p = v_fma(p, f, v_set1(-0x1.0000bcp-2f));
    p = v_fma(p, f, v_set1(0x1.55555p-2f));
    vf f2 = v_mul(f, f);
    vf low = v_fma(v_mul(p, f), f2, v_mul(n, v_set1(NB_LN2_LOW)));
    low = v_fnma(v_set1(0.5f), f2, low);
    return v_fma(n, v_set1(NB_LN2_HIGH), v_add(f, low));
}

NB_INLINE vf v_log(vf x) {
    vf n, m = v_split(x, &n);
    vf y = log1p_reduced(v_sub(m, v_set1(1.0f)), n);
    y = v_select(v_lt(x, v_set1(INFINITY)), y, x); /* +Inf and NaN are their own logarithms */
    y = v_select(v_eq(x, v_set1(0.0f)), v_set1(-INFINITY), y);
    return v_select(v_lt(x, v_set1(0.0f)), v_set1(NAN), y);
}

/* log(1 + u) for u in [0, 1]; above sqrt 2 - 1 as log 2 + log(1 + (u - 1) / 2). */
NB_INLINE vf v_log1p_unit(vf u) {
    vm large = v_lt(v_set1(0x1.a8279ap-2f), u);
    vf f = v_select(large, v_mul(v_set1(0.5f), v_sub(u, v_set1(1.0f))), u);
    return log1p_reduced(f, v_keep(large, v_set1(1.0f)));
}

/* 1 / (1 + exp(-x)) and, through other, 1 / (1 + exp(x)); exp is only taken of -|x|, so that neither end cancels or overflows. */
NB_INLINE vf sigmoid_pair(vf x, vf *other) {
    const vf one = v_set1(1.0f);
    vf e = v_exp(v_neg(v_abs(x))), inverse = v_div(one, v_add(one, e));
    vm negative = v_lt(x, v_set1(0.0f));
    vf small = v_mul(e, inverse);
    *other = v_select(negative, inverse, small);
    return v_select(negative, small, inverse);
}

NB_INLINE vf v_sigmoid(vf x) {
    const vf one = v_set1(1.0f);
    vf e = v_exp(v_neg(v_abs(x)));
    return v_div(v_select(v_lt(x, v_set1(0.0f)), e, one), v_add(one, e));
}

/* -m / (2 + m) with m = expm1(-2|x|). */
NB_INLINE vf v_tanh(vf x) {
    vf m = v_expm1_negative(v_mul(v_set1(-2.0f), v_abs(x)));
    return v_copysign(v_div(m, v_add(m, v_set1(2.0f))), x);
}

/* The normal distribution function Phi(x) and exp(-x^2 / 2). Phi(-t) = exp(-t^2 / 2) (1 - v) P(v), v = t / (t + 4), fitted on [0,
 * 15]; P(0) = 1/2. The rounding error of x^2 is put back, because exp would multiply it by x^2 / 2. */
NB_INLINE vf normal_cdf(vf x, vf *gauss) {
    vf t = v_min(v_set1(15.0f), v_abs(x));
    vf inverse = v_div(v_set1(1.0f), v_add(t, v_set1(4.0f))), v = v_mul(t, inverse);
    vf square = v_mul(t, t), low = v_mul_low(t, t, square);
    vf e = v_exp(v_mul(v_set1(-0.5f), square));
    e = v_fnma(e, v_mul(v_set1(0.5f), low), e);
    vf p = v_fma(v, v_set1(-0x1.164056p-6f), v_set1(0x1.674a8p-4f));
    p = v_fma(p, v, v_set1(-0x1.2ed336p-3f));
    p = v_fma(p, v, v_set1(0x1.a40c94p-6f));
    p = v_fma(p, v, v_set1(0x1.456dbp-3f));
    p = v_fma(p, v, v_set1(0x1.407144p-4f));
    p = v_fma(p, v, v_set1(-0x1.98e512p-1f));
    p = v_fma(p, v, v_set1(0x1.4ef996p0f));
    p = v_fma(p, v, v_set1(-0x1.18846p0f));
    p = v_fma(p, v, v_set1(0.5f));
    vf tail = v_mul(v_mul(p, v_mul(v_set1(4.0f), inverse)), e);
    *gauss = e;
    return v_select(v_lt(x, v_set1(0.0f)), tail, v_sub(v_set1(1.0f), tail));
}

#define NB_WAVE_LIMIT 1e4f

/* sin(x + quarter pi / 2), quarter 0 or 1. Of the four parts of pi / 2 the first two have at most eleven bits, so that their
 * products with n < 2^13 are exact; the rounding error of the third product is put back. */
NB_INLINE vf wave_polynomial(vf x, float quarter) {
    vf t = v_fma(x, v_set1(0x1.45f306p-1f), v_set1(NB_ROUNDER)), n = v_sub(t, v_set1(NB_ROUNDER));
    vf r = v_fnma(n, v_set1(0x1.fb4p-12f), v_fnma(n, v_set1(0x1.92p+0f), x));
    const vf third = v_set1(0x1.4442d2p-24f);
    vf product = v_mul(n, third);
    r = v_sub(v_sub(r, product), v_mul_low(n, third, product));
    r = v_fnma(n, v_set1(-0x1.ee59dap-50f), r);
    vf r2 = v_mul(r, r);
    vf s = v_fma(r2, v_set1(-0x1.9ab414p-13f), v_set1(0x1.110be6p-7f));
    s = v_fma(s, r2, v_set1(-0x1.555552p-3f));
    s = v_fma(v_mul(s, r2), r, r);
    vf c = v_fma(r2, v_set1(0x1.9bc774p-16f), v_set1(-0x1.6c129ep-10f));
    c = v_fma(c, r2, v_set1(0x1.555554p-5f));
    c = v_fma(v_mul(c, r2), r2, v_fnma(v_set1(0.5f), r2, v_set1(1.0f)));
    t = v_add(t, v_set1(quarter)); /* its low bits are the quadrant */
    vf y = v_select(v_bit(t, 1), c, s);
    return v_select(v_bit(t, 2), v_neg(y), y);
}

/* Beyond the limit the reduction needs more digits of pi: lane by lane. A lane's result is the same whatever the others hold. */
NB_INLINE vf wave(vf x, float quarter) {
    vm far = v_lt(v_set1(NB_WAVE_LIMIT), v_abs(x));
    vf near = wave_polynomial(x, quarter);
    if (!v_any(far)) return near;
    float lane[VL];
    v_store(lane, x);
    wave_lanes(lane, quarter != 0.0f);
    return v_select(far, v_load(lane), near);
}

NB_INLINE vf v_cos(vf x) { return wave(x, 1.0f); }
NB_INLINE vf v_sin(vf x) { return v_select(v_eq(x, v_set1(0.0f)), x, wave(x, 0.0f)); } /* keeps -0 */

/* As powf, except where products, square roots and quotients are exact or faster. */
NB_INLINE vf v_power(vf x, float p) {
    const vf one = v_set1(1.0f);
    if (p == 0.0f) return one;
    if (p == 1.0f) return x;
    if (p == 2.0f) return v_mul(x, x);
    if (p == 3.0f) return v_mul(v_mul(x, x), x);
    if (p == 0.5f) return v_sqrt(x);
    if (p == -1.0f) return v_div(one, x);
    if (p == -2.0f) return v_div(one, v_mul(x, x));
    if (p == -0.5f) return v_div(one, v_sqrt(x));
    float lane[VL];
    v_store(lane, x);
    power_lanes(lane, p);
    return v_load(lane);
}
