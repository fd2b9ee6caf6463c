/* Functions of two vectors, each operand a vector or one broadcast value. */

NB_INLINE vf v_truth(vm m) { return v_keep(m, v_set1(1.0f)); }

/* a on ties and when a is NaN; b when b is NaN. */
NB_INLINE vf v_maximum(vf a, vf b) { return v_select(v_eq(b, b), v_max(b, a), b); }
NB_INLINE vf v_minimum(vf a, vf b) { return v_select(v_eq(b, b), v_min(b, a), b); }

NB_INLINE vf b_add(vf a, vf b) { return v_add(a, b); }
NB_INLINE vf b_subtract(vf a, vf b) { return v_sub(a, b); }
NB_INLINE vf b_multiply(vf a, vf b) { return v_mul(a, b); }
NB_INLINE vf b_divide(vf a, vf b) { return v_div(a, b); }
NB_INLINE vf b_maximum(vf a, vf b) { return v_maximum(a, b); }
NB_INLINE vf b_minimum(vf a, vf b) { return v_minimum(a, b); }
NB_INLINE vf b_greater(vf a, vf b) { return v_truth(v_lt(b, a)); }
NB_INLINE vf b_greater_equal(vf a, vf b) { return v_truth(v_le(b, a)); }
NB_INLINE vf b_equal(vf a, vf b) { return v_truth(v_eq(a, b)); }

/* Called with constant increments, so that each of the four cases becomes a loop of its own. */
NB_INLINE void binary_loop(combine f, const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c) {
    const vf a0 = v_set1(*a), b0 = v_set1(*b);
    size_t i = 0;
    for (; i + VL <= n; i += VL) v_store(c + i, f(inc_a ? v_load(a + i) : a0, inc_b ? v_load(b + i) : b0));
    if (i < n) {
        vt t = v_tail(n - i);
        v_store_part(c + i, t, f(inc_a ? v_load_part(a + i, t) : a0, inc_b ? v_load_part(b + i, t) : b0));
    }
}

NB_INLINE void binary(combine f, const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c) {
    if (n == 0) return;
    if (inc_a && inc_b)
        binary_loop(f, a, 1, b, 1, n, c);
    else if (inc_a)
        binary_loop(f, a, 1, b, 0, n, c);
    else if (inc_b)
        binary_loop(f, a, 0, b, 1, n, c);
    else
        binary_loop(f, a, 0, b, 0, n, c);
}

#define X(name)                                                                                                                  \
    static void name NB_BINARY_PARAMS { binary(b_##name, a, inc_a, b, inc_b, n, c); }
#include "binary.def"
#undef X
