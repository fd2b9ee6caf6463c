#include "reference.h"

#include <string.h>

#include "table.h"

#define X(name, operand, p)                                                                                                      \
    static void name##_forward(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float parameter, float *y) { \
        NB_FLOAT_OF(p);                                                                                                          \
        nb_##name##_forward_f32(z, b, rows, cols, ld, NB_PASS(p) y);                                                             \
    }                                                                                                                            \
    static void name##_backward(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float parameter,           \
                                float *dz, float *db) {                                                                          \
        NB_FLOAT_OF(p);                                                                                                          \
        nb_##name##_backward_f32(dy, s, rows, cols, ld, NB_PASS(p) dz, db);                                                      \
    }
#define NB_FLOAT_OF_1(p) (void)parameter
#define NB_FLOAT_OF_0(p) float p = parameter
#define NB_FLOAT_OF(p) NB_JOIN(NB_FLOAT_OF_, NB_IS_NONE(p))(p)
#include "activations.def"
#undef X

enum { INPUT = 0, OUTPUT = 1 };
const activation activations[] = {
#define X(name, operand, p) {#name, operand, !NB_IS_NONE(p), name##_forward, name##_backward},
#include "activations.def"
#undef X
};
const size_t activation_count = COUNT(activations);

#define P __attribute__((unused)) double p
static double sigma(double x) { return x >= 0.0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x)); }
static double cdf(double x) { return 0.5 * erfc(-x * 0.70710678118654752440); }
static double gelu_argument(double x) { return 2.0 * 0.79788456080286535588 * (x + 0.044715 * x * x * x); }

static double one(__attribute__((unused)) double x, P) { return 1.0; }
static double parameter_itself(__attribute__((unused)) double x, P) { return p; }
static double f_identity(double x, P) { return x; }
static double f_relu(double x, P) { return x > 0.0 ? x : 0.0; }
static double df_relu(double y, P) { return y > 0.0 ? 1.0 : 0.0; }
static double f_leaky(double x, P) { return x > 0.0 ? x : p * x; }
static double df_leaky(double x, P) { return x > 0.0 ? 1.0 : p; }
static double f_abs(double x, P) { return fabs(x); }
static double df_abs(double x, P) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0; }
static double f_sigmoid(double x, P) { return sigma(x); }
static double df_sigmoid(double y, P) { return y * (1.0 - y); }
static double f_tanh(double x, P) { return tanh(x); }
static double df_tanh(double y, P) { return 1.0 - y * y; }
static double f_cos(double x, P) { return cos(x); }
static double df_cos(double x, P) { return -sin(x); }
static double f_sin(double x, P) { return sin(x); }
static double df_sin(double x, P) { return cos(x); }
static double f_softplus(double x, P) { return ((p * x > 0.0 ? p * x : 0.0) + log1p(exp(-fabs(p * x)))) / p; }
static double df_softplus(double x, P) { return sigma(p * x); }
static double f_elu(double x, P) { return x > 0.0 ? x : p * expm1(x); }
static double df_elu(double x, P) { return x > 0.0 ? 1.0 : p * exp(x); }
static double f_silu(double x, P) { return x * sigma(x); }
static double df_silu(double x, P) { return sigma(x) * (1.0 + x * sigma(-x)); }
static double f_gelu(double x, P) { return x * cdf(x); }
static double df_gelu(double x, P) { return cdf(x) + x * exp(-0.5 * x * x) * 0.39894228040143267794; }
static double f_gelu_tanh(double x, P) { return x * sigma(gelu_argument(x)); }
static double df_gelu_tanh(double x, P) {
    double s = sigma(gelu_argument(x)), slope = 2.0 * 0.79788456080286535588 * (1.0 + 3.0 * 0.044715 * x * x);
    return s + x * s * sigma(-gelu_argument(x)) * slope;
}
static double f_exp(double x, P) { return exp(x); }
static double f_log(double x, P) { return log(x); }
static double df_log(double x, P) { return 1.0 / x; }
static double f_sqrt(double x, P) { return sqrt(x); }
static double df_sqrt(double y, P) { return 0.5 / y; }
static double f_square(double x, P) { return x * x; }
static double df_square(double x, P) { return 2.0 * x; }
static double f_reciprocal(double x, P) { return 1.0 / x; }
static double df_reciprocal(double y, P) { return -y * y; }
static double f_power(double x, P) { return pow(x, p); }
static double df_power(double x, P) { return p == 0.0 ? 0.0 : p * pow(x, p - 1.0); }
static double f_scale(double x, P) { return p * x; }
static double f_shift(double x, P) { return x + p; }
static double f_huber(double x, P) { return fabs(x) <= p ? 0.5 * x * x : p * (fabs(x) - 0.5 * p); }
static double df_huber(double x, P) { return fmax(-p, fmin(p, x)); }

static const reference references[] = {
    {"identity", f_identity, one, -100, 100, {0}, 1},
    {"relu", f_relu, df_relu, -10, 10, {0}, 1},
    {"leaky_relu", f_leaky, df_leaky, -10, 10, {0.01f, 0.25f, -2}, 3},
    {"abs", f_abs, df_abs, -10, 10, {0}, 1},
    {"sigmoid", f_sigmoid, df_sigmoid, -20, 20, {0}, 1},
    {"tanh", f_tanh, df_tanh, -12, 12, {0}, 1},
    {"cos", f_cos, df_cos, -20, 20, {0}, 1},
    {"sin", f_sin, df_sin, -20, 20, {0}, 1},
    {"softplus", f_softplus, df_softplus, -20, 20, {1, 0.5f, 4}, 3},
    {"elu", f_elu, df_elu, -10, 10, {1, 0.3f}, 2},
    {"silu", f_silu, df_silu, -20, 20, {0}, 1},
    {"gelu", f_gelu, df_gelu, -6, 6, {0}, 1},
    {"gelu_tanh", f_gelu_tanh, df_gelu_tanh, -6, 6, {0}, 1},
    {"exp", f_exp, f_identity, -20, 20, {0}, 1},
    {"log", f_log, df_log, 0.01f, 100, {0}, 1},
    {"sqrt", f_sqrt, df_sqrt, 0.01f, 100, {0}, 1},
    {"square", f_square, df_square, -10, 10, {0}, 1},
    {"reciprocal", f_reciprocal, df_reciprocal, 0.1f, 10, {0}, 1},
    {"power", f_power, df_power, 0.1f, 10, {0, 2.5f, -1, 0.5f}, 4},
    {"scale", f_scale, parameter_itself, -10, 10, {3, -0.5f}, 2},
    {"shift", f_shift, one, -10, 10, {3}, 1},
    {"huber", f_huber, df_huber, -4, 4, {1, 0.5f, 3}, 3},
};

const reference *find_reference(const char *name) {
    for (size_t i = 0; i < COUNT(references); i++)
        if (!strcmp(references[i].name, name)) return &references[i];
    return NULL;
}

const activation *find_activation(const char *name) {
    for (size_t i = 0; i < activation_count; i++)
        if (!strcmp(activations[i].name, name)) return &activations[i];
    return NULL;
}
