/* Every update against the same step in double precision: all lengths, several steps, all flags. */
#include <string.h>

#include "harness.h"

typedef struct setting {
    double lr, decay;
    int flag; /* nesterov, decoupled */
} setting;

typedef struct state {
    double a, b, w;
} state;

typedef struct optimizer {
    const char *name;
    void (*run)(setting k, int t, const float *g, size_t n, float *a, float *b, float *w);
    void (*exact)(setting k, int t, double g, state *x);
    int averages; /* how many it keeps */
} optimizer;

static void run_sgd(setting k, int t, const float *g, size_t n, float *a, float *b, float *w) {
    (void)t, (void)a, (void)b;
    nb_sgd_update_f32(g, n, (float)k.lr, (float)k.decay, w);
}
static void exact_sgd(setting k, int t, double g, state *x) {
    (void)t;
    x->w -= k.lr * (g + k.decay * x->w);
}

static void run_momentum(setting k, int t, const float *g, size_t n, float *a, float *b, float *w) {
    (void)t, (void)b;
    nb_momentum_update_f32(g, n, (float)k.lr, 0.9f, (float)k.decay, k.flag, a, w);
}
static void exact_momentum(setting k, int t, double g, state *x) {
    (void)t;
    double d = g + k.decay * x->w;
    x->a = 0.9 * x->a + d;
    x->w -= k.lr * (k.flag ? d + 0.9 * x->a : x->a);
}

static void run_adagrad(setting k, int t, const float *g, size_t n, float *a, float *b, float *w) {
    (void)t, (void)b;
    nb_adagrad_update_f32(g, n, (float)k.lr, 1e-10f, (float)k.decay, a, w);
}
static void exact_adagrad(setting k, int t, double g, state *x) {
    (void)t;
    double d = g + k.decay * x->w;
    x->a += d * d;
    x->w -= k.lr * d / (sqrt(x->a) + 1e-10);
}

static void run_rmsprop(setting k, int t, const float *g, size_t n, float *a, float *b, float *w) {
    (void)t, (void)b;
    nb_rmsprop_update_f32(g, n, (float)k.lr, 0.99f, 1e-8f, (float)k.decay, a, w);
}
static void exact_rmsprop(setting k, int t, double g, state *x) {
    (void)t;
    double d = g + k.decay * x->w;
    x->a = 0.99 * x->a + (1.0 - 0.99) * d * d;
    x->w -= k.lr * d / (sqrt(x->a) + 1e-8);
}

/* The decimal 0.999 is meant, not the float nearest to it: the reference uses the double, as PyTorch does. */
static void run_adam(setting k, int t, const float *g, size_t n, float *a, float *b, float *w) {
    nb_adam_update_f32(g, n, (float)k.lr, 0.9f, 0.999f, 1e-8f, (float)k.decay, k.flag, (float)(1.0 - pow(0.9, t)),
                       (float)(1.0 - pow(0.999, t)), a, b, w);
}
static void exact_adam(setting k, int t, double g, state *x) {
    double d = g;
    if (k.flag)
        x->w *= 1.0 - k.lr * k.decay;
    else
        d += k.decay * x->w;
    x->a = 0.9 * x->a + (1.0 - 0.9) * d;
    x->b = 0.999 * x->b + (1.0 - 0.999) * d * d;
    x->w -= k.lr / (1.0 - pow(0.9, t)) * x->a / (sqrt(x->b) / sqrt(1.0 - pow(0.999, t)) + 1e-8);
}

static const optimizer optimizers[] = {
    {"sgd", run_sgd, exact_sgd, 0},
    {"momentum", run_momentum, exact_momentum, 1},
    {"adagrad", run_adagrad, exact_adagrad, 1},
    {"rmsprop", run_rmsprop, exact_rmsprop, 1},
    {"adam", run_adam, exact_adam, 2},
};

/* The float state is carried along exactly, so that each step is judged by itself: a few roundings of its own terms. */
static void test(const optimizer *o, setting k, size_t n, int place, nb_isa isa) {
    float *g = guarded(0, n, place), *a = guarded(1, n, place), *b = guarded(2, n, place), *w = guarded(3, n, place);
    static state before[300];
    memset(a, 0, n * sizeof *a);
    memset(b, 0, n * sizeof *b);
    fill_random(w, n, -1, 1);
    for (int t = 1; t <= 3; t++) {
        fill_random(g, n, -1, 1);
        for (size_t i = 0; i < n; i++) before[i] = (state){(double)a[i], (double)b[i], (double)w[i]};
        o->run(k, t, g, n, a, b, w);
        for (size_t i = 0; i < n; i++) {
            state x = before[i];
            o->exact(k, t, (double)g[i], &x);
            double terms = fabs((double)g[i]) + k.decay * fabs(before[i].w), moved = fabs(x.w - before[i].w);
            int ok = close_to(w[i], x.w, 1.5e-7, 10.0 * moved + k.lr * terms);
            ok = ok && (o->averages < 1 || close_to(a[i], x.a, 3e-7, fabs(before[i].a) + terms));
            ok = ok && (o->averages < 2 || close_to(b[i], x.b, 3e-7, fabs(before[i].b) + 2e-3 * terms));
            check(ok, "%s %s flag %d decay %g n=%zu step %d at %zu: w %.9g a %.9g b %.9g, expected %.9g %.9g %.9g", o->name,
                  isa_names[isa], k.flag, k.decay, n, t, i, (double)w[i], (double)a[i], (double)b[i], x.w, x.a, x.b);
        }
    }
}

int main(void) {
    static const setting settings[] = {{0.01, 0.0, 0}, {0.01, 0.1, 0}, {0.01, 0.0, 1}, {0.01, 0.1, 1}};
    FOR_EACH_ISA(isa) {
        for (size_t i = 0; i < COUNT(optimizers); i++)
            for (size_t k = 0; k < COUNT(settings); k++)
                for (size_t n = 0; n <= 257; n++) test(&optimizers[i], settings[k], n, n % 2 ? AT_START : AT_END, isa);
    }
    return finish("optimizers");
}
