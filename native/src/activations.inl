/* Every elementwise function: F(name) is f(x, p); DF(name) is dy f'(s), s being the operand that activations.def names. The
 * parameter p is unused by most. */
#define F(name) NB_INLINE vf f_##name(vf x, __attribute__((unused)) float p)
#define DF(name) NB_INLINE vf df_##name(vf dy, __attribute__((unused)) vf s, __attribute__((unused)) float p)

#define ZERO v_set1(0.0f)
#define ONE v_set1(1.0f)

F(identity) { return x; }
DF(identity) { return dy; }

/* max(0, x), x when unordered or equal: NaN and -0 pass, the same bits on every level. */
F(relu) { return v_max(ZERO, x); }
DF(relu) { return v_drop(v_le(s, ZERO), dy); }

F(leaky_relu) { return v_select(v_lt(ZERO, x), x, v_mul(v_set1(p), x)); }
DF(leaky_relu) { return v_select(v_le(s, ZERO), v_mul(v_set1(p), dy), dy); }

F(abs) { return v_abs(x); }
DF(abs) { return v_drop(v_eq(s, ZERO), v_select(v_lt(s, ZERO), v_neg(dy), dy)); }

F(sigmoid) { return v_sigmoid(x); }
DF(sigmoid) { return v_mul(dy, v_mul(s, v_sub(ONE, s))); }

F(tanh) { return v_tanh(x); }
DF(tanh) { return v_mul(dy, v_fnma(s, s, ONE)); }

F(cos) { return v_cos(x); }
DF(cos) { return v_mul(dy, v_neg(v_sin(s))); }

F(sin) { return v_sin(x); }
DF(sin) { return v_mul(dy, v_cos(s)); }

/* x itself and not beta x / beta: beta x may overflow where the result does not. */
F(softplus) {
    vf u = v_mul(v_set1(p), x);
    return v_add(v_keep(v_lt(ZERO, u), x), v_div(v_log1p_unit(v_exp(v_neg(v_abs(u)))), v_set1(p)));
}
DF(softplus) { return v_mul(dy, v_sigmoid(v_mul(v_set1(p), s))); }

F(elu) { return v_select(v_lt(x, ZERO), v_mul(v_set1(p), v_expm1_negative(v_min(ZERO, x))), x); }
DF(elu) { return v_mul(dy, v_select(v_lt(ZERO, s), ONE, v_mul(v_set1(p), v_exp(v_min(ZERO, s))))); }

/* The clamps of silu and gelu are beyond the point where the factor underflows: they turn Inf times 0 into the limit. */
F(silu) { return v_mul(v_max(v_set1(-105.0f), x), v_sigmoid(x)); }
DF(silu) {
    vf x = v_min(v_set1(105.0f), v_max(v_set1(-105.0f), s)), other, y = sigmoid_pair(x, &other);
    return v_mul(dy, v_mul(y, v_fma(x, other, ONE)));
}

F(gelu) {
    vf gauss;
    return v_mul(v_max(v_set1(-15.0f), x), normal_cdf(x, &gauss));
}
DF(gelu) {
    vf x = v_min(v_set1(15.0f), v_max(v_set1(-15.0f), s)), gauss, y = normal_cdf(x, &gauss);
    return v_mul(dy, v_fma(v_mul(x, v_set1(0x1.988454p-2f)), gauss, y)); /* 1 / sqrt(2 pi) */
}

/* x/2 (1 + tanh u) = x sigmoid(2u), 2u = x (C1 + C3 x^2): no cancellation on the negative side. */
#define GELU_C1 0x1.988454p+0f /* 2 sqrt(2 / pi) */
#define GELU_C3 0x1.2444f2p-4f /* 0.044715 C1 */
F(gelu_tanh) {
    vf low = v_max(v_set1(-12.0f), x), square = v_mul(low, low);
    return v_mul(low, v_sigmoid(v_mul(low, v_fma(square, v_set1(GELU_C3), v_set1(GELU_C1)))));
}
DF(gelu_tanh) {
    vf x = v_min(v_set1(12.0f), v_max(v_set1(-12.0f), s)), square = v_mul(x, x), other;
    vf y = sigmoid_pair(v_mul(x, v_fma(square, v_set1(GELU_C3), v_set1(GELU_C1))), &other);
    vf du = v_fma(square, v_set1(3.0f * GELU_C3), v_set1(GELU_C1));
    return v_mul(dy, v_fma(v_mul(x, y), v_mul(other, du), y));
}

F(exp) { return v_exp(x); }
DF(exp) { return v_mul(dy, s); }

F(log) { return v_log(x); }
DF(log) { return v_div(dy, s); }

F(sqrt) { return v_sqrt(x); }
DF(sqrt) { return v_div(dy, v_add(s, s)); }

F(square) { return v_mul(x, x); }
DF(square) { return v_mul(dy, v_add(s, s)); }

F(reciprocal) { return v_div(ONE, x); }
DF(reciprocal) { return v_mul(dy, v_neg(v_mul(s, s))); }

F(power) { return v_power(x, p); }
DF(power) {
    if (p == 0.0f) return v_mul(dy, ZERO);
    return v_mul(dy, v_mul(v_set1(p), v_power(s, p - 1.0f)));
}

F(scale) { return v_mul(v_set1(p), x); }
DF(scale) { return v_mul(v_set1(p), dy); }

F(shift) { return v_add(x, v_set1(p)); }
DF(shift) { return dy; }

F(huber) {
    vf a = v_abs(x), c = v_min(v_set1(p), a);
    return v_mul(c, v_fnma(v_set1(0.5f), c, a));
}
DF(huber) { return v_mul(dy, v_max(v_set1(-p), v_min(v_set1(p), s))); }

typedef vf (*function)(vf x, float p);
typedef vf (*derivative)(vf dy, vf s, float p);

NB_INLINE void forward_row(function f, const float *z, size_t n, float p, float *y) {
    size_t i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, f(v_load(z + i), p));
    if (i < n) {
        vt t = v_tail(n - i);
        v_store_part(y + i, t, f(v_load_part(z + i, t), p));
    }
}

NB_INLINE void forward_row_bias(function f, const float *z, const float *b, size_t n, float p, float *y) {
    size_t i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, f(v_add(v_load(z + i), v_load(b + i)), p));
    if (i < n) {
        vt t = v_tail(n - i);
        v_store_part(y + i, t, f(v_add(v_load_part(z + i, t), v_load_part(b + i, t)), p));
    }
}

/* As many rows as a vector has lanes are a period of the bias of short rows. */
static __attribute__((noinline)) void repeat_bias(const float *b, size_t cols, float *period) {
    const vf bias = v_load_part(b, v_tail(cols));
    for (size_t k = 0; k < VL; k++) v_store(period + k * cols, bias); /* what is behind a row's end the next one overwrites */
}

NB_INLINE void forward_bias(function f, const float *z, const float *b, size_t rows, size_t cols, size_t ld, float p, float *y) {
    float period[VL * VL];
    size_t rest = 0;
    if (cols < VL && ld == cols && rows > 1) {
        /* Many rows as one of whole vectors. One at a time and in place, each would be loaded while the masked store of the row
         * before is still on its way to the cache, which takes longer than the row. */
        repeat_bias(b, cols, period);
        b = period;
        rest = rows % VL * cols;
        rows /= VL;
        cols *= VL;
        ld = cols;
    }
    for (;;) {
        for (size_t r = 0; r < rows; r++) forward_row_bias(f, z + r * ld, b, cols, p, y + r * ld);
        if (!rest) return;
        z += rows * ld;
        y += rows * ld;
        rows = 1;
        cols = rest;
        rest = 0;
    }
}

NB_INLINE void forward(function f, const float *z, const float *b, size_t rows, size_t cols, size_t ld, float p, float *y) {
    if (b) {
        forward_bias(f, z, b, rows, cols, ld, p, y);
        return;
    }
    if (ld == cols) {
        cols *= rows;
        rows = 1;
    }
    for (size_t r = 0; r < rows; r++) forward_row(f, z + r * ld, cols, p, y + r * ld);
}

NB_INLINE void backward_row(derivative df, const float *dy, const float *s, size_t n, float p, float *dz) {
    size_t i = 0;
    for (; i + VL <= n; i += VL) v_store(dz + i, df(v_load(dy + i), v_load(s + i), p));
    if (i < n) {
        vt t = v_tail(n - i);
        v_store_part(dz + i, t, df(v_load_part(dy + i, t), v_load_part(s + i, t), p));
    }
}

NB_INLINE vf backward_step(derivative df, const float *dy, const float *s, float p, float *dz, vf sum) {
    vf d = df(v_load(dy), v_load(s), p);
    v_store(dz, d);
    return v_add(sum, d);
}

/* The bias gradient of four vectors of columns stays in registers while the rows go by: one pass over memory. */
NB_INLINE void backward_columns(derivative df, const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float p,
                                float *dz, float *db) {
    size_t c = 0;
    for (; c + 4 * VL <= cols; c += 4 * VL) {
        vf s0 = ZERO, s1 = ZERO, s2 = ZERO, s3 = ZERO;
        for (size_t r = 0, i = c; r < rows; r++, i += ld) {
            s0 = backward_step(df, dy + i, s + i, p, dz + i, s0);
            s1 = backward_step(df, dy + i + VL, s + i + VL, p, dz + i + VL, s1);
            s2 = backward_step(df, dy + i + 2 * VL, s + i + 2 * VL, p, dz + i + 2 * VL, s2);
            s3 = backward_step(df, dy + i + 3 * VL, s + i + 3 * VL, p, dz + i + 3 * VL, s3);
        }
        v_store(db + c, s0);
        v_store(db + c + VL, s1);
        v_store(db + c + 2 * VL, s2);
        v_store(db + c + 3 * VL, s3);
    }
    for (; c + VL <= cols; c += VL) {
        vf sum = ZERO;
        for (size_t r = 0, i = c; r < rows; r++, i += ld) sum = backward_step(df, dy + i, s + i, p, dz + i, sum);
        v_store(db + c, sum);
    }
    if (c < cols) {
        vt t = v_tail(cols - c);
        vf sum = ZERO;
        for (size_t r = 0, i = c; r < rows; r++, i += ld) {
            vf d = df(v_load_part(dy + i, t), v_load_part(s + i, t), p);
            v_store_part(dz + i, t, d);
            sum = v_add(sum, d);
        }
        v_store_part(db + c, t, sum);
    }
}

NB_INLINE void backward(derivative df, const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float p, float *dz,
                        float *db) {
    if (!s) s = dy; /* a function that does not read s may be given none */
    if (db) {
        backward_columns(df, dy, s, rows, cols, ld, p, dz, db);
        return;
    }
    if (ld == cols) {
        cols *= rows;
        rows = 1;
    }
    for (size_t r = 0; r < rows; r++) backward_row(df, dy + r * ld, s + r * ld, cols, p, dz + r * ld);
}

#define X(name, operand, par)                                                                                                    \
    static void name##_forward NB_FORWARD_PARAMS(par) { forward(f_##name, z, b, rows, cols, ld, NB_VALUE(par), y); }             \
    static void name##_backward NB_BACKWARD_PARAMS(par) { backward(df_##name, dy, s, rows, cols, ld, NB_VALUE(par), dz, db); }
#include "activations.def"
#undef X
