/* Pooling over windows of images, channels last: a row of results at a time, and of that a vector of channels. */

/* Neighbours along one axis, from begin up to end. */
typedef struct span {
    size_t begin, end;
} span;

/* The elements in the window of a result: what the padding holds is left out. */
NB_INLINE span window_of(size_t result, size_t kernel, size_t stride, size_t pad, size_t extent) {
    const size_t start = result * stride;
    return (span){start > pad ? start - pad : 0, at_most(start + kernel - pad, extent)};
}

/* The results whose window holds an element, from those of an element before it on: no division a pixel. */
NB_INLINE span windows_with(span from, size_t element, size_t kernel, size_t stride, size_t pad, size_t results) {
    while (from.begin < results && from.begin * stride + kernel <= element + pad) from.begin++;
    while (from.end < results && from.end * stride <= element + pad) from.end++;
    return (span){at_most(from.begin, from.end), from.end};
}

/* A vector of a pixel's channels: a whole one, or what the whole ones leave. */
typedef struct lanes_of {
    size_t c;
    vt part;
    int whole;
} lanes_of;

NB_INLINE vf load_lanes(const float *x, lanes_of of) { return of.whole ? v_load(x + of.c) : v_load_part(x + of.c, of.part); }

NB_INLINE void store_lanes(float *y, lanes_of of, vf a) {
    if (of.whole)
        v_store(y + of.c, a);
    else
        v_store_part(y + of.c, of.part, a);
}

/* A row of pixels is walked with all whole vectors of each, then with what they leave: with fewer channels than a vector has
 * lanes, that is one loop over the pixels with everything else outside of it. */
#define EACH_PART_OF_CHANNELS(channels, call)                                                                                    \
    do {                                                                                                                         \
        lanes_of rest = {(channels) / VL * VL, v_tail((channels) % VL), 1};                                                      \
        if (rest.c > 0) call;                                                                                                    \
        rest.whole = 0;                                                                                                          \
        if (rest.c < (channels)) call;                                                                                           \
    } while (0)

/* The vectors of a pixel: those before the rest, or the rest. */
#define EACH_VECTOR(v, rest, call)                                                                                               \
    do {                                                                                                                         \
        lanes_of v = rest;                                                                                                       \
        if ((rest).whole)                                                                                                        \
            for (v.c = 0; v.c < (rest).c; v.c += VL) call;                                                                       \
        else                                                                                                                     \
            call;                                                                                                                \
    } while (0)

/* Rows of a rectangle of pixels, their lines so far apart. */
typedef struct rectangle {
    const float *x;
    size_t rows, cols, line, channels;
} rectangle;

NB_INLINE vf join_pixels(combine f, vf start, rectangle of, lanes_of lanes) {
    for (size_t r = 0; r < of.rows; r++)
        for (size_t k = 0; k < of.cols; k++) start = f(start, load_lanes(of.x + r * of.line + k * of.channels, lanes));
    return start;
}

/* The usual window is worth loops of its own: with few channels the loops are what costs. */
NB_INLINE vf join_window(combine f, vf start, rectangle of, lanes_of lanes) {
    if (of.rows != 2 || of.cols != 2) return join_pixels(f, start, of, lanes);
    of.rows = of.cols = 2;
    return join_pixels(f, start, of, lanes);
}

/* A row of results; top is where the window's first line begins, of so many lines. */
NB_INLINE void pool_row(combine f, float start, float factor, const float *top, size_t lines, const nb_pool *p, lanes_of rest,
                        float *y) {
    const vf s = v_set1(start), scale = v_set1(factor);
    for (size_t o = 0; o < p->out_width; o++, y += p->channels) {
        const span j = window_of(o, p->kernel_width, p->stride_width, p->pad_width, p->width);
        const rectangle of = {top + j.begin * p->channels, lines, j.end - j.begin, p->width * p->channels, p->channels};
        EACH_VECTOR(v, rest, store_lanes(y, v, v_mul(scale, join_window(f, s, of, v))));
    }
}

NB_INLINE void spread_row(float factor, const float *top, size_t lines, const nb_pool *p, lanes_of rest, float *dx) {
    const vf s = v_set1(0.0f), scale = v_set1(factor);
    span from = {0, 0};
    for (size_t w = 0; w < p->width; w++, dx += p->channels) {
        from = windows_with(from, w, p->kernel_width, p->stride_width, p->pad_width, p->out_width);
        const rectangle of = {top + from.begin * p->channels, lines, from.end - from.begin, p->out_width * p->channels,
                              p->channels};
        EACH_VECTOR(v, rest, store_lanes(dx, v, v_mul(scale, join_pixels(b_add, s, of, v))));
    }
}

NB_INLINE void pool(combine f, float start, float factor, const float *x, const nb_pool *p, size_t row, size_t rows, float *y) {
    const size_t line = p->width * p->channels;
    for (size_t r = row; r < row + rows; r++) {
        const span i = window_of(r % p->out_height, p->kernel_height, p->stride_height, p->pad_height, p->height);
        const float *top = x + (r / p->out_height * p->height + i.begin) * line;
        EACH_PART_OF_CHANNELS(p->channels,
                              pool_row(f, start, factor, top, i.end - i.begin, p, rest, y + r * p->out_width * p->channels));
    }
}

static void k_max_pool(const float *x, const nb_pool *p, size_t row, size_t rows, float *y) {
    pool(b_maximum, -INFINITY, 1.0f, x, p, row, rows, y);
}

static void k_sum_pool(const float *x, const nb_pool *p, size_t row, size_t rows, float factor, float *y) {
    pool(b_add, 0.0f, factor, x, p, row, rows, y);
}

static void k_sum_pool_backward(const float *dy, const nb_pool *p, size_t row, size_t rows, float factor, float *dx) {
    const size_t line = p->out_width * p->channels;
    for (size_t r = row; r < row + rows; r++) {
        const span i =
            windows_with((span){0, 0}, r % p->height, p->kernel_height, p->stride_height, p->pad_height, p->out_height);
        const float *top = dy + (r / p->height * p->out_height + i.begin) * line;
        EACH_PART_OF_CHANNELS(p->channels, spread_row(factor, top, i.end - i.begin, p, rest, dx + r * p->width * p->channels));
    }
}

/* Gives the gradient of one result to the first of its window's largest elements: written, where no other window has the element,
 * else added. NaN is looked for only where the result is one. */
NB_INLINE void route(vf dy, rectangle of, vf y, int adds, lanes_of lanes, float *dx) {
    const int nan = v_any(v_nan(y));
    for (size_t r = 0; r < of.rows; r++)
        for (size_t k = 0; k < of.cols; k++) {
            const size_t at = r * of.line + k * of.channels;
            const vf x = load_lanes(of.x + at, lanes);
            vf d;
            if (nan) {
                d = max_backward_step(x, y, &dy);
            } else {
                const vm found = v_eq(x, y);
                d = v_keep(found, dy);
                dy = v_drop(found, dy);
            }
            store_lanes(dx + at, lanes, adds ? v_add(load_lanes(dx + at, lanes), d) : d);
        }
}

NB_INLINE void route_row(const float *dy, const float *x, const float *y, size_t lines, const nb_pool *p, int adds, lanes_of rest,
                         float *dx) {
    for (size_t o = 0; o < p->out_width; o++, dy += p->channels, y += p->channels) {
        const span j = window_of(o, p->kernel_width, p->stride_width, p->pad_width, p->width);
        rectangle of = {x + j.begin * p->channels, lines, j.end - j.begin, p->width * p->channels, p->channels};
        if (of.rows == 2 && of.cols == 2) {
            of.rows = of.cols = 2;
            EACH_VECTOR(v, rest, route(load_lanes(dy, v), of, load_lanes(y, v), adds, v, dx + j.begin * p->channels));
        } else {
            EACH_VECTOR(v, rest, route(load_lanes(dy, v), of, load_lanes(y, v), adds, v, dx + j.begin * p->channels));
        }
    }
}

NB_INLINE void max_pool_backward(const float *dy, const float *x, const float *y, const nb_pool *p, int adds, float *dx) {
    for (size_t r = 0; r < p->out_height; r++, dy += p->out_width * p->channels, y += p->out_width * p->channels) {
        const span i = window_of(r, p->kernel_height, p->stride_height, p->pad_height, p->height);
        const size_t at = i.begin * p->width * p->channels;
        EACH_PART_OF_CHANNELS(p->channels, route_row(dy, x + at, y, i.end - i.begin, p, adds, rest, dx + at));
    }
}

static void k_max_pool_backward(const float *dy, const float *x, const float *y, const nb_pool *p, size_t images, float *dx) {
    const size_t from = p->height * p->width * p->channels, to = p->out_height * p->out_width * p->channels;
    const int fills = p->kernel_height == p->stride_height && p->kernel_width == p->stride_width &&
                      p->out_height * p->stride_height == p->height && p->out_width * p->stride_width == p->width;
    for (size_t n = 0; n < images; n++, dy += to, x += from, y += to, dx += from) {
        if (fills) {
            max_pool_backward(dy, x, y, p, 0, dx);
            continue;
        }
        for (size_t k = 0; k < from; k++) dx[k] = 0.0f;
        max_pool_backward(dy, x, y, p, 1, dx);
    }
}
