/* Every activation, forward and backward, on every level: lengths, strides, bias, bias gradient, aliases, guard pages, special
 * values. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "reference.h"

enum { LIMIT = 4096 };
static const float untouched = -12345.678f; /* what guarded() fills with */

typedef struct shape {
    size_t rows, cols, ld;
} shape;

/* The last row of a strided matrix has no gap behind it. */
static size_t extent(shape m) { return m.rows ? (m.rows - 1) * m.ld + m.cols : 0; }

typedef struct expectation {
    double y[LIMIT], dz[LIMIT], db[LIMIT], magnitude[LIMIT]; /* magnitude: the sum of |dz| of a column */
    float x[LIMIT], s[LIMIT];
} expectation;

static expectation expected;

/* From the double reference, or, for a row without one, from the scalar kernels. */
static void expect(const activation *a, const reference *ref, shape m, float p, const float *z, const float *b, const float *dy) {
    static float one_y[1];
    for (size_t c = 0; c < m.cols; c++) expected.db[c] = expected.magnitude[c] = 0.0;
    for (size_t r = 0; r < m.rows; r++) {
        for (size_t c = 0; c < m.cols; c++) {
            size_t i = r * m.ld + c;
            float x = b ? z[i] + b[c] : z[i];
            a->forward(&x, NULL, 1, 1, 1, p, one_y);
            expected.x[i] = x;
            expected.s[i] = a->reads_output ? one_y[0] : x;
            expected.y[i] = ref ? ref->f((double)x, (double)p) : (double)one_y[0];
            a->backward(&dy[i], &expected.s[i], 1, 1, 1, p, one_y, NULL);
            expected.dz[i] = ref ? (double)dy[i] * ref->df((double)expected.s[i], (double)p) : (double)one_y[0];
            expected.db[c] += expected.dz[i];
            expected.magnitude[c] += fabs(expected.dz[i]) + 1.0;
        }
    }
}

static void check_matrix(const char *what, const activation *a, nb_isa isa, shape m, float p, const float *got,
                         const double *want, double scale) {
    for (size_t r = 0; r < m.rows; r++) {
        for (size_t c = 0; c < m.ld && r * m.ld + c < extent(m); c++) {
            size_t i = r * m.ld + c;
            int ok = c < m.cols ? close_to(got[i], want[i], 1e-6, scale) : got[i] == untouched;
            check(ok, "%s %s %s p=%g [%zux%zu ld %zu] at (%zu,%zu): got %.9g, expected %.9g", a->name, what, isa_names[isa],
                  (double)p, m.rows, m.cols, m.ld, r, c, (double)got[i], c < m.cols ? want[i] : (double)untouched);
        }
    }
}

static void copy_matrix(float *to, const float *from, shape m) {
    for (size_t r = 0; r < m.rows; r++)
        for (size_t c = 0; c < m.cols; c++) to[r * m.ld + c] = from[r * m.ld + c];
}

static void run_shape(const activation *a, const reference *ref, shape m, float p, int with_bias, int place) {
    size_t n = extent(m);
    float low = ref ? ref->low : 0.1f, high = ref ? ref->high : 2.0f;
    float *z = guarded(0, n, place), *b = guarded(1, m.cols, place), *dy = guarded(2, n, place);
    fill_random(z, n, low, high);
    fill_random(dy, n, -2.0f, 2.0f);
    fill_random(b, m.cols, 0.0f, 0.5f);
    nb_set_isa(NB_ISA_SCALAR);
    expect(a, ref, m, p, z, with_bias ? b : NULL, dy);
    FOR_EACH_ISA(isa) {
        const float *bias = with_bias ? b : NULL;
        float *y = guarded(3, n, place);
        a->forward(z, bias, m.rows, m.cols, m.ld, p, y);
        check_matrix("forward", a, isa, m, p, y, expected.y, 1e-2);
        y = guarded(3, n, place);
        copy_matrix(y, z, m);
        a->forward(y, bias, m.rows, m.cols, m.ld, p, y);
        check_matrix("forward in place", a, isa, m, p, y, expected.y, 1e-2);

        float *s = guarded(4, n, place), *dz = guarded(5, n, place), *db = guarded(6, m.cols, place);
        copy_matrix(s, expected.s, m);
        a->backward(dy, s, m.rows, m.cols, m.ld, p, dz, with_bias ? db : NULL);
        check_matrix("backward", a, isa, m, p, dz, expected.dz, 1.0);
        for (size_t c = 0; with_bias && c < m.cols; c++)
            check(close_to(db[c], expected.db[c], 1e-6, expected.magnitude[c]),
                  "%s db %s [%zux%zu] at %zu: got %.9g, expected %.9g", a->name, isa_names[isa], m.rows, m.cols, c, (double)db[c],
                  expected.db[c]);
        dz = guarded(5, n, place);
        copy_matrix(dz, dy, m);
        a->backward(dz, s, m.rows, m.cols, m.ld, p, dz, with_bias ? db : NULL);
        check_matrix("backward over dy", a, isa, m, p, dz, expected.dz, 1.0);
        a->backward(dy, s, m.rows, m.cols, m.ld, p, s, with_bias ? db : NULL);
        check_matrix("backward over s", a, isa, m, p, s, expected.dz, 1.0);
    }
}

static void test_shapes(const activation *a) {
    static const shape matrices[] = {{0, 5, 5},   {1, 0, 3},   {1, 10, 10},   {2, 1, 1},     {3, 1, 4},     {128, 10, 10},
                                     {17, 7, 9},  {3, 8, 8},   {3, 16, 19},   {5, 9, 9},     {4, 31, 31},   {3, 33, 40},
                                     {3, 64, 64}, {2, 65, 65}, {3, 100, 103}, {2, 130, 130}, {2, 257, 260}, {7, 127, 127},
                                     {37, 3, 3},  {19, 5, 5},  {16, 15, 15},  {33, 7, 7},    {8, 8, 8},     {50, 1, 1}};
    const reference *ref = find_reference(a->name);
    size_t parameters = ref ? ref->parameter_count : 1;
    for (size_t k = 0; k < parameters; k++) {
        float p = ref ? ref->parameters[k] : 1.0f;
        for (size_t n = 0; n <= 257; n++) run_shape(a, ref, (shape){1, n, n}, p, 0, n % 2 ? AT_START : AT_END);
        for (size_t n = 0; n <= 257; n += k ? 7 : 1) run_shape(a, ref, (shape){1, n, n}, p, 1, AT_END);
        for (size_t i = 0; i < COUNT(matrices); i++) {
            run_shape(a, ref, matrices[i], p, 0, AT_END);
            run_shape(a, ref, matrices[i], p, 1, AT_END);
        }
    }
    if (!ref) printf("%s has no double reference: compared with the scalar kernels\n", a->name);
}

/* Unaligned starts: an odd offset into a buffer, nothing before or behind it written. */
static void test_offsets(const activation *a) {
    float p = find_reference(a->name) ? find_reference(a->name)->parameters[0] : 1.0f;
    for (size_t offset = 0; offset < 17; offset++) {
        enum { N = 67 };
        float *z = guarded(0, 100, AT_START), *y = guarded(3, 100, AT_START), alone[N];
        fill_random(z, 100, 0.5f, 1.5f);
        FOR_EACH_ISA(isa) {
            a->forward(z + offset, NULL, 1, N, N, p, alone);
            a->forward(z + offset, NULL, 1, N, N, p, y + offset);
            check(!memcmp(alone, y + offset, sizeof alone), "%s offset %zu %s", a->name, offset, isa_names[isa]);
            for (size_t i = 0; i < 100; i++)
                check((i >= offset && i < offset + N) || y[i] == untouched, "%s offset %zu wrote at %zu", a->name, offset, i);
        }
    }
}

/* A NaN stays in its lane and gets through, wherever it stands. */
static void test_nan(const activation *a) {
    float p = find_reference(a->name) ? find_reference(a->name)->parameters[0] : 1.0f;
    int ignores_operand = !strcmp(a->name, "power") && p == 0.0f;
    if (ignores_operand) p = 2.5f;
    for (size_t n = 1; n <= 40; n += 3) {
        for (size_t k = 0; k < n; k++) {
            float *z = guarded(0, n, AT_END), *y = guarded(3, n, AT_END);
            fill_random(z, n, 0.5f, 1.5f);
            z[k] = NAN;
            FOR_EACH_ISA(isa) {
                a->forward(z, NULL, 1, n, n, p, y);
                for (size_t i = 0; i < n; i++)
                    check(!is_nan((double)y[i]) == (i != k), "%s of NaN, %s, %zu of %zu: got %g", a->name, isa_names[isa], i, n,
                          (double)y[i]);
            }
        }
    }
}

typedef struct special {
    const char *name;
    float p, x, y;
} special;

static const special specials[] = {
    {"relu", 0, -0.0f, -0.0f},
    {"relu", 0, INFINITY, INFINITY},
    {"relu", 0, -INFINITY, 0.0f},
    {"relu", 0, 1e-45f, 1e-45f},
    {"leaky_relu", 0.5f, -0.0f, -0.0f},
    {"leaky_relu", 0.5f, -INFINITY, -INFINITY},
    {"abs", 0, -0.0f, 0.0f},
    {"abs", 0, -INFINITY, INFINITY},
    {"sigmoid", 0, INFINITY, 1.0f},
    {"sigmoid", 0, -INFINITY, 0.0f},
    {"sigmoid", 0, -0.0f, 0.5f},
    {"sigmoid", 0, FLT_MAX, 1.0f},
    {"sigmoid", 0, -FLT_MAX, 0.0f},
    {"tanh", 0, -0.0f, -0.0f},
    {"tanh", 0, 0.0f, 0.0f},
    {"tanh", 0, INFINITY, 1.0f},
    {"tanh", 0, -INFINITY, -1.0f},
    {"tanh", 0, 1e-45f, 1e-45f},
    {"tanh", 0, -1e-40f, -1e-40f},
    {"cos", 0, 0.0f, 1.0f},
    {"cos", 0, INFINITY, NAN},
    {"sin", 0, -0.0f, -0.0f},
    {"sin", 0, 1e-45f, 1e-45f},
    {"sin", 0, -INFINITY, NAN},
    {"softplus", 1, INFINITY, INFINITY},
    {"softplus", 1, -INFINITY, 0.0f},
    {"softplus", 2, 1e4f, 1e4f},
    {"softplus", 1, -1e4f, 0.0f},
    {"softplus", 10, 1e38f, 1e38f},
    {"softplus", 10, -1e38f, 0.0f},
    {"softplus", 10, FLT_MAX, FLT_MAX},
    {"softplus", 10, INFINITY, INFINITY},
    {"softplus", 1e30f, 1e10f, 1e10f},
    {"softplus", 0.5f, 1e-45f, 1.38629436f},
    {"elu", 1, -0.0f, -0.0f},
    {"elu", 1, -INFINITY, -1.0f},
    {"elu", 1, INFINITY, INFINITY},
    {"elu", 2, -1e30f, -2.0f},
    {"silu", 0, -0.0f, -0.0f},
    {"silu", 0, INFINITY, INFINITY},
    {"silu", 0, -INFINITY, -0.0f},
    {"gelu", 0, -0.0f, -0.0f},
    {"gelu", 0, INFINITY, INFINITY},
    {"gelu", 0, -INFINITY, -0.0f},
    {"gelu_tanh", 0, INFINITY, INFINITY},
    {"gelu_tanh", 0, -INFINITY, -0.0f},
    {"gelu_tanh", 0, -0.0f, -0.0f},
    {"exp", 0, 0.0f, 1.0f},
    {"exp", 0, -0.0f, 1.0f},
    {"exp", 0, INFINITY, INFINITY},
    {"exp", 0, -INFINITY, 0.0f},
    {"exp", 0, 88.8f, INFINITY},
    {"exp", 0, -104.0f, 0.0f},
    {"exp", 0, -103.2f, 1e-45f},
    {"exp", 0, FLT_MAX, INFINITY},
    {"log", 0, 1.0f, 0.0f},
    {"log", 0, 0.0f, -INFINITY},
    {"log", 0, -0.0f, -INFINITY},
    {"log", 0, -1.0f, NAN},
    {"log", 0, INFINITY, INFINITY},
    {"log", 0, -INFINITY, NAN},
    {"log", 0, 1e-45f, -103.278929903f},
    {"sqrt", 0, -0.0f, -0.0f},
    {"sqrt", 0, -1.0f, NAN},
    {"sqrt", 0, INFINITY, INFINITY},
    {"square", 0, -INFINITY, INFINITY},
    {"reciprocal", 0, 0.0f, INFINITY},
    {"reciprocal", 0, -0.0f, -INFINITY},
    {"reciprocal", 0, -INFINITY, -0.0f},
    {"power", 0, NAN, 1.0f},
    {"power", 0, -3.0f, 1.0f},
    {"power", 1, -3.5f, -3.5f},
    {"power", 2, -3.0f, 9.0f},
    {"power", 3, -3.0f, -27.0f},
    {"power", -1, -4.0f, -0.25f},
    {"power", 0.5f, 9.0f, 3.0f},
    {"power", 0.5f, -1.0f, NAN},
    {"power", 5, -2.0f, -32.0f},
    {"power", -2, -2.0f, 0.25f},
    {"power", -0.5f, 4.0f, 0.5f},
    {"power", 3, -INFINITY, -INFINITY},
    {"identity", 0, -0.0f, -0.0f},
    {"scale", 2, -0.0f, -0.0f},
    {"huber", 1, -0.0f, 0.0f},
    {"huber", 1, 1.0f, 0.5f},
    {"huber", 2, -3.0f, 4.0f},
    {"huber", 0.5f, -INFINITY, INFINITY},
    {"huber", 0.25f, FLT_MAX, 0.25f * FLT_MAX},
};

/* The derivative at a kink, at an infinity, or where an exponent makes it exact: {name, parameter, operand, derivative}. */
static const special derivatives[] = {
    {"relu", 0, 0.0f, 0.0f},
    {"relu", 0, -0.0f, 0.0f},
    {"relu", 0, 1e-45f, 1.0f},
    {"leaky_relu", 0.25f, 0.0f, 0.25f},
    {"leaky_relu", 0.25f, -0.0f, 0.25f},
    {"abs", 0, 0.0f, 0.0f},
    {"abs", 0, -0.0f, 0.0f},
    {"elu", 0.5f, 0.0f, 0.5f},
    {"silu", 0, INFINITY, 1.0f},
    {"silu", 0, -INFINITY, 0.0f},
    {"gelu", 0, INFINITY, 1.0f},
    {"gelu", 0, -INFINITY, 0.0f},
    {"gelu_tanh", 0, INFINITY, 1.0f},
    {"gelu_tanh", 0, -INFINITY, 0.0f},
    {"softplus", 1, INFINITY, 1.0f},
    {"softplus", 1, -INFINITY, 0.0f},
    {"softplus", 10, 1e38f, 1.0f},
    {"softplus", 10, -1e38f, 0.0f},
    {"huber", 2, 0.0f, 0.0f},
    {"huber", 2, 2.0f, 2.0f},
    {"huber", 2, -1e30f, -2.0f},
    {"huber", 2, INFINITY, 2.0f},
    {"power", 0, 0.0f, 0.0f},
    {"power", 1, 0.0f, 1.0f},
    {"power", 2, -3.0f, -6.0f},
    {"power", 3, -2.0f, 12.0f},
    {"power", -1, -2.0f, -0.25f},
    {"power", 0.5f, 4.0f, 0.25f},
};

static void test_special(void) {
    FOR_EACH_ISA(isa) {
        for (size_t i = 0; i < COUNT(specials) + COUNT(derivatives); i++) {
            int derivative = i >= COUNT(specials);
            special v = derivative ? derivatives[i - COUNT(specials)] : specials[i];
            const activation *a = find_activation(v.name);
            float x[19], one[19], y[19];
            for (size_t k = 0; k < 19; k++) {
                x[k] = v.x;
                one[k] = 1.0f;
            }
            if (derivative)
                a->backward(one, x, 1, 19, 19, v.p, y, NULL);
            else
                a->forward(x, NULL, 1, 19, 19, v.p, y);
            for (size_t k = 0; k < 19; k++) {
                int ok =
                    is_nan((double)v.y) ? is_nan((double)y[k]) : y[k] == v.y && (derivative || signbit(y[k]) == signbit(v.y));
                check(ok, "%s%s(%g), parameter %g, %s, lane %zu: got %.9g, expected %.9g", v.name, derivative ? "'" : "",
                      (double)v.x, (double)v.p, isa_names[isa], k, (double)y[k], (double)v.y);
            }
        }
    }
}

/* relu has the same bits on every level: NaN payloads, signed zeros and denormals included. */
static void test_relu_bits(void) {
    enum { N = 4096 };
    static float x[N], scalar[N], y[N];
    for (uint64_t start = 0; start < 1u << 20; start += N) {
        for (size_t i = 0; i < N; i++) x[i] = from_bits((uint32_t)((start + i) * 4099));
        FOR_EACH_ISA(isa) {
            nb_relu_forward_f32(x, NULL, 1, N, N, isa == NB_ISA_SCALAR ? scalar : y);
            if (isa != NB_ISA_SCALAR)
                check(!memcmp(scalar, y, sizeof y), "relu bits differ, %s, block %u", isa_names[isa], (unsigned)start);
        }
    }
}

/* Functions that do not read s may be given none. */
static void test_null_operand(void) {
    float dy[21], dz[21], db[21];
    fill_random(dy, 21, -1, 1);
    FOR_EACH_ISA(isa) {
        nb_identity_backward_f32(dy, NULL, 1, 21, 21, dz, db);
        check(!memcmp(dy, dz, sizeof dz) && !memcmp(dy, db, sizeof db), "identity backward without s, %s", isa_names[isa]);
        nb_scale_backward_f32(dy, NULL, 3, 7, 7, 2.0f, dz, NULL);
        for (size_t i = 0; i < 21; i++) check(dz[i] == 2.0f * dy[i], "scale backward without s, %s", isa_names[isa]);
    }
}

int main(void) {
    for (size_t i = 0; i < activation_count; i++) {
        test_shapes(&activations[i]);
        test_offsets(&activations[i]);
        test_nan(&activations[i]);
    }
    test_special();
    test_relu_bits();
    test_null_operand();
    return finish("activations");
}
