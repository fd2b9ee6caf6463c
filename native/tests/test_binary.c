/* Binary functions: every length, every mix of vectors and broadcast values, aliases, and a table of special values. */
#include <string.h>

#include "harness.h"

typedef struct binary {
    const char *name;
    void (*function)(const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c);
    float (*exact)(float a, float b);
} binary;

static float e_add(float a, float b) { return a + b; }
static float e_subtract(float a, float b) { return a - b; }
static float e_multiply(float a, float b) { return a * b; }
static float e_divide(float a, float b) { return a / b; }
static float e_maximum(float a, float b) { return is_nan((double)a) || is_nan((double)b) ? NAN : b > a ? b : a; }
static float e_minimum(float a, float b) { return is_nan((double)a) || is_nan((double)b) ? NAN : b < a ? b : a; }
static float e_greater(float a, float b) { return a > b; }
static float e_greater_equal(float a, float b) { return a >= b; }
static float e_equal(float a, float b) { return a == b; }

static const binary functions[] = {
#define X(name) {#name, nb_##name##_f32, e_##name},
#include "binary.def"
#undef X
};

/* IEEE arithmetic leaves one right answer: compared bit for bit, NaNs as one value. */
static int equal(float got, float exact) { return is_nan((double)exact) ? is_nan((double)got) : same_bits(got, exact); }

static void run(const binary *f, nb_isa isa, const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c) {
    static float want[300];
    for (size_t i = 0; i < n; i++) want[i] = f->exact(a[i * inc_a], b[i * inc_b]);
    f->function(a, inc_a, b, inc_b, n, c);
    for (size_t i = 0; i < n; i++)
        check(equal(c[i], want[i]), "%s %s n=%zu increments %zu %zu at %zu: got %.9g, expected %.9g", f->name, isa_names[isa], n,
              inc_a, inc_b, i, (double)c[i], (double)want[i]);
}

int main(void) {
    static const float special[] = {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, 1e-45f, 3.4028235e38f};
    for (size_t k = 0; k < COUNT(functions); k++) {
        const binary *f = &functions[k];
        for (size_t n = 0; n <= 257; n++) {
            int place = n % 2 ? AT_START : AT_END;
            float *a = guarded(0, n, place), *b = guarded(1, n, place);
            for (size_t i = 0; i < n; i++) {
                a[i] = floorf(random_in(-8, 8));
                b[i] = floorf(random_in(-8, 8)) + (i % 3 ? 0.0f : 0.1f);
            }
            float *a0 = guarded(2, 1, AT_END), *b0 = guarded(3, 1, AT_START);
            *a0 = 3.0f;
            *b0 = -2.0f;
            FOR_EACH_ISA(isa) {
                run(f, isa, a, 1, b, 1, n, guarded(4, n, place));
                run(f, isa, a, 1, b0, 0, n, guarded(4, n, place));
                run(f, isa, a0, 0, b, 1, n, guarded(4, n, place));
                run(f, isa, a0, 0, b0, 0, n, guarded(4, n, place));
                float *c = guarded(4, n, place);
                memcpy(c, a, n * sizeof(float));
                run(f, isa, c, 1, b, 1, n, c);
                memcpy(c, b, n * sizeof(float));
                run(f, isa, a, 1, c, 1, n, c);
                memcpy(c, a, n * sizeof(float));
                run(f, isa, c, 1, c, 1, n, c);
                if (n == 0) f->function(NULL, 1, NULL, 1, 0, NULL);
            }
        }
        FOR_EACH_ISA(isa) {
            for (size_t i = 0; i < COUNT(special); i++) {
                for (size_t j = 0; j < COUNT(special); j++) {
                    float a[19], b[19], c[19];
                    for (size_t r = 0; r < 19; r++) {
                        a[r] = special[i];
                        b[r] = special[j];
                    }
                    run(f, isa, a, 1, b, 1, 19, c);
                }
            }
        }
    }
    return finish("binary");
}
