/* Sums and maxima over the middle dimension, and transpose. */

/* How values are joined, what the joining starts from, and how the lanes are joined at the end. */
typedef float (*join_lanes)(v16 a);

NB_INLINE float largest_lane(v16 a) {
    return v_any(v_nan(v16_fold(v_maximum, a))) ? NAN : v16_largest(a); /* which may drop a NaN */
}

/* Four times sixteen lanes: an addition takes four cycles. */
NB_INLINE float reduce_contiguous(combine f, join_lanes join, float start, const float *x, size_t n) {
    v16 s0 = v16_set1(start), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        s0 = v16_join(f, s0, v16_load(x + i));
        s1 = v16_join(f, s1, v16_load(x + i + LANES));
        s2 = v16_join(f, s2, v16_load(x + i + 2 * LANES));
        s3 = v16_join(f, s3, v16_load(x + i + 3 * LANES));
    }
    for (; i + LANES <= n; i += LANES) s0 = v16_join(f, s0, v16_load(x + i));
    if (i < n) s1 = v16_join(f, s1, v16_load_part_or(x + i, n - i, start));
    return join(v16_join(f, v16_join(f, s0, s1), v16_join(f, s2, s3)));
}

NB_INLINE void reduce_columns(combine f, float start, const float *x, size_t rows, size_t cols, size_t ld, float *y) {
    const vf s = v_set1(start);
    size_t c = 0;
    for (; c + 4 * VL <= cols; c += 4 * VL) {
        vf s0 = s, s1 = s, s2 = s, s3 = s;
        for (size_t r = 0, i = c; r < rows; r++, i += ld) {
            s0 = f(s0, v_load(x + i));
            s1 = f(s1, v_load(x + i + VL));
            s2 = f(s2, v_load(x + i + 2 * VL));
            s3 = f(s3, v_load(x + i + 3 * VL));
        }
        v_store(y + c, s0);
        v_store(y + c + VL, s1);
        v_store(y + c + 2 * VL, s2);
        v_store(y + c + 3 * VL, s3);
    }
    for (; c + VL <= cols; c += VL) {
        vf sum = s;
        for (size_t r = 0, i = c; r < rows; r++, i += ld) sum = f(sum, v_load(x + i));
        v_store(y + c, sum);
    }
    if (c < cols) {
        vt t = v_tail(cols - c);
        vf sum = s;
        for (size_t r = 0, i = c; r < rows; r++, i += ld) sum = f(sum, v_load_part(x + i, t));
        v_store_part(y + c, t, sum);
    }
}

NB_INLINE void reduce(combine f, join_lanes join, float start, const float *x, size_t outer, size_t count, size_t inner,
                      size_t ld, float *y) {
    for (size_t o = 0; o < outer; o++) {
        if (inner == 1 && ld == 1)
            y[o] = reduce_contiguous(f, join, start, x + o * count, count);
        else
            reduce_columns(f, start, x + o * count * ld, count, inner, ld, y + o * inner);
    }
}

static void k_sum(const float *x, size_t outer, size_t count, size_t inner, size_t ld, float *y) {
    reduce(b_add, v16_sum, 0.0f, x, outer, count, inner, ld, y);
}

static void k_max(const float *x, size_t outer, size_t count, size_t inner, size_t ld, float *y) {
    reduce(b_maximum, largest_lane, -INFINITY, x, outer, count, inner, ld, y);
}

/* Once its place is found, the gradient of a column is spent: left is 0 from there on. */
NB_INLINE vf max_backward_step(vf x, vf y, vf *left) {
    vf hit = v_select(v_eq(y, y), v_truth(v_eq(x, y)), v_drop(v_eq(x, x), v_set1(1.0f)));
    vm found = v_eq(hit, v_set1(1.0f));
    vf d = v_keep(found, *left);
    *left = v_drop(found, *left);
    return d;
}

static void max_backward_contiguous(float dy, const float *x, float y, size_t n, float *dx) {
    size_t first = 0;
    while (first < n && !(x[first] == y || (x[first] != x[first] && y != y))) first++;
    for (size_t i = 0; i < n; i++) dx[i] = 0.0f;
    if (first < n) dx[first] = dy;
}

static void k_max_backward(const float *dy, const float *x, const float *y, size_t outer, size_t count, size_t inner, float *dx) {
    for (size_t o = 0; o < outer; o++, dy += inner, y += inner, x += count * inner, dx += count * inner) {
        if (inner == 1) {
            max_backward_contiguous(*dy, x, *y, count, dx);
            continue;
        }
        size_t c = 0;
        for (; c + VL <= inner; c += VL) {
            vf left = v_load(dy + c), largest = v_load(y + c);
            for (size_t r = 0, i = c; r < count; r++, i += inner)
                v_store(dx + i, max_backward_step(v_load(x + i), largest, &left));
        }
        if (c < inner) {
            vt t = v_tail(inner - c);
            vf left = v_load_part(dy + c, t), largest = v_load_part(y + c, t);
            for (size_t r = 0, i = c; r < count; r++, i += inner)
                v_store_part(dx + i, t, max_backward_step(v_load_part(x + i, t), largest, &left));
        }
    }
}

/* In strips of rows short enough that the lines of x that a tile leaves half read are still in the first cache at the next tile.
 */
enum { NB_STRIP = 128 };

NB_INLINE void transpose_strip(const float *x, size_t rows, size_t cols, size_t ldx, float *y, size_t ldy) {
    const size_t tiled = rows / NB_TILE * NB_TILE;
    size_t c = 0;
    for (; c + NB_TILE <= cols; c += NB_TILE) {
        for (size_t r = 0; r < tiled; r += NB_TILE) v_transpose(x + r * ldx + c, ldx, y + c * ldy + r, ldy);
        for (size_t k = c; k < c + NB_TILE; k++)
            for (size_t r = tiled; r < rows; r++) y[k * ldy + r] = x[r * ldx + k];
    }
    for (; c < cols; c++)
        for (size_t r = 0; r < rows; r++) y[c * ldy + r] = x[r * ldx + c];
}

static void k_transpose(const float *x, size_t rows, size_t cols, size_t ldx, float *y, size_t ldy) {
    for (size_t r = 0; r < rows; r += NB_STRIP)
        transpose_strip(x + r * ldx, rows - r < NB_STRIP ? rows - r : NB_STRIP, cols, ldx, y + r, ldy);
}
