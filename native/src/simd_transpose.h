/* An 8 x 8 transpose in AVX registers, for both vector levels. Two rows' halves meet in a register as they are loaded, which leaves the
 * shuffles within 128 bits. */
enum { NB_TILE = 8 };

NB_INLINE __m256 halves(const float *low, const float *high) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}

NB_INLINE void v_transpose(const float *x, size_t ldx, float *y, size_t ldy) {
    for (size_t half = 0; half < 8; half += 4, x += 4, y += 4 * ldy) {
        __m256 r[4], t[4];
        for (size_t i = 0; i < 4; i++) r[i] = halves(x + i * ldx, x + (i + 4) * ldx);
        for (size_t i = 0; i < 4; i += 2) {
            t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
            t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
        }
        _mm256_storeu_ps(y, _mm256_shuffle_ps(t[0], t[2], 0x44));
        _mm256_storeu_ps(y + ldy, _mm256_shuffle_ps(t[0], t[2], 0xee));
        _mm256_storeu_ps(y + 2 * ldy, _mm256_shuffle_ps(t[1], t[3], 0x44));
        _mm256_storeu_ps(y + 3 * ldy, _mm256_shuffle_ps(t[1], t[3], 0xee));
    }
}
