/* The matrix product C = alpha op(A) op(B) + beta C, in the blocks of Goto and van de Geijn, "Anatomy of high-performance matrix
 * multiplication" (2008), as BLIS names them: a tile of C is kept in registers while a panel of A and a panel of B go by; the panel of
 * B stays in the first-level cache for all tiles below one another, a block of A's panels in the second.
 *
 * One order of summation, whatever the instruction set, the tiles, the blocks of rows and columns and the range that is asked for:
 * k is cut into blocks of PRODUCT_K; in each, an element of C sums its products in ascending order by fused multiply-adds, from 0;
 * the blocks go into C in ascending order, c = fma(alpha, sum, c), where the first one finds beta c (and does not read c when beta
 * is 0). So every element has the same bits on every machine. */

enum {
    PRODUCT_K = 256, /* of a panel of B, 32 KiB: most of a first-level cache, and a tile's sums go into C every 2,000 cycles */
    /* With two vectors a row, the most rows that leave registers for the operands; with 16 lanes the height that divides usual batches
     * (12 and 14 rows were slower). */
    TILE_ROWS = VL == 16 ? 8 : VL == 8 ? 6 : 4,
    TILE_VECTORS = 2,
    TILE_COLUMNS = TILE_VECTORS * VL,
    /* One row alone reads each number of B once: long pieces of its rows, so that they stream from memory. */
    WIDE_VECTORS = 8,
    WIDE_COLUMNS = WIDE_VECTORS * VL,
    BLOCK_ROWS = 120,     /* of A, a multiple of every tile's: 120 to 240 KiB, which stay in the second-level cache beside B */
    A_PANEL = 8,          /* rows of a packed panel of A, of which a tile may use fewer */
    B_PANEL = NB_PRODUCT_PANEL,
    PREFETCH_AHEAD = 8,   /* steps of k that B is fetched ahead of its use: a panel begins outside the first-level cache */
    PACK_A_COLUMNS = 384, /* A is packed where each element serves this many columns, or, where it lies badly for the caches, */
    PACK_A_COLUMNS_FAR = 96,
    PACK_B_ROWS = 256,    /* B where each serves this many rows, or, where it lies badly, */
    PACK_B_ROWS_FAR = 16,
    FAR_STRIDE = 1024     /* rows so many floats apart, or a multiple of that, share a few sets of the first-level cache */
};

/* How the rows of A lie in memory: a distance from one another; as neighbours; or by tables of offsets, one for rows, one for k. */
typedef enum a_lie { APART, ADJACENT, SCATTERED } a_lie;

/* Everything about one tile but its height, its width and how A lies. */
typedef struct tile_block {
    size_t k;
    const float *a, *b;
    size_t a_step, b_step; /* from one k to the next */
    size_t a_row;          /* from one row to the next, where the rows of A lie apart */
    float alpha, beta;
    float *c;
    size_t ldc;
    vt part; /* of the last vector of a row */
    const int32_t *a_rows, *a_ks, *c_rows; /* where A is scattered; without c_rows the rows of C are ldc apart */
} tile_block;

NB_INLINE float *row_of_c(const tile_block *t, size_t i, const a_lie lie) {
    return t->c + (lie == SCATTERED && t->c_rows ? (size_t)t->c_rows[i] : i * t->ldc);
}

/* rows, vectors, whole and lie are constants wherever this is called. Where A is scattered, only the first live rows are there: the
 * others repeat the last one and come to nothing, which saves a body for each height. */
NB_INLINE void tile(const tile_block *t, const size_t rows, const size_t live, const size_t vectors, const int whole, const a_lie lie) {
    vf sum[TILE_ROWS][WIDE_VECTORS];
    const float *row[TILE_ROWS];
    const size_t last = vectors - 1, a_step = lie == ADJACENT ? t->a_step : 1, b_step = t->b_step;
    const float *a = t->a, *b = t->b;
    const int32_t *ks = t->a_ks;
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++) {
        const size_t at = i < live ? i : live - 1;
        row[i] = lie == SCATTERED ? a + t->a_rows[at] : a + i * t->a_row;
        float *c = row_of_c(t, at, lie);
        __builtin_prefetch(c, 1);
        __builtin_prefetch(c + last * VL, 1);
#pragma GCC unroll 8
        for (size_t v = 0; v < vectors; v++) sum[i][v] = v_set1(0.0f);
    }
#pragma GCC unroll 4
    for (size_t p = 0; p < t->k; p++) {
        vf y[WIDE_VECTORS];
#pragma GCC unroll 8
        for (size_t v = 0; v < vectors; v++) {
            y[v] = whole || v < last ? v_load(b + v * VL) : v_load_part(b + v * VL, t->part);
            __builtin_prefetch(b + PREFETCH_AHEAD * b_step + v * VL);
        }
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++) {
            const vf x = v_set1(lie == ADJACENT ? a[i] : row[i][lie == SCATTERED ? (size_t)ks[p] : p]);
#pragma GCC unroll 8
            for (size_t v = 0; v < vectors; v++) sum[i][v] = v_fma(x, y[v], sum[i][v]);
        }
        a += a_step;
        b += b_step;
    }
    const vf alpha = v_set1(t->alpha), beta = v_set1(t->beta);
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++) {
        if (i == live) break;
#pragma GCC unroll 8
        for (size_t v = 0; v < vectors; v++) {
            float *c = row_of_c(t, i, lie) + v * VL;
            const int full = whole || v < last;
            vf result;
            if (t->beta == 0.0f)
                result = v_mul(alpha, sum[i][v]);
            else
                result = v_fma(alpha, sum[i][v], v_mul(beta, full ? v_load(c) : v_load_part(c, t->part)));
            if (full)
                v_store(c, result);
            else
                v_store_part(c, t->part, result);
        }
    }
}

/* The rows of a strip that do not fill a tile. */
NB_INLINE void rest(const tile_block *t, size_t rows, const size_t vectors, const int whole, const a_lie lie) {
    switch (rows) {
#define REST(r)                                                                                                                  \
    case r: tile(t, r < TILE_ROWS ? r : 1, r, vectors, whole, lie); break;
        REST(1) REST(2) REST(3) REST(4) REST(5) REST(6) REST(7)
#undef REST
    default: break;
    }
}

/* All rows of a block of A against one tile's width of B, which makes that width of C. */
NB_INLINE void strip(tile_block *t, size_t rows, size_t a_panel, const size_t vectors, const int whole, const a_lie lie) {
    for (; rows >= TILE_ROWS; rows -= TILE_ROWS) {
        tile(t, TILE_ROWS, TILE_ROWS, vectors, whole, lie);
        t->a += a_panel;
        t->c += TILE_ROWS * t->ldc;
    }
    rest(t, rows, vectors, whole, lie);
}

NB_INLINE void next_scattered(tile_block *t, size_t rows) {
    t->a_rows += rows;
    if (t->c_rows)
        t->c_rows += rows;
    else
        t->c += rows * t->ldc;
}

/* The same where A is scattered; halves of tiles for the rows that are left. */
NB_INLINE void scattered_strip(tile_block *t, size_t rows, const size_t vectors, const int whole) {
    enum { HALF = TILE_ROWS / 2 };
    for (; rows >= TILE_ROWS; rows -= TILE_ROWS) {
        tile(t, TILE_ROWS, TILE_ROWS, vectors, whole, SCATTERED);
        next_scattered(t, TILE_ROWS);
    }
    for (size_t live; rows; rows -= live) {
        live = at_most(rows, HALF);
        tile(t, HALF, live, vectors, whole, SCATTERED);
        next_scattered(t, live);
    }
}

#define STRIP(name, lie)                                                                                                         \
    static void whole_##name(tile_block *t, size_t rows, size_t a_panel) { strip(t, rows, a_panel, TILE_VECTORS, 1, lie); }      \
    static void part_##name(tile_block *t, size_t rows, size_t a_panel) { strip(t, rows, a_panel, TILE_VECTORS, 0, lie); }       \
    static void narrow_##name(tile_block *t, size_t rows, size_t a_panel) { strip(t, rows, a_panel, 1, 0, lie); }
STRIP(apart, APART)
STRIP(adjacent, ADJACENT)
#undef STRIP

static void whole_scattered(tile_block *t, size_t rows, size_t a_panel) { (void)a_panel, scattered_strip(t, rows, TILE_VECTORS, 1); }
static void part_scattered(tile_block *t, size_t rows, size_t a_panel) { (void)a_panel, scattered_strip(t, rows, TILE_VECTORS, 0); }
static void narrow_scattered(tile_block *t, size_t rows, size_t a_panel) { (void)a_panel, scattered_strip(t, rows, 1, 0); }

static void wide_row(const tile_block *t) { tile(t, 1, 1, WIDE_VECTORS, 1, APART); }

typedef void strip_body(tile_block *t, size_t rows, size_t a_panel);

static void run_strip(tile_block *t, size_t rows, size_t columns, size_t a_panel, a_lie lie) {
    static strip_body *const bodies[][3] = {{whole_apart, part_apart, narrow_apart},
                                            {whole_adjacent, part_adjacent, narrow_adjacent},
                                            {whole_scattered, part_scattered, narrow_scattered}};
    t->part = v_tail(columns > VL ? columns - VL : columns);
    bodies[lie][columns == TILE_COLUMNS ? 0 : columns > VL ? 1 : 2](t, rows, a_panel);
}

#include "product_pack.inl"

/* How an operand lies in memory as the tiles find it: its element at k and a row (of A) or a column (of B). */
typedef struct placed {
    const float *x;
    a_lie lie;                    /* of A */
    const int32_t *a_rows, *a_ks; /* where A is scattered */
    size_t step;                  /* from one k to the next, unless the rows of A lie apart, where that is 1 */
    size_t row;                   /* from one row of A to the next, where these lie apart */
    size_t panel;                 /* from one panel to the next; for A, one tile */
    size_t first;                 /* B: where in its panel the first column lies */
} placed;

static int packs_a(const nb_product *p, size_t columns) {
    if (p->a_form == NB_OPERAND_SCATTERED) return columns >= PACK_A_COLUMNS && !p->c_rows;
    int is_far = p->lda % FAR_STRIDE == 0;
    return columns >= PACK_A_COLUMNS || (is_far && columns >= PACK_A_COLUMNS_FAR);
}

static int packs_b(const nb_product *p, size_t rows, size_t columns) {
    if (p->b_form != NB_OPERAND_PLAIN) return p->b_form == NB_OPERAND_TRANSPOSED;
    size_t bytes = sizeof(float) * p->k * columns;
    int is_far = p->ldb % FAR_STRIDE == 0 || bytes > nb_cpu_cache_bytes();
    return rows >= PACK_B_ROWS || (is_far && rows >= PACK_B_ROWS_FAR);
}

/* A block of B fills half of the second-level cache, beside one of A. */
static size_t block_columns(void) { return nb_cpu_cache_bytes() / (2 * sizeof(float) * PRODUCT_K) / B_PANEL * B_PANEL; }

/* Packed panels of A overlap where a tile has fewer rows than a panel. */
static size_t packed_a_length(size_t rows, size_t k) { return (rows + TILE_ROWS - 1) / TILE_ROWS * A_PANEL * k; }

static placed place_scattered_a(const nb_product *p, size_t row, size_t rows, size_t from, size_t k, int pack, float *to) {
    const int32_t *a_rows = p->a_rows + row, *a_ks = p->a_ks + from;
    if (!pack) return (placed){.x = p->a, .lie = SCATTERED, .a_rows = a_rows, .a_ks = a_ks};
    for (size_t i = 0; i < rows; i += TILE_ROWS)
        pack_scattered(p->a, a_rows + i, a_ks, k, at_most(rows - i, A_PANEL), to + i / TILE_ROWS * A_PANEL * k, A_PANEL);
    return (placed){.x = to, .lie = ADJACENT, .step = A_PANEL, .panel = A_PANEL * k};
}

static placed place_a(const nb_product *p, size_t row, size_t rows, size_t from, size_t k, int pack, float *to) {
    if (p->a_form == NB_OPERAND_SCATTERED) return place_scattered_a(p, row, rows, from, k, pack, to);
    int transposed = p->a_form == NB_OPERAND_TRANSPOSED;
    const float *a = transposed ? p->a + from * p->lda + row : p->a + row * p->lda + from;
    if (!pack && transposed) return (placed){.x = a, .lie = ADJACENT, .step = p->lda, .panel = TILE_ROWS};
    if (!pack) return (placed){.x = a, .lie = APART, .row = p->lda, .panel = TILE_ROWS * p->lda};
    for (size_t i = 0; i < rows; i += TILE_ROWS) {
        size_t height = at_most(rows - i, A_PANEL);
        float *panel = to + i / TILE_ROWS * A_PANEL * k;
        if (transposed)
            pack_rows(a + i, p->lda, k, height, panel, A_PANEL);
        else
            pack_columns(a + i * p->lda, p->lda, k, height, panel, A_PANEL);
    }
    return (placed){.x = to, .lie = ADJACENT, .step = A_PANEL, .panel = A_PANEL * k};
}

static void pack_b(const nb_product *p, size_t column, size_t columns, size_t from, size_t k, float *to) {
    for (size_t j = 0; j < columns; j += B_PANEL, to += B_PANEL * k) {
        size_t width = at_most(columns - j, B_PANEL);
        if (p->b_form == NB_OPERAND_TRANSPOSED)
            pack_columns(p->b + (column + j) * p->ldb + from, p->ldb, k, width, to, B_PANEL);
        else
            pack_rows(p->b + from * p->ldb + column + j, p->ldb, k, width, to, B_PANEL);
    }
}

static placed place_b(const nb_product *p, size_t column, size_t columns, size_t from, size_t k, int pack, float *to) {
    if (p->b_form == NB_OPERAND_PACKED) {
        const float *block = p->b + from * nb_packed_width(p->n);
        const float *b = block + column / B_PANEL * B_PANEL * k;
        return (placed){.x = b, .step = B_PANEL, .panel = B_PANEL * k, .first = column % B_PANEL};
    }
    if (!pack) return (placed){.x = p->b + from * p->ldb + column, .step = p->ldb, .panel = B_PANEL};
    pack_b(p, column, columns, from, k, to);
    return (placed){.x = to, .step = B_PANEL, .panel = B_PANEL * k};
}

/* One block of k of a block of C. */
static void product_block(const nb_product *p, placed a, placed b, size_t row, size_t rows, size_t column, size_t columns, size_t k,
                          float beta) {
    float *c = p->c + (p->c_rows ? 0 : row * p->ldc) + column;
    for (size_t j = 0; j < columns;) {
        size_t at = b.first + j, in_panel = at % B_PANEL, width = TILE_COLUMNS;
        const int is_wide = rows == 1 && a.lie == APART && b.panel == B_PANEL && columns - j >= WIDE_COLUMNS;
        if (is_wide)
            width = WIDE_COLUMNS;
        else if (width > B_PANEL - in_panel)
            width = B_PANEL - in_panel;
        width = at_most(width, columns - j);
        const float *panel = b.x + at / B_PANEL * b.panel + in_panel;
        tile_block t = {.k = k, .a = a.x, .b = panel, .a_step = a.step, .b_step = b.step, .a_row = a.row, .alpha = p->alpha,
                        .beta = beta, .c = c + j, .ldc = p->ldc, .a_rows = a.a_rows, .a_ks = a.a_ks,
                        .c_rows = p->c_rows ? p->c_rows + row : NULL};
        if (is_wide)
            wide_row(&t);
        else
            run_strip(&t, rows, width, a.panel, a.lie);
        j += width;
    }
}

static void product_run(const nb_product *p, size_t row, size_t rows, size_t column, size_t columns, float *workspace) {
    if (rows == 0 || columns == 0) return;
    const int pack_a = packs_a(p, columns), pack_b = packs_b(p, rows, columns);
    const size_t most_columns = block_columns(), most_k = at_most(p->k, PRODUCT_K);
    float *packed_a = workspace, *packed_b = workspace;
    if (pack_a) packed_b += packed_a_length(at_most(rows, BLOCK_ROWS), most_k);
    for (size_t j = 0; j < columns; j += most_columns) {
        size_t width = at_most(columns - j, most_columns), from = 0;
        do { /* once where k is 0: the sums are 0 then */
            size_t k = at_most(p->k - from, PRODUCT_K);
            placed b = place_b(p, column + j, width, from, k, pack_b, packed_b);
            for (size_t i = 0; i < rows; i += BLOCK_ROWS) {
                size_t height = at_most(rows - i, BLOCK_ROWS);
                placed a = place_a(p, row + i, height, from, k, pack_a, packed_a);
                product_block(p, a, b, row + i, height, column + j, width, k, from ? 1.0f : p->beta);
            }
            from += k;
        } while (from < p->k);
    }
}

static size_t product_workspace(const nb_product *p) {
    const size_t k = at_most(p->k, PRODUCT_K);
    const size_t rows = at_most(p->m, BLOCK_ROWS), columns = at_most(p->n, block_columns());
    /* What a range of the product packs the whole one packs too. */
    return (packs_a(p, p->n) ? packed_a_length(rows, k) : 0) + (packs_b(p, p->m, p->n) ? nb_packed_width(columns) * k : 0);
}

static void product_pack(const nb_product *p, size_t column, size_t columns, float *packed) {
    const size_t width = nb_packed_width(p->n), part = p->n % B_PANEL;
    const int has_last = part && columns && column + columns == p->n;
    for (size_t from = 0; from < p->k; from += PRODUCT_K) {
        size_t k = at_most(p->k - from, PRODUCT_K);
        float *block = packed + from * width, *last = block + (width - B_PANEL) * k;
        /* No tile reads what a panel has beyond B; it is 0 so that equal operands are equal bytes. */
        for (size_t q = 0; has_last && q < k; q++)
            for (size_t i = part; i < B_PANEL; i++) last[q * B_PANEL + i] = 0.0f;
        pack_b(p, column, columns, from, k, block + column * k);
    }
}
