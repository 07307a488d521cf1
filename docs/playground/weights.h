/* weights.h: the digits network in 8 bits a weight, for a page that is loaded over a network. Every BLOCK weights share a scale:
   the largest becomes 127. Include examples/digits/unet.h first. */
#ifndef PLAYGROUND_WEIGHTS_H
#define PLAYGROUND_WEIGHTS_H

enum {
    PACKED_BLOCK = 64,
    PACKED_BLOCKS = (UNET_WEIGHTS + PACKED_BLOCK - 1) / PACKED_BLOCK,
    PACKED_BYTES = PACKED_BLOCKS * (4 + PACKED_BLOCK)
};

/* Each block is its scale, a float with the low byte first, and a byte for each weight. */
static inline void pack_weights(const float *weight, unsigned char *to) {
    for (int first = 0; first < UNET_WEIGHTS; first += PACKED_BLOCK) {
        const int n = UNET_WEIGHTS - first < PACKED_BLOCK ? UNET_WEIGHTS - first : PACKED_BLOCK;
        float most = 0;
        for (int i = 0; i < n; i++)
            if (fabsf(weight[first + i]) > most) most = fabsf(weight[first + i]);
        const float scale = most / 127;
        uint32_t bits;
        memcpy(&bits, &scale, sizeof bits);
        for (int k = 0; k < 4; k++) *to++ = (unsigned char)(bits >> 8 * k);
        for (int i = 0; i < PACKED_BLOCK; i++) {
            const float v = i < n && scale > 0 ? weight[first + i] / scale : 0;
            *to++ = (unsigned char)(int)(v < 0 ? v - 0.5f : v + 0.5f);
        }
    }
}

static inline void unpack_weights(const unsigned char *from, float *weight) {
    for (int first = 0; first < UNET_WEIGHTS; first += PACKED_BLOCK) {
        uint32_t bits = 0;
        float scale;
        for (int k = 0; k < 4; k++) bits |= (uint32_t)*from++ << 8 * k;
        memcpy(&scale, &bits, sizeof scale);
        for (int i = 0; i < PACKED_BLOCK; i++, from++)
            if (first + i < UNET_WEIGHTS)
                weight[first + i] = scale * (float)(*from < 128 ? *from : *from - 256);
    }
}

#endif
