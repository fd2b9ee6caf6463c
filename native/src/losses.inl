/* Softmax, log-sum-exp and the losses, row by row. Every exponential is of z - max z, so that none overflows. A logit of +Inf
 * makes Inf - Inf, hence NaN, and a NaN reaches the sum: both spoil their own row only. */

typedef struct row_sum {
    float max; /* of the row's logits */
    float sum; /* of exp(z - max) */
} row_sum;

/* exp of the lanes of a tail, 0 in the others; those are not left to underflow, which would cost a hundred cycles. */
NB_INLINE vf exp_part(vt t, vf x) { return v_keep_part(t, v_exp(v_keep_part(t, x))); }

NB_INLINE float row_max(const float *z, size_t n) {
    v16 m0 = v16_set1(-INFINITY), m1 = m0;
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        m0 = v16_join(v_max, m0, v16_load(z + i));
        m1 = v16_join(v_max, m1, v16_load(z + i + LANES));
    }
    for (; i + LANES <= n; i += LANES) m0 = v16_join(v_max, m0, v16_load(z + i));
    if (i < n) m1 = v16_join(v_max, m1, v16_load_part_or(z + i, n - i, -INFINITY));
    return v16_largest(v16_join(v_max, m0, m1));
}

/* The sum of exp(z - max); the terms go to e, if given. */
NB_INLINE float row_exp(const float *z, size_t n, float max, float *e) {
    const vf m = v_set1(max);
    v16 sum = v16_set1(0.0f);
    size_t c = 0;
    for (; c + LANES <= n; c += LANES)
        EACH_PART(k, i) {
            vf v = v_exp(v_sub(v_load(z + c + i), m));
            if (e) v_store(e + c + i, v);
            sum.part[k] = v_add(sum.part[k], v);
        }
    EACH_PART(k, i) if (c + i < n) {
        vt t = v_tail(at_most(n - c - i, VL));
        vf v = exp_part(t, v_sub(v_load_part(z + c + i, t), m));
        if (e) v_store_part(e + c + i, t, v);
        sum.part[k] = v_add(sum.part[k], v);
    }
    return v16_sum(sum);
}

static row_sum softmax_long(const float *z, size_t n, float gain, float *e) {
    row_sum row;
    row.max = row_max(z, n);
    row.sum = row_exp(z, n, row.max, e);
    if (e) multiply(e, 1, &(float){gain / row.sum}, 0, n, e);
    return row;
}

/* Short rows are taken a vector of rows at a time, a column after the other: no lane is idle, none are joined, and all rows of a
 * block are read before one is written, which may stand in the same place. */
enum { NB_SHORT_ROW = 32 };

typedef struct row_block {
    float column[NB_SHORT_ROW][VL]; /* exp(z - max) */
    vf max, sum;                    /* of each row */
} row_block;

static void read_block(const float *z, size_t rows, size_t cols, row_block *block) {
    if (rows < VL)
        for (size_t c = 0; c < cols; c++) v_store(block->column[c], v_set1(0.0f));
    transpose_strip(z, rows, cols, cols, block->column[0], VL);
    vf max = v_set1(-INFINITY), even = v_set1(0.0f), odd = even;
    for (size_t c = 0; c < cols; c++) max = v_max(max, v_load(block->column[c]));
    for (size_t c = 0; c < cols; c++) {
        vf e = v_exp(v_sub(v_load(block->column[c]), max));
        v_store(block->column[c], e);
        if (c % 2)
            odd = v_add(odd, e);
        else
            even = v_add(even, e);
    }
    block->max = max;
    block->sum = v_add(even, odd);
}

/* gain softmax(z) */
static void write_block(row_block *block, vf gain, size_t rows, size_t cols, float *y) {
    const vf scale = v_div(gain, block->sum);
    for (size_t c = 0; c < cols; c++) v_store(block->column[c], v_mul(scale, v_load(block->column[c])));
    transpose_strip(block->column[0], cols, rows, VL, y, cols);
}

static void k_softmax(const float *z, size_t rows, size_t cols, float *y) {
    row_block block;
    for (size_t r = 0; r < rows; r += VL, z += VL * cols, y += VL * cols) {
        const size_t n = at_most(rows - r, VL);
        if (cols <= NB_SHORT_ROW) {
            read_block(z, n, cols, &block);
            write_block(&block, v_set1(1.0f), n, cols, y);
        } else {
            for (size_t k = 0; k < n; k++) softmax_long(z + k * cols, cols, 1.0f, y + k * cols);
        }
    }
}

/* The logarithms of the rows are taken a vector of rows at a time. */
typedef struct row_logs {
    float weight[VL], offset[VL], sum[VL]; /* weight log(sum) + offset */
} row_logs;

NB_INLINE void store_logs(const row_logs *logs, size_t n, float *l) {
    vf value = v_fma(v_load(logs->weight), v_log(v_load(logs->sum)), v_load(logs->offset));
    v_store_part(l, v_tail(n), value);
}

static void k_log_sum_exp(const float *z, size_t rows, size_t cols, float *y) {
    row_block block;
    for (size_t r = 0; r < rows; r += VL, z += VL * cols) {
        const size_t n = at_most(rows - r, VL);
        if (cols <= NB_SHORT_ROW) {
            read_block(z, n, cols, &block);
        } else {
            float max[VL] = {0}, sum[VL] = {0};
            for (size_t k = 0; k < n; k++) {
                row_sum row = softmax_long(z + k * cols, cols, 1.0f, NULL);
                max[k] = row.max;
                sum[k] = row.sum;
            }
            block.max = v_load(max);
            block.sum = v_load(sum);
        }
        v_store_part(y + r, v_tail(n), v_add(v_log(block.sum), block.max));
    }
}

/* Rows without a class count for nothing, whatever their logits. */
static void clear_rows(const int32_t *t, size_t rows, size_t cols, float *l, float *dz) {
    for (size_t r = 0; r < rows; r++) {
        if (t[r] >= 0) continue;
        if (l) l[r] = 0.0f;
        for (size_t c = 0; dz && c < cols; c++) dz[r * cols + c] = 0.0f;
    }
}

static void k_softmax_cross_entropy(const float *z, const int32_t *t, const float *dl, size_t rows, size_t cols, float *l,
                                    float *dz) {
    row_block block;
    for (size_t r = 0; r < rows; r += VL, z += VL * cols, t += VL) {
        const size_t n = at_most(rows - r, VL);
        float z_target[VL] = {0}, max[VL] = {0}, sum[VL] = {0};
        int all_count = 1;
        for (size_t k = 0; k < n; k++) { /* before dz, which may be z, overwrites it */
            all_count &= t[k] >= 0;
            if (t[k] >= 0) z_target[k] = z[k * cols + (size_t)t[k]];
        }
        if (cols <= NB_SHORT_ROW) {
            read_block(z, n, cols, &block);
            if (dz) write_block(&block, v_load_part(dl, v_tail(n)), n, cols, dz);
        } else {
            for (size_t k = 0; k < n; k++) {
                row_sum row = softmax_long(z + k * cols, cols, dz ? dl[k] : 0.0f, dz ? dz + k * cols : NULL);
                max[k] = row.max;
                sum[k] = row.sum;
            }
            block.max = v_load(max);
            block.sum = v_load(sum);
        }
        if (l) v_store_part(l + r, v_tail(n), v_add(v_log(block.sum), v_sub(block.max, v_load(z_target))));
        if (dz) {
            for (size_t k = 0; k < n; k++)
                if (t[k] >= 0) dz[k * cols + (size_t)t[k]] -= dl[k];
        }
        if (!all_count) clear_rows(t, n, cols, l ? l + r : NULL, dz);
        if (dz) {
            dz += VL * cols;
            dl += VL;
        }
    }
}

/* sum + t (max - z) as 2 t (max / 2 - z / 2), because the difference of two logits may overflow where the product does not; 0 for
 * an impossible class (-Inf) that is no target. */
NB_INLINE vf target_term(vf t, vf half_max, vf z, vf sum) {
    vf half = v_fnma(v_set1(0.5f), z, half_max);
    return v_fma(v_add(t, t), v_drop(v_eq(t, v_set1(0.0f)), half), sum);
}

/* With z shifted by its maximum, l = T log(sum) + sum of t (max - z), T the sum of t. */
NB_INLINE void target_sums(const float *z, const float *t, size_t n, float max, float *weight, float *offset) {
    const vf half_max = v_set1(0.5f * max);
    v16 w = v16_set1(0.0f), o = w;
    size_t c = 0;
    for (; c + LANES <= n; c += LANES)
        EACH_PART(k, i) {
            vf target = v_load(t + c + i);
            w.part[k] = v_add(w.part[k], target);
            o.part[k] = target_term(target, half_max, v_load(z + c + i), o.part[k]);
        }
    EACH_PART(k, i) if (c + i < n) {
        vt tail = v_tail(at_most(n - c - i, VL));
        vf target = v_load_part(t + c + i, tail);
        w.part[k] = v_add(w.part[k], target);
        o.part[k] = target_term(target, half_max, v_load_part_or(z + c + i, tail, v_set1(max)), o.part[k]);
    }
    *weight = v16_sum(w);
    *offset = v16_sum(o);
}

NB_INLINE void dense_gradient(const float *t, size_t n, float gain, float dl, float *e) {
    const vf g = v_set1(gain), d = v_set1(dl);
    size_t i = 0;
    for (; i + VL <= n; i += VL) v_store(e + i, v_fnma(d, v_load(t + i), v_mul(g, v_load(e + i))));
    if (i < n) {
        vt tail = v_tail(n - i);
        v_store_part(e + i, tail, v_fnma(d, v_load_part(t + i, tail), v_mul(g, v_load_part(e + i, tail))));
    }
}

static void k_softmax_cross_entropy_dense(const float *z, const float *t, const float *dl, size_t rows, size_t cols, float *l,
                                          float *dz) {
    row_logs logs = {{0}, {0}, {0}};
    for (size_t r0 = 0; r0 < rows; r0 += VL) {
        size_t n = at_most(rows - r0, VL);
        for (size_t k = 0; k < n; k++) {
            size_t r = r0 + k;
            const float *zr = z + r * cols, *tr = t + r * cols;
            float max = row_max(zr, cols);
            target_sums(zr, tr, cols, max, &logs.weight[k], &logs.offset[k]);
            logs.sum[k] = row_exp(zr, cols, max, dz ? dz + r * cols : NULL);
            if (dz) dense_gradient(tr, cols, dl[r] * logs.weight[k] / logs.sum[k], dl[r], dz + r * cols);
        }
        if (l) store_logs(&logs, n, l + r0);
    }
}

/* The sum of squared differences of a row, and gain times the differences to dy, if given. */
NB_INLINE float squared_error_row(const float *y, const float *t, size_t n, float gain, float *dy) {
    const vf g = v_set1(gain);
    v16 sum = v16_set1(0.0f);
    size_t c = 0;
    for (; c + LANES <= n; c += LANES)
        EACH_PART(k, i) {
            vf d = v_sub(v_load(y + c + i), v_load(t + c + i));
            sum.part[k] = v_fma(d, d, sum.part[k]);
            if (dy) v_store(dy + c + i, v_mul(g, d));
        }
    EACH_PART(k, i) if (c + i < n) {
        vt tail = v_tail(at_most(n - c - i, VL));
        vf d = v_sub(v_load_part(y + c + i, tail), v_load_part(t + c + i, tail));
        sum.part[k] = v_fma(d, d, sum.part[k]);
        if (dy) v_store_part(dy + c + i, tail, v_mul(g, d));
    }
    return v16_sum(sum);
}

static void k_squared_error(const float *y, const float *t, const float *dl, size_t rows, size_t cols, float *l, float *dy) {
    const float count = (float)cols;
    for (size_t r = 0; r < rows; r++) {
        float sum =
            squared_error_row(y + r * cols, t + r * cols, cols, dy ? dl[r] * 2.0f / count : 0.0f, dy ? dy + r * cols : NULL);
        if (l) l[r] = sum / count;
    }
}

/* |z| (z > 0 ? 1 - t : t) + log(1 + exp(-|z|)), in which nothing cancels, and through slope its derivative
 * (1 - t) sigmoid(z) - t sigmoid(-z). */
NB_INLINE vf sigmoid_loss(vf z, vf t, vf *slope) {
    const vf zero = v_set1(0.0f), one = v_set1(1.0f);
    vf size = v_abs(z), e = v_exp(v_neg(size)), inverse = v_div(one, v_add(one, e)), small = v_mul(e, inverse),
       other = v_sub(one, t);
    vm positive = v_lt(zero, z);
    vf right = v_select(positive, inverse, small), left = v_select(positive, small, inverse);
    *slope = v_fnma(t, left, v_mul(other, right));
    return v_fma(size, v_select(positive, other, t), v_log1p_unit(e));
}

/* The sum of a row's losses, and gain times their derivatives to dz, if given. */
NB_INLINE float sigmoid_row(const float *z, const float *t, size_t n, float gain, float *dz) {
    const vf g = v_set1(gain);
    v16 sum = v16_set1(0.0f);
    vf slope;
    size_t c = 0;
    for (; c + LANES <= n; c += LANES)
        EACH_PART(k, i) {
            sum.part[k] = v_add(sum.part[k], sigmoid_loss(v_load(z + c + i), v_load(t + c + i), &slope));
            if (dz) v_store(dz + c + i, v_mul(g, slope));
        }
    EACH_PART(k, i) if (c + i < n) {
        vt tail = v_tail(at_most(n - c - i, VL));
        vf loss = sigmoid_loss(v_load_part(z + c + i, tail), v_load_part(t + c + i, tail), &slope);
        sum.part[k] = v_add(sum.part[k], v_keep_part(tail, loss));
        if (dz) v_store_part(dz + c + i, tail, v_mul(g, slope));
    }
    return v16_sum(sum);
}

/* Rows of one output, the usual case, a vector of rows at a time. */
NB_INLINE void sigmoid_column(const float *z, const float *t, const float *dl, size_t rows, float *l, float *dz) {
    for (size_t r = 0; r < rows; r += VL) {
        vt part = v_tail(at_most(rows - r, VL));
        vf slope, loss = sigmoid_loss(v_load_part(z + r, part), v_load_part(t + r, part), &slope);
        if (l) v_store_part(l + r, part, loss);
        if (dz) v_store_part(dz + r, part, v_mul(v_load_part(dl + r, part), slope));
    }
}

static void k_sigmoid_cross_entropy(const float *z, const float *t, const float *dl, size_t rows, size_t cols, float *l,
                                    float *dz) {
    if (cols == 1) {
        sigmoid_column(z, t, dl, rows, l, dz);
        return;
    }
    const float count = (float)cols;
    for (size_t r = 0; r < rows; r++) {
        float sum = sigmoid_row(z + r * cols, t + r * cols, cols, dz ? dl[r] / count : 0.0f, dz ? dz + r * cols : NULL);
        if (l) l[r] = sum / count;
    }
}
