/* The product of each channel with itself alone, in the order of summation of product.inl: vectors of channels, a tile of a few
 * rows of which share what is read of B. */

enum { CHANNEL_ROWS = 4, CHANNEL_VECTORS = VL == 16 ? 4 : 2 };

/* One block of k of a few rows and vectors of C; rows, vectors and whole are constants wherever this is called. */
NB_INLINE void channel_tile(const nb_product *p, size_t from, size_t k, size_t row, size_t column, const size_t rows,
                            const size_t vectors, const int whole, vt part) {
    vf sum[CHANNEL_ROWS][CHANNEL_VECTORS];
    const float *x[CHANNEL_ROWS], *b = p->b + from * p->ldb + column;
    for (size_t i = 0; i < rows; i++) {
        x[i] = p->a + p->a_rows[row + i] + column;
        for (size_t v = 0; v < vectors; v++) sum[i][v] = v_set1(0.0f);
    }
    for (size_t q = 0; q < k; q++, b += p->ldb) {
        const size_t at = (size_t)p->a_ks[from + q];
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++) {
            const vf w = whole ? v_load(b + v * VL) : v_load_part(b + v * VL, part);
#pragma GCC unroll 4
            for (size_t i = 0; i < rows; i++) {
                const float *from_x = x[i] + at + v * VL;
                sum[i][v] = v_fma(whole ? v_load(from_x) : v_load_part(from_x, part), w, sum[i][v]);
            }
        }
    }
    const float first = from ? 1.0f : p->beta;
    const vf alpha = v_set1(p->alpha), beta = v_set1(first);
    for (size_t i = 0; i < rows; i++) {
        float *c = p->c + column + (p->c_rows ? (size_t)p->c_rows[row + i] : (row + i) * p->ldc);
        for (size_t v = 0; v < vectors; v++, c += VL) {
            vf result = v_mul(alpha, sum[i][v]);
            if (first != 0.0f) result = v_fma(alpha, sum[i][v], v_mul(beta, whole ? v_load(c) : v_load_part(c, part)));
            if (whole)
                v_store(c, result);
            else
                v_store_part(c, part, result);
        }
    }
}

NB_INLINE void channel_rows(const nb_product *p, size_t from, size_t k, size_t row, size_t rows, size_t column,
                            const size_t vectors, const int whole, vt part) {
    size_t i = 0;
    for (; i + CHANNEL_ROWS <= rows; i += CHANNEL_ROWS)
        channel_tile(p, from, k, row + i, column, CHANNEL_ROWS, vectors, whole, part);
    for (; i < rows; i++) channel_tile(p, from, k, row + i, column, 1, vectors, whole, part);
}

static void product_run_channels(const nb_product *p, size_t row, size_t rows, size_t column, size_t columns) {
    if (rows == 0 || columns == 0) return;
    size_t from = 0;
    do { /* once where k is 0: the sums are 0 then */
        size_t k = at_most(p->k - from, PRODUCT_K), j = 0;
        for (; j + CHANNEL_VECTORS * VL <= columns; j += CHANNEL_VECTORS * VL)
            channel_rows(p, from, k, row, rows, column + j, CHANNEL_VECTORS, 1, v_tail(0));
        for (; j < columns; j += VL) channel_rows(p, from, k, row, rows, column + j, 1, 0, v_tail(at_most(columns - j, VL)));
        from += k;
    } while (from < p->k);
}
