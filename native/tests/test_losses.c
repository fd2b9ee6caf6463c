/* Softmax, log-sum-exp, cross-entropies and squared error against double precision; large logits, infinities, NaN, absent
 * outputs. */
#include <string.h>

#include "harness.h"

enum { MAX_COLS = 300 };

typedef struct exact_row {
    double lse, p[MAX_COLS];
} exact_row;

static void exact_softmax(const float *z, size_t cols, exact_row *row) {
    double max = -HUGE_VAL, sum = 0.0;
    for (size_t c = 0; c < cols; c++) max = fmax(max, (double)z[c]);
    for (size_t c = 0; c < cols; c++) sum += row->p[c] = exp((double)z[c] - max);
    for (size_t c = 0; c < cols; c++) row->p[c] /= sum;
    row->lse = max + log(sum);
}

/* t in the header is int32; the guarded slot is float memory of the same size. */
static int32_t *guarded_labels(int slot, size_t rows, size_t cols) {
    int32_t *t = (int32_t *)(void *)guarded(slot, rows, AT_END);
    for (size_t r = 0; r < rows; r++) t[r] = (int32_t)(random_bits() % cols);
    return t;
}

static void copy(float *to, const float *from, size_t n) {
    if (n) memcpy(to, from, n * sizeof(float));
}

static void test_softmax(size_t rows, size_t cols, float range, nb_isa isa) {
    static exact_row row;
    size_t n = rows * cols;
    float *z = guarded(0, n, AT_END), *y = guarded(1, n, AT_END), *l = guarded(2, rows, AT_END),
          *in_place = guarded(3, n, AT_END);
    fill_random(z, n, -range, range);
    nb_softmax_f32(z, rows, cols, y);
    nb_log_sum_exp_f32(z, rows, cols, l);
    copy(in_place, z, n);
    nb_softmax_f32(in_place, rows, cols, in_place);
    check(!memcmp(in_place, y, n * sizeof(float)), "softmax in place %s [%zu,%zu]", isa_names[isa], rows, cols);
    for (size_t r = 0; r < rows; r++) {
        exact_softmax(z + r * cols, cols, &row);
        check(close_to(l[r], row.lse, 1e-6, 1.0), "log_sum_exp %s [%zu,%zu]: got %g, expected %g", isa_names[isa], rows, cols,
              (double)l[r], row.lse);
        for (size_t c = 0; c < cols; c++)
            check(close_to(y[r * cols + c], row.p[c], 1e-6, 1e-3), "softmax %s [%zu,%zu] at (%zu,%zu): got %g, expected %g",
                  isa_names[isa], rows, cols, r, c, (double)y[r * cols + c], row.p[c]);
    }
}

static void test_cross_entropy(size_t rows, size_t cols, float range, nb_isa isa) {
    static exact_row row;
    size_t n = rows * cols;
    float *z = guarded(0, n, AT_END), *dl = guarded(1, rows, AT_END), *l = guarded(2, rows, AT_END), *dz = guarded(3, n, AT_END),
          *other = guarded(4, n, AT_END), *alone = guarded(5, rows, AT_END);
    int32_t *t = guarded_labels(6, rows, cols);
    fill_random(z, n, -range, range);
    fill_random(dl, rows, 0.1f, 1);
    nb_softmax_cross_entropy_f32(z, t, dl, rows, cols, l, dz);
    nb_softmax_cross_entropy_f32(z, t, NULL, rows, cols, alone, NULL);
    check(!memcmp(l, alone, rows * sizeof(float)), "cross-entropy without gradient %s [%zu,%zu]", isa_names[isa], rows, cols);
    copy(other, z, n);
    nb_softmax_cross_entropy_f32(other, t, dl, rows, cols, NULL, other);
    check(!memcmp(other, dz, n * sizeof(float)), "cross-entropy in place, no loss %s [%zu,%zu]", isa_names[isa], rows, cols);
    for (size_t r = 0; r < rows; r++) {
        exact_softmax(z + r * cols, cols, &row);
        double loss = row.lse - (double)z[r * cols + (size_t)t[r]];
        check(close_to(l[r], loss, 1e-6, 1.0), "cross-entropy %s [%zu,%zu] row %zu: got %g, expected %g", isa_names[isa], rows,
              cols, r, (double)l[r], loss);
        for (size_t c = 0; c < cols; c++) {
            double d = (double)dl[r] * (row.p[c] - (c == (size_t)t[r] ? 1.0 : 0.0));
            check(close_to(dz[r * cols + c], d, 1e-6, 0.3 * (double)dl[r]),
                  "cross-entropy gradient %s [%zu,%zu] at (%zu,%zu): got %g, expected %g", isa_names[isa], rows, cols, r, c,
                  (double)dz[r * cols + c], d);
        }
    }

    /* Without a class nothing counts, whatever the logits; the other rows are as they were. */
    for (size_t r = 0; r < rows; r += 3) {
        t[r] = -100;
        for (size_t c = 0; c < cols; c++) z[r * cols + c] = c % 2 ? NAN : 3e38f;
        for (size_t c = 0; c < cols; c++) dz[r * cols + c] = 0.0f;
        l[r] = 0.0f;
    }
    nb_softmax_cross_entropy_f32(z, t, dl, rows, cols, alone, other);
    check(!memcmp(l, alone, rows * sizeof(float)), "cross-entropy without some classes %s [%zu,%zu]", isa_names[isa], rows, cols);
    check(!memcmp(dz, other, n * sizeof(float)), "its gradient without some classes %s [%zu,%zu]", isa_names[isa], rows, cols);
}

static void test_dense(size_t rows, size_t cols, float range, nb_isa isa) {
    static exact_row row;
    size_t n = rows * cols;
    float *z = guarded(0, n, AT_END), *dl = guarded(1, rows, AT_END), *l = guarded(2, rows, AT_END), *dz = guarded(3, n, AT_END),
          *t = guarded(4, n, AT_END), *other = guarded(5, n, AT_END), *alone = guarded(6, rows, AT_END);
    fill_random(z, n, -range, range);
    fill_random(t, n, 0, 1);
    fill_random(dl, rows, 0.1f, 1);
    nb_softmax_cross_entropy_dense_f32(z, t, dl, rows, cols, l, dz);
    nb_softmax_cross_entropy_dense_f32(z, t, NULL, rows, cols, alone, NULL);
    check(!memcmp(l, alone, rows * sizeof(float)), "dense cross-entropy without gradient %s [%zu,%zu]", isa_names[isa], rows,
          cols);
    copy(other, z, n);
    nb_softmax_cross_entropy_dense_f32(other, t, dl, rows, cols, NULL, other);
    check(!memcmp(other, dz, n * sizeof(float)), "dense cross-entropy in place, no loss %s [%zu,%zu]", isa_names[isa], rows,
          cols);
    for (size_t r = 0; r < rows; r++) {
        exact_softmax(z + r * cols, cols, &row);
        double loss = 0.0, total = 0.0;
        for (size_t c = 0; c < cols; c++) {
            loss += (double)t[r * cols + c] * (row.lse - (double)z[r * cols + c]);
            total += (double)t[r * cols + c];
        }
        check(close_to(l[r], loss, 2e-6, 1.0), "dense cross-entropy %s [%zu,%zu] row %zu: got %g, expected %g", isa_names[isa],
              rows, cols, r, (double)l[r], loss);
        for (size_t c = 0; c < cols; c++) {
            double d = (double)dl[r] * (row.p[c] * total - (double)t[r * cols + c]);
            check(close_to(dz[r * cols + c], d, 1e-6, (double)dl[r] * (row.p[c] * total + 1.0)),
                  "dense cross-entropy gradient %s [%zu,%zu] at (%zu,%zu): got %g, expected %g", isa_names[isa], rows, cols, r, c,
                  (double)dz[r * cols + c], d);
        }
    }
}

static void test_squared_error(size_t rows, size_t cols, nb_isa isa) {
    size_t n = rows * cols;
    float *y = guarded(0, n, AT_END), *t = guarded(1, n, AT_END), *dl = guarded(2, rows, AT_END), *l = guarded(3, rows, AT_END),
          *dy = guarded(4, n, AT_END), *other = guarded(5, n, AT_END), *alone = guarded(6, rows, AT_END);
    fill_random(y, n, -3, 3);
    fill_random(t, n, -3, 3);
    fill_random(dl, rows, 0.1f, 1);
    nb_squared_error_f32(y, t, dl, rows, cols, l, dy);
    nb_squared_error_f32(y, t, NULL, rows, cols, alone, NULL);
    check(!memcmp(l, alone, rows * sizeof(float)), "squared error without gradient %s [%zu,%zu]", isa_names[isa], rows, cols);
    copy(other, y, n);
    nb_squared_error_f32(other, t, dl, rows, cols, NULL, other);
    check(!memcmp(other, dy, n * sizeof(float)), "squared error over y %s [%zu,%zu]", isa_names[isa], rows, cols);
    copy(other, t, n);
    nb_squared_error_f32(y, other, dl, rows, cols, NULL, other);
    check(!memcmp(other, dy, n * sizeof(float)), "squared error over t %s [%zu,%zu]", isa_names[isa], rows, cols);
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0;
        for (size_t c = 0; c < cols; c++) {
            size_t i = r * cols + c;
            double d = (double)y[i] - (double)t[i], gradient = (double)dl[r] * 2.0 * d / (double)cols;
            sum += d * d;
            check(close_to(dy[i], gradient, 1e-6, 1e-3), "squared error gradient %s [%zu,%zu] at (%zu,%zu): got %g, expected %g",
                  isa_names[isa], rows, cols, r, c, (double)dy[i], gradient);
        }
        check(close_to(l[r], sum / (double)cols, 1e-6, 0.0), "squared error %s [%zu,%zu] row %zu: got %g, expected %g",
              isa_names[isa], rows, cols, r, (double)l[r], sum / (double)cols);
    }
}

/* Targets of 0, 1 and in between. */
static void test_sigmoid(size_t rows, size_t cols, float range, nb_isa isa) {
    size_t n = rows * cols;
    float *z = guarded(0, n, AT_END), *t = guarded(1, n, AT_END), *dl = guarded(2, rows, AT_END), *l = guarded(3, rows, AT_END),
          *dz = guarded(4, n, AT_END), *other = guarded(5, n, AT_END), *alone = guarded(6, rows, AT_END);
    fill_random(z, n, -range, range);
    for (size_t i = 0; i < n; i++) t[i] = i % 3 == 2 ? random_in(0, 1) : (float)(random_bits() & 1);
    fill_random(dl, rows, 0.1f, 1);
    nb_sigmoid_cross_entropy_f32(z, t, dl, rows, cols, l, dz);
    nb_sigmoid_cross_entropy_f32(z, t, NULL, rows, cols, alone, NULL);
    check(!memcmp(l, alone, rows * sizeof(float)), "sigmoid without gradient %s [%zu,%zu]", isa_names[isa], rows, cols);
    copy(other, z, n);
    nb_sigmoid_cross_entropy_f32(other, t, dl, rows, cols, NULL, other);
    check(!memcmp(other, dz, n * sizeof(float)), "sigmoid over z %s [%zu,%zu]", isa_names[isa], rows, cols);
    copy(other, t, n);
    nb_sigmoid_cross_entropy_f32(z, other, dl, rows, cols, NULL, other);
    check(!memcmp(other, dz, n * sizeof(float)), "sigmoid over t %s [%zu,%zu]", isa_names[isa], rows, cols);
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0;
        for (size_t c = 0; c < cols; c++) {
            size_t i = r * cols + c;
            double x = (double)z[i], y = (double)t[i], e = exp(-fabs(x)), right = (x > 0 ? 1.0 : e) / (1.0 + e);
            double gradient = (double)dl[r] / (double)cols * (y == 1.0 ? -(x > 0 ? e : 1.0) / (1.0 + e) : right - y);
            sum += fmax(x, 0.0) - y * x + log1p(e);
            /* Relative where the target is a class: the slope does not cancel. */
            check(close_to(dz[i], gradient, 1e-6, y == 0.0 || y == 1.0 ? 1e-30 : 0.3),
                  "sigmoid gradient %s [%zu,%zu] of z=%g t=%g: got %g, expected %g", isa_names[isa], rows, cols, x, y,
                  (double)dz[i], gradient);
        }
        check(close_to(l[r], sum / (double)cols, 2e-6, 1e-30), "sigmoid %s [%zu,%zu] row %zu: got %g, expected %g",
              isa_names[isa], rows, cols, r, (double)l[r], sum / (double)cols);
    }
}

/* Targets of 0 and 1 where softplus(z) - t z would be 0 or noise: {z, t, l, dz}. */
static void test_sigmoid_tails(nb_isa isa) {
    static const float rows[][4] = {
        {20, 1, 2.06115362e-9f, -2.06115362e-9f},
        {-20, 0, 2.06115362e-9f, 2.06115362e-9f},
        {60, 1, 8.75651076e-27f, -8.75651076e-27f},
        {20, 0, 20, 1},
        {-1e30f, 1, 1e30f, -1},
        {3e38f, 0, 3e38f, 1},
        {3e38f, 1, 0, 0},
        {-3e38f, 0, 0, 0},
        {1000, 0.25f, 750, 0.75f},
        {0, 0, 0.693147181f, 0.5f},
        {0, 1, 0.693147181f, -0.5f},
        {0, 0.5f, 0.693147181f, 0},
    };
    const float dl = 1;
    for (size_t i = 0; i < COUNT(rows); i++) {
        float l, dz;
        nb_sigmoid_cross_entropy_f32(&rows[i][0], &rows[i][1], &dl, 1, 1, &l, &dz);
        check(close_to(l, (double)rows[i][2], 3e-7, 1e-37) && close_to(dz, (double)rows[i][3], 3e-7, 1e-37),
              "sigmoid z=%g t=%g %s: got l=%g dz=%g", (double)rows[i][0], (double)rows[i][1], isa_names[isa], (double)l,
              (double)dz);
    }
}

/* Logits whose difference overflows, with targets of 0 and small ones, in every lane of a row. */
static void test_dense_extremes(size_t cols, nb_isa isa) {
    static float z[MAX_COLS], t[MAX_COLS], dz[MAX_COLS];
    const float dl = 1;
    float l;
    for (size_t k = 0; k < cols; k++) {
        for (size_t c = 0; c < cols; c++) {
            z[c] = c == k ? 3e38f : -3e38f;
            t[c] = c == k ? 1.0f : 0.0f;
        }
        nb_softmax_cross_entropy_dense_f32(z, t, &dl, 1, cols, &l, dz);
        check(l == 0.0f && dz[k] == 0.0f, "dense +-3e38, the right one of %zu at %zu, %s: l=%g", cols, k, isa_names[isa],
              (double)l);
        size_t other = (k + 1) % cols;
        if (other == k) continue;
        t[k] = 0.75f;
        t[other] = 0.25f;
        nb_softmax_cross_entropy_dense_f32(z, t, &dl, 1, cols, &l, dz);
        check(close_to(l, 1.5e38, 1e-6, 0.0) && dz[k] == 0.25f && dz[other] == -0.25f,
              "dense +-3e38, a quarter at %zu of %zu, %s: l=%g", other, cols, isa_names[isa], (double)l);
        t[k] = 1.0f;
        t[other] = 0.0f;
        z[other] = -INFINITY;
        nb_softmax_cross_entropy_dense_f32(z, t, &dl, 1, cols, &l, dz);
        check(l == 0.0f && dz[other] == 0.0f, "dense, an impossible class at %zu of %zu, %s: l=%g", other, cols, isa_names[isa],
              (double)l);
    }
}

/* A spoilt logit spoils its own row and no other; -Inf is an impossible class and spoils nothing. */
static void test_spoilt(size_t cols, float spoilt, nb_isa isa) {
    static float z[3 * MAX_COLS], dz[3 * MAX_COLS], y[3 * MAX_COLS];
    const int32_t t[] = {0, 0, 0};
    const float dl[] = {1, 1, 1};
    float l[3], s[3];
    int is_spoilt = !(spoilt == -INFINITY) || cols == 1;
    fill_random(z, 3 * cols, -1, 1);
    z[cols + cols - 1] = spoilt;
    nb_softmax_cross_entropy_f32(z, t, dl, 3, cols, l, dz);
    nb_softmax_f32(z, 3, cols, y);
    nb_log_sum_exp_f32(z, 3, cols, s);
    for (size_t r = 0; r < 3; r++) {
        int bad = r == 1 && is_spoilt;
        check((is_nan((double)l[r]) != 0) == bad && (is_nan((double)s[r]) != 0) == bad,
              "logit %g in row 1 of %zu columns, %s: loss of row %zu is %g", (double)spoilt, cols, isa_names[isa], r,
              (double)l[r]);
        for (size_t c = 0; c < cols; c++)
            check((is_nan((double)dz[r * cols + c]) != 0) == bad && (is_nan((double)y[r * cols + c]) != 0) == bad,
                  "logit %g in row 1 of %zu columns, %s: gradient (%zu,%zu) is %g", (double)spoilt, cols, isa_names[isa], r, c,
                  (double)dz[r * cols + c]);
    }
}

int main(void) {
    static const size_t row_counts[] = {0, 1, 3, 8, 19};
    static const float ranges[] = {3.0f, 1e4f};
    FOR_EACH_ISA(isa) {
        for (size_t cols = 1; cols <= 257; cols += cols < 70 ? 1 : 11)
            for (size_t i = 0; i < COUNT(row_counts); i++) {
                for (size_t k = 0; k < COUNT(ranges); k++) {
                    test_softmax(row_counts[i], cols, ranges[k], isa);
                    test_cross_entropy(row_counts[i], cols, ranges[k], isa);
                    test_dense(row_counts[i], cols, ranges[k], isa);
                    test_sigmoid(row_counts[i], cols, 10.0f * ranges[k], isa);
                }
                test_squared_error(row_counts[i], cols, isa);
            }
        test_sigmoid_tails(isa);
        for (size_t cols = 1; cols <= 100; cols += 3) {
            test_dense_extremes(cols, isa);
            test_spoilt(cols, INFINITY, isa);
            test_spoilt(cols, -INFINITY, isa);
            test_spoilt(cols, NAN, isa);
        }
    }
    return finish("losses");
}
