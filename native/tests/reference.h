/* Every activation as the public functions, in one form, and its definition in double precision. */
#ifndef NB_REFERENCE_H
#define NB_REFERENCE_H
#include "harness.h"

typedef struct activation {
    const char *name;
    int reads_output; /* backward's operand s is y */
    int has_parameter;
    void (*forward)(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float p, float *y);
    void (*backward)(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float p, float *dz, float *db);
} activation;

/* What a row of activations.def is measured against. A row that has none here is still run through every length, alias, guard
 * page and level, with the scalar kernels as its reference. */
typedef struct reference {
    const char *name;
    double (*f)(double x, double p);
    double (*df)(double s, double p); /* the derivative as a function of backward's operand */
    float low, high;                  /* the domain that random operands are drawn from */
    float parameters[4];
    size_t parameter_count;
} reference;

extern const activation activations[];
extern const size_t activation_count;
const reference *find_reference(const char *name);
const activation *find_activation(const char *name);
#endif
