/* Copies of a piece of an operand, as the tiles of product.inl want it: y[p width + i] is the element of row (or column) i at p. What a
 * panel has beyond the operand is left as it is. */

/* From x[p ldx + i]: neighbours in the panel are neighbours in memory. */
NB_INLINE void pack_rows_of(const float *x, size_t ldx, size_t k, const size_t count, float *y, const size_t width) {
    const size_t whole = count / VL * VL;
    const vt part = v_tail(count - whole);
    for (size_t p = 0; p < k; p++) {
        for (size_t i = 0; i < whole; i += VL) v_store(y + p * width + i, v_load(x + p * ldx + i));
        if (count > whole) v_store_part(y + p * width + whole, part, v_load_part(x + p * ldx + whole, part));
    }
}

static void pack_rows(const float *x, size_t ldx, size_t k, size_t count, float *y, size_t width) {
    if (count == B_PANEL && width == B_PANEL)
        pack_rows_of(x, ldx, k, B_PANEL, y, B_PANEL);
    else if (count == A_PANEL && width == A_PANEL)
        pack_rows_of(x, ldx, k, A_PANEL, y, A_PANEL);
    else
        pack_rows_of(x, ldx, k, count, y, width);
}

/* From x[i ldx + p]: a transpose, a cache line of each row at a time. */
static void pack_columns(const float *x, size_t ldx, size_t k, size_t count, float *y, size_t width) {
    enum { LINE = 16 };
    const size_t tiled = count / NB_TILE * NB_TILE, deep = k / NB_TILE * NB_TILE;
    for (size_t line = 0; line < deep; line += LINE)
        for (size_t i = 0; i < tiled; i += NB_TILE)
            for (size_t p = line; p < deep && p < line + LINE; p += NB_TILE)
                v_transpose(x + i * ldx + p, ldx, y + p * width + i, width);
    for (size_t i = 0; i < count; i++)
        for (size_t p = i < tiled ? deep : 0; p < k; p++) y[p * width + i] = x[i * ldx + p];
}

/* From x[rows[i] + ks[p]]. */
static void pack_scattered(const float *x, const int32_t *rows, const int32_t *ks, size_t k, size_t count, float *y, size_t width) {
    for (size_t p = 0; p < k; p++)
        for (size_t i = 0; i < count; i++) y[p * width + i] = x[rows[i] + ks[p]];
}
