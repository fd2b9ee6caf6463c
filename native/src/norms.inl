/* Normalisation by the channel: the moments of a batch, what is normalised by them, and its gradient. */

/* Two sums of a vector of columns, over even and over odd rows: an addition has to wait for the one before it. */
typedef struct two_sums {
    vf even, odd;
} two_sums;

NB_INLINE vf sum_of_two(two_sums s) { return v_add(s.even, s.odd); }

/* A strip of columns: two whole vectors, or what is left of one. */
enum { NB_STRIP_VECTORS = 2 };
typedef struct col_strip {
    size_t vectors;
    vt part;
    int whole;
} col_strip;

#define EACH_VECTOR_OF(strip, v) _Pragma("GCC unroll 2") for (size_t v = 0; v < (strip).vectors; v++)

NB_INLINE vf load_of(col_strip of, const float *p, size_t v) { return of.whole ? v_load(p + v * VL) : v_load_part(p, of.part); }

NB_INLINE void store_of(col_strip of, float *p, size_t v, vf a) {
    if (of.whole)
        v_store(p + v * VL, a);
    else
        v_store_part(p, of.part, a);
}

/* Calls back with the strips of some columns, c being the first column of each. */
#define EACH_STRIP(cols, call)                                                                                                   \
    do {                                                                                                                         \
        size_t c = 0;                                                                                                            \
        col_strip of = {NB_STRIP_VECTORS, v_tail(0), 1};                                                                         \
        for (; c + NB_STRIP_VECTORS * VL <= (cols); c += NB_STRIP_VECTORS * VL) call;                                            \
        of = (col_strip){1, v_tail(0), 0};                                                                                       \
        for (; c < (cols); c += VL) {                                                                                            \
            of.part = v_tail(at_most((cols)-c, VL));                                                                             \
            call;                                                                                                                \
        }                                                                                                                        \
    } while (0)

/* The mean, which is rounded; what it lacks, from the deviations; and their squares. */
NB_INLINE void moments_strip(col_strip of, const float *x, size_t rows, size_t ld, float *m) {
    const vf count = v_set1((float)rows), zero = v_set1(0.0f);
    two_sums sum[NB_STRIP_VECTORS], square[NB_STRIP_VECTORS];
    vf mean[NB_STRIP_VECTORS];
    EACH_VECTOR_OF(of, v) sum[v] = (two_sums){zero, zero};
    size_t r = 0;
    for (; r + 2 <= rows; r += 2) EACH_VECTOR_OF(of, v) {
            sum[v].even = v_add(sum[v].even, load_of(of, x + r * ld, v));
            sum[v].odd = v_add(sum[v].odd, load_of(of, x + (r + 1) * ld, v));
        }
    if (r < rows) EACH_VECTOR_OF(of, v) sum[v].even = v_add(sum[v].even, load_of(of, x + r * ld, v));
    EACH_VECTOR_OF(of, v) {
        mean[v] = v_div(sum_of_two(sum[v]), count);
        sum[v] = square[v] = (two_sums){zero, zero};
    }
#define DEVIATION(side, row)                                                                                                     \
    {                                                                                                                            \
        const vf d = v_sub(load_of(of, x + (row)*ld, v), mean[v]);                                                               \
        sum[v].side = v_add(sum[v].side, d);                                                                                     \
        square[v].side = v_fma(d, d, square[v].side);                                                                            \
    }
    for (r = 0; r + 2 <= rows; r += 2) EACH_VECTOR_OF(of, v) {
            DEVIATION(even, r)
            DEVIATION(odd, r + 1)
        }
    if (r < rows) EACH_VECTOR_OF(of, v)
    DEVIATION(even, r)
#undef DEVIATION
    EACH_VECTOR_OF(of, v) {
        const vf rest = v_div(sum_of_two(sum[v]), count);
        store_of(of, m, v, mean[v]);
        store_of(of, m + ld, v, rest);
        store_of(of, m + 2 * ld, v, v_max(zero, v_fnma(v_mul(count, rest), rest, sum_of_two(square[v])))); /* NaN stays */
    }
}

static void k_moments(const float *x, size_t rows, size_t cols, size_t ld, float *m) {
    EACH_STRIP(cols, moments_strip(of, x + c, rows, ld, m + c));
}

/* Everything is measured from the first block's mean, so that what the data have in common cancels before anything is rounded. */
NB_INLINE void join_moments_of(const float *m, size_t blocks, size_t rows, size_t last, size_t cols, vt part, float *y) {
    const vf all = v_set1((float)((blocks - 1) * rows + last)), anchor = v_load_part(m, part);
    vf shift = v_set1(0.0f), squares = shift;
#define EACH_BLOCK(body)                                                                                                         \
    for (size_t b = 0; b < blocks; b++) {                                                                                        \
        const float *block = m + b * 3 * cols;                                                                                   \
        const vf n = v_set1((float)(b + 1 < blocks ? rows : last));                                                              \
        const vf from = v_add(v_sub(v_load_part(block, part), anchor), v_load_part(block + cols, part));                         \
        body;                                                                                                                    \
    }
    EACH_BLOCK(shift = v_fma(n, from, shift))
    shift = v_div(shift, all);
    EACH_BLOCK(const vf d = v_sub(from, shift);
               squares = v_add(squares, v_fma(v_mul(n, d), d, v_load_part(block + 2 * cols, part))))
#undef EACH_BLOCK
    v_store_part(y, part, v_add(anchor, shift));
    v_store_part(y + cols, part, v_div(squares, all));
}

static void k_join_moments(const float *m, size_t blocks, size_t rows, size_t last, size_t cols, float *y) {
    for (size_t c = 0; c < cols; c += VL) join_moments_of(m + c, blocks, rows, last, cols, v_tail(at_most(cols - c, VL)), y + c);
}

/* The columns are taken in pieces whose coefficients stay in the first cache. */
enum { NB_PIECE = 256 };

/* What a channel's values are multiplied by: weight / sqrt(variance + epsilon). */
NB_INLINE vf scale_of(vf variance, vf weight, vf epsilon) { return v_div(weight, v_sqrt(v_add(variance, epsilon))); }

NB_INLINE void scales(const float *variance, const float *weight, size_t n, float epsilon, float *scale) {
    const vf e = v_set1(epsilon);
    for (size_t c = 0; c < n; c += VL) {
        vt t = v_tail(at_most(n - c, VL));
        v_store_part(scale + c, t, scale_of(v_load_part(variance + c, t), v_load_part(weight + c, t), e));
    }
}

NB_INLINE vf normalized(vf x, vf mean, vf scale, vf bias) { return v_fma(v_sub(x, mean), scale, bias); }

NB_INLINE void normalize(const float *x, const float *mean, const float *variance, const float *w, const float *b, size_t rows,
                         size_t cols, float epsilon, int rectifies, float *y) {
    for (size_t from = 0; from < cols; from += NB_PIECE) {
        float scale[NB_PIECE];
        const size_t n = at_most(cols - from, NB_PIECE), whole = n / VL * VL;
        const float *m = mean + from, *bias = b + from;
        const vt t = v_tail(n - whole);
        scales(variance + from, w + from, n, epsilon, scale);
        for (size_t r = 0; r < rows; r++) {
            const float *xr = x + r * cols + from;
            float *yr = y + r * cols + from;
            for (size_t c = 0; c < whole; c += VL) {
                const vf z = normalized(v_load(xr + c), v_load(m + c), v_load(scale + c), v_load(bias + c));
                v_store(yr + c, rectifies ? v_max(v_set1(0.0f), z) : z);
            }
            if (whole < n) {
                const vf z = normalized(v_load_part(xr + whole, t), v_load_part(m + whole, t), v_load_part(scale + whole, t),
                                        v_load_part(bias + whole, t));
                v_store_part(yr + whole, t, rectifies ? v_max(v_set1(0.0f), z) : z);
            }
        }
    }
}

static void k_normalize(const float *x, const float *mean, const float *variance, const float *w, const float *b, size_t rows,
                        size_t cols, float epsilon, int32_t rectifies, float *y) {
    if (rectifies)
        normalize(x, mean, variance, w, b, rows, cols, epsilon, 1, y);
    else
        normalize(x, mean, variance, w, b, rows, cols, epsilon, 0, y);
}

/* The gradient of a value that was rectified is dropped where the value, computed again from x, is not above 0. */
NB_INLINE vf rectified(vf dy, vf deviation, vf scale, vf bias) {
    return v_drop(v_le(v_fma(deviation, scale, bias), v_set1(0.0f)), dy);
}

/* What backward kernels read besides dy; w and b are read by the sums only of what was rectified. */
typedef struct norm {
    const float *x, *mean, *variance, *w, *b;
    size_t rows, ld;
    float epsilon;
    int rectifies;
} norm;

NB_INLINE void normalize_sums_strip(col_strip of, const norm *n, const float *dy, size_t c, float *s) {
    const vf zero = v_set1(0.0f), epsilon = v_set1(n->epsilon);
    vf mean[NB_STRIP_VECTORS], scale[NB_STRIP_VECTORS], bias[NB_STRIP_VECTORS];
    two_sums sum[NB_STRIP_VECTORS], product[NB_STRIP_VECTORS];
    EACH_VECTOR_OF(of, v) {
        mean[v] = load_of(of, n->mean + c, v);
        scale[v] = n->rectifies ? scale_of(load_of(of, n->variance + c, v), load_of(of, n->w + c, v), epsilon) : zero;
        bias[v] = n->rectifies ? load_of(of, n->b + c, v) : zero;
        sum[v] = product[v] = (two_sums){zero, zero};
    }
#define TERM(side, row)                                                                                                          \
    {                                                                                                                            \
        const vf d = v_sub(load_of(of, n->x + (row)*n->ld + c, v), mean[v]);                                                     \
        vf g = load_of(of, dy + (row)*n->ld + c, v);                                                                             \
        if (n->rectifies) g = rectified(g, d, scale[v], bias[v]);                                                                \
        sum[v].side = v_add(sum[v].side, g);                                                                                     \
        product[v].side = v_fma(g, d, product[v].side);                                                                          \
    }
    size_t r = 0;
    for (; r + 2 <= n->rows; r += 2) EACH_VECTOR_OF(of, v) {
            TERM(even, r)
            TERM(odd, r + 1)
        }
    if (r < n->rows) EACH_VECTOR_OF(of, v)
    TERM(even, r)
#undef TERM
    EACH_VECTOR_OF(of, v) {
        const vf inverse = scale_of(load_of(of, n->variance + c, v), v_set1(1.0f), epsilon);
        store_of(of, s + c, v, sum_of_two(sum[v]));
        store_of(of, s + n->ld + c, v, v_mul(sum_of_two(product[v]), inverse));
    }
}

static void k_normalize_sums(const float *dy, const float *x, const float *mean, const float *variance, const float *w,
                             const float *b, size_t rows, size_t cols, size_t ld, float epsilon, int32_t rectifies, float *s) {
    norm n = {x, mean, variance, w, b, rows, ld, epsilon, 0};
    if (rectifies) {
        n.rectifies = 1;
        EACH_STRIP(cols, normalize_sums_strip(of, &n, dy, c, s));
    } else {
        EACH_STRIP(cols, normalize_sums_strip(of, &n, dy, c, s));
    }
}

/* dx = scale (dy - s0 / count - (x - mean) s1 / (sqrt(variance + epsilon) count)), as three coefficients a channel. */
typedef struct gradient_piece {
    float scale[NB_PIECE], slope[NB_PIECE], offset[NB_PIECE];
} gradient_piece;

NB_INLINE vf normalize_gradient(vf dy, vf d, vf scale, vf slope, vf offset, vf bias, int rectifies) {
    if (rectifies) dy = rectified(dy, d, scale, bias);
    return v_fma(dy, scale, v_fnma(d, slope, v_neg(offset)));
}

NB_INLINE void normalize_backward(const norm *of, const float *dy, const float *s, size_t cols, float count, float *dx) {
    const vf one = v_set1(1.0f), epsilon = v_set1(of->epsilon), inverse = v_div(one, v_set1(count));
    for (size_t from = 0; from < cols; from += NB_PIECE) {
        gradient_piece k;
        const size_t n = at_most(cols - from, NB_PIECE), whole = n / VL * VL;
        const float *m = of->mean + from, *bias = of->rectifies ? of->b + from : NULL;
        const vt t = v_tail(n - whole);
        for (size_t c = 0; c < n; c += VL) {
            const vt p = v_tail(at_most(n - c, VL));
            const vf variance = v_load_part(of->variance + from + c, p),
                     scale = scale_of(variance, v_load_part(of->w + from + c, p), epsilon);
            const vf share = v_mul(scale, inverse);
            v_store_part(k.scale + c, p, scale);
            v_store_part(k.offset + c, p, v_mul(share, v_load_part(s + from + c, p)));
            v_store_part(k.slope + c, p,
                         v_mul(v_mul(share, v_load_part(s + cols + from + c, p)), scale_of(variance, one, epsilon)));
        }
        for (size_t r = 0; r < of->rows; r++) {
            const float *x = of->x + r * cols + from, *g = dy + r * cols + from;
            float *y = dx + r * cols + from;
            for (size_t c = 0; c < whole; c += VL)
                v_store(y + c, normalize_gradient(v_load(g + c), v_sub(v_load(x + c), v_load(m + c)), v_load(k.scale + c),
                                                  v_load(k.slope + c), v_load(k.offset + c),
                                                  of->rectifies ? v_load(bias + c) : one, of->rectifies));
            if (whole < n)
                v_store_part(y + whole, t,
                             normalize_gradient(v_load_part(g + whole, t),
                                                v_sub(v_load_part(x + whole, t), v_load_part(m + whole, t)),
                                                v_load_part(k.scale + whole, t), v_load_part(k.slope + whole, t),
                                                v_load_part(k.offset + whole, t),
                                                of->rectifies ? v_load_part(bias + whole, t) : one, of->rectifies));
        }
    }
}

static void k_normalize_backward(const float *dy, const float *x, const float *mean, const float *variance, const float *w,
                                 const float *b, const float *s, size_t rows, size_t cols, float count, float epsilon,
                                 int32_t rectifies, float *dx) {
    norm of = {x, mean, variance, w, b, rows, cols, epsilon, 0};
    if (rectifies) {
        of.rectifies = 1;
        normalize_backward(&of, dy, s, cols, count, dx);
    } else {
        normalize_backward(&of, dy, s, cols, count, dx);
    }
}
