/* Parameter updates. Each step function advances VL parameters; update() walks the arrays with it. */

typedef struct step_constants {
    vf lr, decay, epsilon;
    vf keep1, add1; /* the first average: a = keep1 a + add1 d */
    vf keep2, add2; /* the second: of d^2 */
    vf shrink;      /* AdamW's factor of w */
    vf scale2;      /* Adam's 1 / sqrt(correction2) */
} step_constants;

typedef void (*step)(const step_constants *k, const float *g, float *a, float *b, float *w);

/* The end of the arrays goes through small buffers, so that a step only ever sees whole vectors. */
NB_INLINE void update(step f, const step_constants *k, const float *g, size_t n, float *a, float *b, float *w) {
    size_t i = 0;
    for (; i + VL <= n; i += VL) f(k, g + i, a ? a + i : NULL, b ? b + i : NULL, w + i);
    if (i < n) {
        vt t = v_tail(n - i);
        float g1[VL], a1[VL], b1[VL], w1[VL];
        v_store(g1, v_load_part(g + i, t));
        v_store(w1, v_load_part(w + i, t));
        if (a) v_store(a1, v_load_part(a + i, t));
        if (b) v_store(b1, v_load_part(b + i, t));
        f(k, g1, a ? a1 : NULL, b ? b1 : NULL, w1);
        if (a) v_store_part(a + i, t, v_load(a1));
        if (b) v_store_part(b + i, t, v_load(b1));
        v_store_part(w + i, t, v_load(w1));
    }
}

NB_INLINE void sgd_step(const step_constants *k, const float *g, float *a, float *b, float *w) {
    (void)a;
    (void)b;
    vf x = v_load(w), d = v_fma(k->decay, x, v_load(g));
    v_store(w, v_fnma(k->lr, d, x));
}

NB_INLINE void momentum_step(const step_constants *k, const float *g, float *v, float *b, float *w) {
    (void)b;
    vf x = v_load(w), d = v_fma(k->decay, x, v_load(g));
    vf velocity = v_fma(k->keep1, v_load(v), d);
    v_store(v, velocity);
    v_store(w, v_fnma(k->lr, velocity, x));
}

NB_INLINE void nesterov_step(const step_constants *k, const float *g, float *v, float *b, float *w) {
    (void)b;
    vf x = v_load(w), d = v_fma(k->decay, x, v_load(g));
    vf velocity = v_fma(k->keep1, v_load(v), d);
    v_store(v, velocity);
    v_store(w, v_fnma(k->lr, v_fma(k->keep1, velocity, d), x));
}

/* AdaGrad (keep2 = add2 = 1) and RMSProp. */
NB_INLINE void scaled_step(const step_constants *k, const float *g, float *s, float *b, float *w) {
    (void)b;
    vf x = v_load(w), d = v_fma(k->decay, x, v_load(g));
    vf square = v_fma(v_mul(k->add2, d), d, v_mul(k->keep2, v_load(s)));
    v_store(s, square);
    v_store(w, v_sub(x, v_div(v_mul(k->lr, d), v_add(v_sqrt(square), k->epsilon))));
}

NB_INLINE void adam_step(const step_constants *k, const float *g, float *m, float *v, float *w) {
    vf x = v_load(w), d = v_fma(k->decay, x, v_load(g));
    vf mean = v_fma(k->add1, d, v_mul(k->keep1, v_load(m)));
    vf square = v_fma(v_mul(k->add2, d), d, v_mul(k->keep2, v_load(v)));
    v_store(m, mean);
    v_store(v, square);
    vf denominator = v_fma(v_sqrt(square), k->scale2, k->epsilon);
    v_store(w, v_sub(v_mul(k->shrink, x), v_div(v_mul(k->lr, mean), denominator)));
}

/* 1 - beta for the decimal number that was meant. PyTorch forms 1 - 0.999 in double; from the float nearest 0.999 the difference
 * would be wrong by 1.3e-5. Where seven decimals give the same float, they are what was written. */
NB_INLINE float complement(float beta) {
    const double rounder = 0x1.8p52; /* adding it rounds to an integer */
    double decimal = ((double)beta * 1e7 + rounder - rounder) / 1e7;
    return (float)(1.0 - ((float)decimal == beta ? decimal : (double)beta));
}

static void k_sgd_update(const float *g, size_t n, float lr, float weight_decay, float *w) {
    const step_constants k = {.lr = v_set1(lr), .decay = v_set1(weight_decay)};
    update(sgd_step, &k, g, n, NULL, NULL, w);
}

static void k_momentum_update(const float *g, size_t n, float lr, float momentum, float weight_decay, int32_t nesterov, float *v,
                              float *w) {
    const step_constants k = {.lr = v_set1(lr), .decay = v_set1(weight_decay), .keep1 = v_set1(momentum)};
    if (nesterov)
        update(nesterov_step, &k, g, n, v, NULL, w);
    else
        update(momentum_step, &k, g, n, v, NULL, w);
}

static void k_adagrad_update(const float *g, size_t n, float lr, float epsilon, float weight_decay, float *s, float *w) {
    const step_constants k = {
        .lr = v_set1(lr), .decay = v_set1(weight_decay), .epsilon = v_set1(epsilon), .keep2 = v_set1(1.0f), .add2 = v_set1(1.0f)};
    update(scaled_step, &k, g, n, s, NULL, w);
}

static void k_rmsprop_update(const float *g, size_t n, float lr, float alpha, float epsilon, float weight_decay, float *s,
                             float *w) {
    const step_constants k = {.lr = v_set1(lr),
                              .decay = v_set1(weight_decay),
                              .epsilon = v_set1(epsilon),
                              .keep2 = v_set1(alpha),
                              .add2 = v_set1(complement(alpha))};
    update(scaled_step, &k, g, n, s, NULL, w);
}

static void k_adam_update(const float *g, size_t n, float lr, float beta1, float beta2, float epsilon, float weight_decay,
                          int32_t decoupled, float correction1, float correction2, float *m, float *v, float *w) {
    const step_constants k = {
        .lr = v_set1((float)((double)lr / (double)correction1)),
        .decay = v_set1(decoupled ? 0.0f : weight_decay),
        .epsilon = v_set1(epsilon),
        .keep1 = v_set1(beta1),
        .add1 = v_set1(complement(beta1)),
        .keep2 = v_set1(beta2),
        .add2 = v_set1(complement(beta2)),
        .shrink = v_set1(decoupled ? (float)(1.0 - (double)lr * (double)weight_decay) : 1.0f),
        .scale2 = v_set1((float)(1.0 / sqrt((double)correction2))),
    };
    update(adam_step, &k, g, n, m, v, w);
}
