/* Cells of recurrences against double precision: every width, results that are not wanted, and results in the place of operands. */
#include <string.h>

#include "harness.h"

enum { MOST = 70, ROWS = 3 };

static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

static void expect(const char *what, nb_isa isa, size_t n, const float *got, const double *exact, size_t count) {
    for (size_t i = 0; i < count; i++)
        check(close_to(got[i], exact[i], 2e-6, 1.0), "%s %s n=%zu at %zu: got %.9g, expected %.9g", what, isa_names[isa], n, i,
              (double)got[i], exact[i]);
}

static float *copy_of(int slot, const float *x, size_t n) {
    float *y = guarded(slot, n, AT_END);
    if (n) memcpy(y, x, n * sizeof(float));
    return y;
}

static void same(const char *what, const float *a, const float *b, size_t n) {
    check(n == 0 || !memcmp(a, b, n * sizeof(float)), "%s is the same in the place of an operand or alone", what);
}

static void test_lstm(size_t n, nb_isa isa) {
    static double gates[ROWS * 4 * MOST], c[ROWS * MOST], h[ROWS * MOST], dz[ROWS * 4 * MOST], dc0[ROWS * MOST];
    const size_t all = ROWS * n;
    float *z = guarded(0, 4 * all, AT_END), *c0 = guarded(1, all, AT_END), *dh = guarded(2, all, AT_END), *dc = guarded(3, all, AT_END);
    fill_random(z, 4 * all, -4, 4);
    fill_random(c0, all, -3, 3);
    fill_random(dh, all, -1, 1);
    fill_random(dc, all, -1, 1);
    for (size_t k = 0; k < all; k++) {
        const size_t at = k / n * 4 * n + k % n;
        double i = gates[at] = sigmoid((double)z[at]), f = gates[at + n] = sigmoid((double)z[at + n]);
        double g = gates[at + 2 * n] = tanh((double)z[at + 2 * n]), o = gates[at + 3 * n] = sigmoid((double)z[at + 3 * n]);
        c[k] = f * (double)c0[k] + i * g;
        double t = tanh(c[k]), d = (double)dc[k] + (double)dh[k] * o * (1 - t * t);
        h[k] = o * t;
        dc0[k] = d * f;
        dz[at] = d * g * i * (1 - i);
        dz[at + n] = d * (double)c0[k] * f * (1 - f);
        dz[at + 2 * n] = d * i * (1 - g * g);
        dz[at + 3 * n] = (double)dh[k] * t * o * (1 - o);
    }
    float *y = guarded(4, 4 * all, AT_END), *state = guarded(5, all, AT_END), *output = guarded(6, all, AT_END);
    nb_lstm_forward_f32(z, c0, ROWS, n, y, state, output);
    expect("lstm gates", isa, n, y, gates, 4 * all);
    expect("lstm c", isa, n, state, c, all);
    expect("lstm h", isa, n, output, h, all);
    float *alone = guarded(7, all, AT_END);
    nb_lstm_forward_f32(z, c0, ROWS, n, NULL, alone, NULL);
    same("c", alone, state, all);
    nb_lstm_forward_f32(z, c0, ROWS, n, NULL, NULL, alone);
    same("h", alone, output, all);
    float *again = copy_of(6, z, 4 * all);
    nb_lstm_forward_f32(z, c0, ROWS, n, z, alone, NULL);
    same("gates", z, y, 4 * all);
    z = copy_of(0, again, 4 * all);
    float *over = copy_of(6, c0, all);
    nb_lstm_forward_f32(z, over, ROWS, n, NULL, over, NULL);
    same("c", over, state, all);

    float *slope = guarded(6, 4 * all, AT_END), *before = guarded(0, all, AT_END);
    nb_lstm_backward_f32(dh, dc, y, c0, state, ROWS, n, slope, before);
    expect("lstm dz", isa, n, slope, dz, 4 * all);
    expect("lstm dc0", isa, n, before, dc0, all);
    nb_lstm_backward_f32(dh, dc, y, c0, state, ROWS, n, NULL, alone);
    same("dc0", alone, before, all);
    memcpy(alone, dc, all * sizeof(float));
    nb_lstm_backward_f32(dh, alone, y, c0, state, ROWS, n, y, alone);
    same("dc0", alone, before, all);
    same("dz", y, slope, 4 * all);
}

static void test_gru(size_t n, nb_isa isa) {
    static double gates[ROWS * 3 * MOST], h[ROWS * MOST], dx[ROWS * 3 * MOST], du[ROWS * 3 * MOST], dh0[ROWS * MOST];
    const size_t all = ROWS * n;
    float *x = guarded(0, 3 * all, AT_END), *u = guarded(1, 3 * all, AT_END), *h0 = guarded(2, all, AT_END), *dh = guarded(3, all, AT_END);
    fill_random(x, 3 * all, -3, 3);
    fill_random(u, 3 * all, -3, 3);
    fill_random(h0, all, -1, 1);
    fill_random(dh, all, -1, 1);
    for (size_t k = 0; k < all; k++) {
        const size_t at = k / n * 3 * n + k % n, last = at + 2 * n;
        double r = gates[at] = sigmoid((double)x[at] + (double)u[at]);
        double z = gates[at + n] = sigmoid((double)x[at + n] + (double)u[at + n]);
        double c = gates[last] = tanh((double)x[last] + r * (double)u[last]), d = (double)dh[k];
        h[k] = (1 - z) * c + z * (double)h0[k];
        dh0[k] = d * z;
        dx[last] = d * (1 - z) * (1 - c * c);
        du[last] = dx[last] * r;
        dx[at] = du[at] = dx[last] * (double)u[last] * r * (1 - r);
        dx[at + n] = du[at + n] = d * ((double)h0[k] - c) * z * (1 - z);
    }
    float *y = guarded(4, 3 * all, AT_END), *output = guarded(5, all, AT_END), *alone = guarded(6, all, AT_END);
    nb_gru_forward_f32(x, u, h0, ROWS, n, y, output);
    expect("gru gates", isa, n, y, gates, 3 * all);
    expect("gru h", isa, n, output, h, all);
    memcpy(alone, h0, all * sizeof(float));
    nb_gru_forward_f32(x, u, alone, ROWS, n, NULL, alone);
    same("h", alone, output, all);
    nb_gru_forward_f32(x, u, h0, ROWS, n, x, NULL);
    same("gates", x, y, 3 * all);

    float *slope = guarded(5, 3 * all, AT_END), *recurrent = guarded(7, 3 * all, AT_END);
    nb_gru_backward_f32(dh, y, u, h0, ROWS, n, slope, recurrent, alone);
    expect("gru dx", isa, n, slope, dx, 3 * all);
    expect("gru du", isa, n, recurrent, du, 3 * all);
    expect("gru dh0", isa, n, alone, dh0, all);
    nb_gru_backward_f32(dh, y, u, h0, ROWS, n, y, u, dh);
    same("dx", y, slope, 3 * all);
    same("du", u, recurrent, 3 * all);
    same("dh0", dh, alone, all);
}

int main(void) {
    FOR_EACH_ISA(isa) {
        for (size_t n = 0; n <= MOST; n++) {
            test_lstm(n, isa);
            test_gru(n, isa);
        }
    }
    return finish("recurrence");
}
