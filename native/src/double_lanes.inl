/* What needs more than single precision, in double and a lane at a time: sines of large arguments, powers. Operations of IEEE alone,
 * never the C library's functions, whose last bits differ from one system to the next. */
#include <string.h>

NB_INLINE double double_of_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

NB_INLINE uint64_t bits_of_double(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* 2 / pi to 224 bits, after a word for the bits before the point. */
static const uint32_t two_over_pi[] = {0,           0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
                                       0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu};

/* x = n pi / 2 + the result, within pi / 4 of 0, for finite |x| >= 2^13; through quadrant, n modulo 4. With x = m 2^e the bits of
 * 2 / pi above 2^(1-e) only add multiples of 4, and 96 bits from there leave 62 behind the point (Payne and Hanek, 1983). */
static double wave_remainder(float x, uint64_t *quadrant) {
    uint64_t bits = bits_of_double((double)x);
    uint64_t m = ((bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x10000000000000)) >> 29;
    size_t start = (size_t)(bits >> 52 & 0x7ff) - 1046 + 30, shift = start & 31; /* e = exponent - 1023 - 23 */
    const uint32_t *word = two_over_pi + (start >> 5);
    uint64_t part[3];
    for (size_t k = 0; k < 3; k++) part[k] = ((uint64_t)word[k] << 32 | word[k + 1]) << shift >> 32;
    uint64_t low = m * part[2], middle = m * part[1] + (low >> 32), high = m * part[0] + (middle >> 32);
    uint64_t turns = high << 32 | (middle & 0xffffffffu); /* in units of 2^-62 quarter turns */
    uint64_t n = (turns + (UINT64_C(1) << 61)) >> 62;
    double r = (double)(int64_t)(turns - (n << 62)) * 0x1.921fb54442d18p-62;
    *quadrant = bits >> 63 ? 4 - n : n;
    return bits >> 63 ? -r : r;
}

static float wave_of_large(float x, int quarter) {
    if (!(x - x == 0.0f)) return NAN; /* an infinity */
    uint64_t quadrant;
    double r = wave_remainder(x, &quadrant), square = r * r, y;
    quadrant += (uint64_t)quarter;
    if (quadrant & 1) { /* the cosine's series, to below 1e-12 */
        y = -1.0 / 3628800 + square * (1.0 / 479001600);
        y = 1.0 / 40320 + square * y;
        y = -1.0 / 720 + square * y;
        y = 1.0 / 24 + square * y;
        y = 1.0 + square * (-0.5 + square * y);
    } else {
        y = 1.0 / 362880 + square * (-1.0 / 39916800);
        y = -1.0 / 5040 + square * y;
        y = 1.0 / 120 + square * y;
        y = -1.0 / 6 + square * y;
        y = r + r * square * y;
    }
    return (float)(quadrant & 2 ? -y : y);
}

/* sin(x + quarter pi / 2) where |x| >= 2^13; what is smaller is not touched. */
static __attribute__((noinline)) void wave_lanes(float *lane, int quarter) {
    for (size_t i = 0; i < VL; i++)
        if (fabsf(lane[i]) >= 8192.0f) lane[i] = wave_of_large(lane[i], quarter);
}

/* |x|^p for finite |x| > 0, within 1e-11 of the exact power before it is rounded. */
NB_INLINE float power_of_size(float x, double p) {
    const uint64_t sign = UINT64_C(1) << 63, limit = UINT64_C(0x4069000000000000); /* 200 */
    uint64_t bits = bits_of_double((double)x) & ~sign, half = UINT64_C(0x3fe6a09e667f3bcd); /* 1 / sqrt 2 */
    uint64_t exponent = (bits - half) >> 52; /* modulo 4096: |x| = m 2^exponent, m in [1 / sqrt 2, sqrt 2) */
    double n = double_of_bits(((exponent + 1024) & 0xfff) | UINT64_C(0x4330000000000000)) - (0x1p52 + 1024.0);
    double m = double_of_bits(bits - (exponent << 52));
    double s = (m - 1.0) / (m + 1.0), square = s * s; /* log m = 2 (s + s^3 / 3 + ...) */
    double fourth = square * square, eighth = fourth * fourth;
    double series = (1.0 / 3 + square * (1.0 / 5)) + fourth * (1.0 / 7 + square * (1.0 / 9)) +
                    eighth * ((1.0 / 11 + square * (1.0 / 13)) + fourth * (1.0 / 15 + square * (1.0 / 17)));
    double y = p * (n + (s + s * square * series) * 0x1.71547652b82fep1); /* 2 / log 2 */
    uint64_t size = bits_of_double(y) & ~sign;
    y = double_of_bits((size > limit ? limit : size) | (bits_of_double(y) & sign));
    double shifted = y + 0x1.8p52, f = (y - (shifted - 0x1.8p52)) * 0x1.62e42fefa39efp-1;
    double f2 = f * f, f4 = f2 * f2;
    double e = (1.0 + f) + f2 * (0.5 + f * (1.0 / 6)) + f4 * ((1.0 / 24 + f * (1.0 / 120)) + f2 * (1.0 / 720 + f * (1.0 / 5040))) +
               f4 * f4 * ((1.0 / 40320 + f * (1.0 / 362880)) + f2 * (1.0 / 3628800));
    return (float)(e * double_of_bits((bits_of_double(shifted) + 1023) << 52));
}

/* The cases of C's pow around power, which is |x|^p. */
static float power_case(float x, float p, float power) {
    if (x == 1.0f) return 1.0f;
    if (x != x || p != p) return NAN;
    float size = fabsf(x);
    int large = fabsf(p) >= 0x1p24f, whole = large || (float)(int32_t)p == p, odd = !large && whole && ((int32_t)p & 1);
    if (x < 0.0f && size < INFINITY && !whole) return NAN;
    if (size == 0.0f || size == INFINITY) power = (size == 0.0f) == (p > 0.0f) ? 0.0f : INFINITY;
    if (size == 1.0f) power = 1.0f; /* though p be infinite */
    return odd ? copysignf(power, x) : power;
}

static __attribute__((noinline)) void power_lanes(float *lane, float p) {
    float x[VL];
    memcpy(x, lane, sizeof x);
    for (size_t i = 0; i < VL; i++) lane[i] = power_of_size(x[i], (double)p);
    for (size_t i = 0; i < VL; i++)
        if (!(x[i] > 0.0f && x[i] < INFINITY && p - p == 0.0f)) lane[i] = power_case(x[i], p, lane[i]);
}
