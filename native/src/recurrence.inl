/* Cells of recurrences: what follows the products of a step, and its gradient, one pass over memory each. Elementwise, so that every
 * level does the same operations; a row's last vector is a partial one. */

NB_INLINE vf get_lanes(const float *p, size_t n) { return n >= VL ? v_load(p) : v_load_part(p, v_tail(n)); }

NB_INLINE void put_lanes(float *p, size_t n, vf a) {
    if (n >= VL)
        v_store(p, a);
    else
        v_store_part(p, v_tail(n), a);
}

/* y (1 - y) */
NB_INLINE vf sigmoid_slope(vf y) { return v_mul(y, v_sub(v_set1(1.0f), y)); }

/* 1 - y^2 */
NB_INLINE vf tanh_slope(vf y) { return v_fnma(y, y, v_set1(1.0f)); }

static void k_lstm_forward(const float *z, const float *c0, size_t rows, size_t n, float *gates, float *c, float *h) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < n; j += VL) {
            const size_t count = n - j, at = 4 * n * r + j;
            vf i = v_sigmoid(get_lanes(z + at, count)), f = v_sigmoid(get_lanes(z + at + n, count));
            vf g = v_tanh(get_lanes(z + at + 2 * n, count));
            vf state = v_fma(f, get_lanes(c0 + r * n + j, count), v_mul(i, g));
            if (c) put_lanes(c + r * n + j, count, state);
            if (!h && !gates) continue;
            vf o = v_sigmoid(get_lanes(z + at + 3 * n, count));
            if (h) put_lanes(h + r * n + j, count, v_mul(o, v_tanh(state)));
            if (!gates) continue;
            put_lanes(gates + at, count, i);
            put_lanes(gates + at + n, count, f);
            put_lanes(gates + at + 2 * n, count, g);
            put_lanes(gates + at + 3 * n, count, o);
        }
    }
}

static void k_lstm_backward(const float *dh, const float *dc, const float *gates, const float *c0, const float *c, size_t rows,
                            size_t n, float *dz, float *dc0) {
    const vf zero = v_set1(0.0f);
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < n; j += VL) {
            const size_t count = n - j, at = 4 * n * r + j, k = n * r + j;
            vf i = get_lanes(gates + at, count), f = get_lanes(gates + at + n, count);
            vf g = get_lanes(gates + at + 2 * n, count), o = get_lanes(gates + at + 3 * n, count);
            vf state = v_tanh(get_lanes(c + k, count)), output = dh ? get_lanes(dh + k, count) : zero;
            vf d = v_fma(v_mul(output, o), tanh_slope(state), dc ? get_lanes(dc + k, count) : zero);
            vf before = get_lanes(c0 + k, count);
            if (dc0) put_lanes(dc0 + k, count, v_mul(d, f));
            if (!dz) continue;
            put_lanes(dz + at, count, v_mul(v_mul(d, g), sigmoid_slope(i)));
            put_lanes(dz + at + n, count, v_mul(v_mul(d, before), sigmoid_slope(f)));
            put_lanes(dz + at + 2 * n, count, v_mul(v_mul(d, i), tanh_slope(g)));
            put_lanes(dz + at + 3 * n, count, v_mul(v_mul(output, state), sigmoid_slope(o)));
        }
    }
}

static void k_gru_forward(const float *x, const float *u, const float *h0, size_t rows, size_t n, float *gates, float *h) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t j = 0; j < n; j += VL) {
            const size_t count = n - j, at = 3 * n * row + j, k = n * row + j;
            vf r = v_sigmoid(v_add(get_lanes(x + at, count), get_lanes(u + at, count)));
            vf z = v_sigmoid(v_add(get_lanes(x + at + n, count), get_lanes(u + at + n, count)));
            vf c = v_tanh(v_fma(r, get_lanes(u + at + 2 * n, count), get_lanes(x + at + 2 * n, count)));
            if (h) put_lanes(h + k, count, v_fma(z, v_sub(get_lanes(h0 + k, count), c), c));
            if (!gates) continue;
            put_lanes(gates + at, count, r);
            put_lanes(gates + at + n, count, z);
            put_lanes(gates + at + 2 * n, count, c);
        }
    }
}

static void k_gru_backward(const float *dh, const float *gates, const float *u, const float *h0, size_t rows, size_t n, float *dx,
                           float *du, float *dh0) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t j = 0; j < n; j += VL) {
            const size_t count = n - j, at = 3 * n * row + j, k = n * row + j;
            vf d = get_lanes(dh + k, count), z = get_lanes(gates + at + n, count), before = get_lanes(h0 + k, count);
            if (dh0) put_lanes(dh0 + k, count, v_mul(d, z));
            if (!dx && !du) continue;
            vf r = get_lanes(gates + at, count), c = get_lanes(gates + at + 2 * n, count);
            vf dz = v_mul(v_mul(d, v_sub(before, c)), sigmoid_slope(z));
            vf dc = v_mul(v_mul(d, v_sub(v_set1(1.0f), z)), tanh_slope(c));
            vf dr = v_mul(v_mul(dc, get_lanes(u + at + 2 * n, count)), sigmoid_slope(r));
            if (dx) {
                put_lanes(dx + at, count, dr);
                put_lanes(dx + at + n, count, dz);
                put_lanes(dx + at + 2 * n, count, dc);
            }
            if (du) {
                put_lanes(du + at, count, dr);
                put_lanes(du + at + n, count, dz);
                put_lanes(du + at + 2 * n, count, v_mul(dc, r));
            }
        }
    }
}
