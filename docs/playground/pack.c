/* pack.c: writes weights.bin as the page has it: pack examples/digits/weights.bin >weights */
#include "../../examples/digits/unet.h"

#include "weights.h"

int main(int argc, char **argv) {
    static unsigned char bytes[PACKED_BYTES];
    unet net;
    const char *wrong = argc == 2 ? unet_load(&net, argv[1]) : "needs a file";
    if (wrong) return fprintf(stderr, "pack: %s\n", wrong), 1;
    pack_weights(net.data, bytes);
    unet_free(&net);
    return fwrite(bytes, 1, sizeof bytes, stdout) != sizeof bytes;
}
