/*== shift */
/* Shifts to the right of negative numbers, which C leaves to the compiler: always towards minus infinity. */
static int32_t fv_shift32(int32_t x, int n) { return x >= 0 ? x >> n : ~(~x >> n); }
/*== scale */
static int64_t fv_shift64(int64_t x, int n) { return x >= 0 ? x >> n : ~(~x >> n); }

/* TFLite, MultiplyByQuantizedMultiplier with two roundings: by 2^31 with ties up, then by 2^shift with ties away from
   zero. A negative shift is one to the left, before. */
static int32_t fv_scale(int32_t x, int32_t multiplier, int shift) {
    int32_t high, mask, rest;
    if (shift < 0) {
        x = (int32_t)((uint32_t)x << -shift);
        shift = 0;
    }
    high = (int32_t)fv_shift64((int64_t)x * multiplier + ((int64_t)1 << 30), 31);
    mask = (int32_t)(((uint32_t)1 << shift) - 1);
    rest = (int32_t)((uint32_t)high & (uint32_t)mask);
    return fv_shift32(high, shift) + (rest > (mask >> 1) + (high < 0 ? 1 : 0) ? 1 : 0);
}

static int8_t fv_bound(int32_t x, int zero, int min, int max) {
    int64_t y = (int64_t)x + zero;
    return (int8_t)(y < min ? min : y > max ? max : y);
}
/*== layer */
struct fv_layer {
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    int zero, min, max;
};

static int8_t fv_end(const struct fv_layer *l, int c, uint32_t sum) {
    return fv_bound(fv_scale((int32_t)sum, l->multiplier[c], l->shift[c]), l->zero, l->min, l->max);
}
/*== dot */
/* Sums wrap, as unsigned numbers do. */
static uint32_t fv_dot(const int8_t *a, const int8_t *b, int n) {
    uint32_t sum = 0;
    int i;
    for (i = 0; i < n; i++) sum += (uint32_t)((int32_t)a[i] * b[i]);
    return sum;
}
/*== pointwise */
static void fv_pointwise(const int8_t *in, int places, int c_in, int c_out, const struct fv_layer *l, int8_t *out) {
    int p, c;
    for (p = 0; p < places; p++, in += c_in, out += c_out)
        for (c = 0; c < c_out; c++)
            out[c] = fv_end(l, c, (uint32_t)l->bias[c] + fv_dot(in, l->weights + c * c_in, c_in));
}
/*== window */
struct fv_window {
    int h, w, c, out_h, out_w, out_c, rows, columns, stride, top, left, in_zero;
};
/*== conv */
static void fv_conv(const int8_t *in, const struct fv_window *v, const struct fv_layer *l, int8_t *out) {
    int y, x, c, ky, kx, i;
    for (y = 0; y < v->out_h; y++)
        for (x = 0; x < v->out_w; x++)
            for (c = 0; c < v->out_c; c++) {
                uint32_t sum = (uint32_t)l->bias[c];
                for (ky = 0; ky < v->rows; ky++)
                    for (kx = 0; kx < v->columns; kx++) {
                        const int8_t *w = l->weights + ((c * v->rows + ky) * v->columns + kx) * v->c;
                        int r = y * v->stride + ky - v->top, k = x * v->stride + kx - v->left;
                        if (r >= 0 && r < v->h && k >= 0 && k < v->w)
                            sum += fv_dot(in + (r * v->w + k) * v->c, w, v->c);
                        else
                            for (i = 0; i < v->c; i++) sum += (uint32_t)(v->in_zero * w[i]);
                    }
                *out++ = fv_end(l, c, sum);
            }
}
/*== depthwise */
/* Rows that are outside are null. */
static void fv_depthwise_row(const int8_t *const *rows, const struct fv_window *v, const struct fv_layer *l, int8_t *out) {
    int x, c, ky, kx;
    for (x = 0; x < v->out_w; x++)
        for (c = 0; c < v->c; c++) {
            uint32_t sum = (uint32_t)l->bias[c];
            for (ky = 0; ky < v->rows; ky++)
                for (kx = 0; kx < v->columns; kx++) {
                    int k = x * v->stride + kx - v->left;
                    int value = rows[ky] && k >= 0 && k < v->w ? rows[ky][k * v->c + c] : v->in_zero;
                    sum += (uint32_t)(value * l->weights[(ky * v->columns + kx) * v->c + c]);
                }
            out[x * v->c + c] = fv_end(l, c, sum);
        }
}
/*== depthwise_apart */
static void fv_depthwise(const int8_t *in, const struct fv_window *v, const struct fv_layer *l, int8_t *out) {
    const int8_t *rows[FV_ROWS];
    int y, ky;
    for (y = 0; y < v->out_h; y++, out += v->out_w * v->c) {
        for (ky = 0; ky < v->rows; ky++) {
            int r = y * v->stride + ky - v->top;
            rows[ky] = r >= 0 && r < v->h ? in + r * v->w * v->c : 0;
        }
        fv_depthwise_row(rows, v, l, out);
    }
}
/*== depthwise_in_place */
/* 3 x 3, step 1: scratch holds the row above and the current one as they were. */
static void fv_depthwise_in_place(int8_t *map, const struct fv_window *v, const struct fv_layer *l, int8_t *scratch) {
    int y, i, row = v->w * v->c;
    for (y = 0; y < v->h; y++, map += row) {
        int8_t *here = scratch + (y & 1) * row, *above = scratch + (1 - (y & 1)) * row;
        const int8_t *rows[3];
        for (i = 0; i < row; i++) here[i] = map[i];
        rows[0] = y > 0 ? above : 0;
        rows[1] = here;
        rows[2] = y + 1 < v->h ? map + row : 0;
        fv_depthwise_row(rows, v, l, map);
    }
}
/*== transposed_conv */
static void fv_transposed_conv(const int8_t *in, int h, int w, int c_in, int c_out, int in_zero, const struct fv_layer *l, int8_t *out) {
    int y, x, c, i;
    for (y = 0; y < 2 * h; y++)
        for (x = 0; x < 2 * w; x++)
            for (c = 0; c < c_out; c++) {
                const int8_t *from = in + ((y / 2) * w + x / 2) * c_in;
                const int8_t *weights = l->weights + (c * 4 + (y % 2) * 2 + x % 2) * c_in;
                uint32_t sum = (uint32_t)l->bias[c];
                for (i = 0; i < c_in; i++) sum += (uint32_t)((from[i] - in_zero) * weights[i]);
                *out++ = fv_end(l, c, sum);
            }
}
/*== sum */
struct fv_sum {
    int a_zero;
    int32_t a_multiplier;
    int a_shift, b_zero;
    int32_t b_multiplier;
    int b_shift;
    int32_t multiplier;
    int shift, zero, min, max;
};

static int8_t fv_add_one(const struct fv_sum *s, int a, int b) {
    int32_t x = fv_scale((a - s->a_zero) * (1 << 20), s->a_multiplier, s->a_shift);
    int32_t y = fv_scale((b - s->b_zero) * (1 << 20), s->b_multiplier, s->b_shift);
    return fv_bound(fv_scale((int32_t)((uint32_t)x + (uint32_t)y), s->multiplier, s->shift), s->zero, s->min, s->max);
}
/*== add */
static void fv_add(const int8_t *a, const int8_t *b, int n, const struct fv_sum *s, int8_t *out) {
    int i;
    for (i = 0; i < n; i++) out[i] = fv_add_one(s, a[i], b[i]);
}
/*== add_upsampled */
static void fv_add_upsampled(const int8_t *a, int h, int w, int c, const int8_t *b, const struct fv_sum *s, int8_t *out) {
    int y, x, i;
    for (y = 0; y < 2 * h; y++)
        for (x = 0; x < 2 * w; x++)
            for (i = 0; i < c; i++) {
                *out++ = fv_add_one(s, a[((y / 2) * w + x / 2) * c + i], *b);
                b++;
            }
}
/*== max_pool */
static void fv_max_pool(const int8_t *in, int h, int w, int c, int8_t *out) {
    int y, x, i, k;
    for (y = 0; y < h / 2; y++)
        for (x = 0; x < w / 2; x++)
            for (i = 0; i < c; i++) {
                int most = -128;
                for (k = 0; k < 4; k++) {
                    int v = in[((2 * y + k / 2) * w + 2 * x + k % 2) * c + i];
                    if (v > most) most = v;
                }
                *out++ = (int8_t)most;
            }
}
/*== upsample */
static void fv_upsample(const int8_t *in, int h, int w, int c, int8_t *out) {
    int y, x, i;
    for (y = 0; y < 2 * h; y++)
        for (x = 0; x < 2 * w; x++)
            for (i = 0; i < c; i++) *out++ = in[((y / 2) * w + x / 2) * c + i];
}
/*== concat */
static void fv_concat(const int8_t *a, int a_n, const int8_t *b, int b_n, int places, int8_t *out) {
    int p, i;
    for (p = 0; p < places; p++) {
        for (i = 0; i < a_n; i++) *out++ = *a++;
        for (i = 0; i < b_n; i++) *out++ = *b++;
    }
}
/*== shuffle */
static void fv_shuffle(const int8_t *in, int h, int w, int c, int block, int8_t *out) {
    int y, x, i, n = c / (block * block);
    for (y = 0; y < h * block; y++)
        for (x = 0; x < w * block; x++)
            for (i = 0; i < n; i++)
                *out++ = in[(((y / block) * w + x / block) * block * block + (y % block) * block + x % block) * n + i];
}
/*== lookup */
static void fv_lookup(const int8_t *table, const int8_t *in, int n, int8_t *out) {
    int i;
    for (i = 0; i < n; i++) out[i] = table[in[i] + 128];
}
/*== pad_channels */
static void fv_pad_channels(const int8_t *in, int places, int c_in, int c_out, int zero, int8_t *out) {
    int p, i;
    for (p = 0; p < places; p++)
        for (i = 0; i < c_out; i++) *out++ = (int8_t)(i < c_in ? *in++ : zero);
}
/*== frame */
static int fv_byte(int32_t x) { return (int)(x < 0 ? 0 : x > 255 ? 255 : x); }

/* A pixel less 128 each; RGB565 with the bits repeated, YUYV by BT.601 with the full range. */
static void fv_pixel(const uint8_t *frame, int format, int w, int y, int x, int8_t *out) {
    int rgb[3], i, at = y * w + x;
    if (format == FV_RGB565) {
        int v = frame[2 * at] | frame[2 * at + 1] << 8;
        int r = v >> 11, g = v >> 5 & 63, b = v & 31;
        rgb[0] = r << 3 | r >> 2, rgb[1] = g << 2 | g >> 4, rgb[2] = b << 3 | b >> 2;
    } else if (format == FV_YUV422) {
        const uint8_t *pair = frame + at / 2 * 4;
        int32_t luma = frame[2 * at], u = pair[1] - 128, v = pair[3] - 128;
        rgb[0] = fv_byte(luma + fv_shift32(359 * v + 128, 8));
        rgb[1] = fv_byte(luma - fv_shift32(88 * u + 183 * v + 128, 8));
        rgb[2] = fv_byte(luma + fv_shift32(454 * u + 128, 8));
    } else {
        for (i = 0; i < 3; i++) rgb[i] = frame[3 * at + i];
    }
    for (i = 0; i < 3; i++) out[i] = (int8_t)(rgb[i] - 128);
}

static void fv_square(const uint8_t *frame, int format, int w, int block, int y, int x, int8_t *out) {
    int i, j;
    for (i = 0; i < block; i++)
        for (j = 0; j < block; j++, out += 3) fv_pixel(frame, format, w, y * block + i, x * block + j, out);
}
/*== load */
static void fv_load(const uint8_t *frame, int format, int h, int w, int block, int8_t *out) {
    int y, x;
    for (y = 0; y < h / block; y++)
        for (x = 0; x < w / block; x++, out += 3 * block * block) fv_square(frame, format, w, block, y, x, out);
}
/*== first */
static void fv_first(const uint8_t *frame, int format, int h, int w, int block, int c_out, const struct fv_layer *l, int8_t *out) {
    int8_t values[3 * FV_BLOCK * FV_BLOCK];
    int y, x;
    for (y = 0; y < h / block; y++)
        for (x = 0; x < w / block; x++, out += c_out) {
            fv_square(frame, format, w, block, y, x, values);
            fv_pointwise(values, 1, 3 * block * block, c_out, l, out);
        }
}
