/* letters.h: writes into pictures: letters_write(pixels, width, height, channels, x, y, size, value, text).

   Glyphs are 5 x 8 dots, drawn below as they look, 13 to a line. */
#ifndef EXAMPLES_LETTERS_H
#define EXAMPLES_LETTERS_H

#include <string.h>

enum { LETTERS_WIDE = 6, LETTERS_HIGH = 8, LETTERS_PER_LINE = 13 };

/* clang-format off */
static const char letters_order[] =
    "abcdefghijklm"
    "nopqrstuvwxyz"
    "0123456789.,="
    "+-:()/'%*<>_\""
    "ABCDEFGHIJKLM"
    "NOPQRSTUVWXYZ";
static const char *const letters_rows[] = {
    "      #               #         ##        #       #      #  #      ##         ",
    "      #               #        #  #       #                 #       #         ",
    " ###  ####   ###   ####  ###   #     #### # ##   ##     ##  #  #    #   ## #  ",
    "    # #   # #   # #   # #   #  ###  #   # ##  #   #      #  # #     #   # # # ",
    " #### #   # #     #   # #####  #    #   # #   #   #      #  ##      #   # # # ",
    "#   # #   # #   # #   # #      #     #### #   #   #      #  # #     #   # # # ",
    " #### ####   ###   ####  ###   #        # #   #  ###  #  #  #  #   ###  #   # ",
    "                                     ###               ##                     ",

    "                                     #                                        ",
    "                                     #                                        ",
    "# ##   ###  ####   #### # ##   #### ####  #   # #   # #   # #   # #   # ##### ",
    "##  # #   # #   # #   # ##  # #      #    #   # #   # #   #  # #  #   #    #  ",
    "#   # #   # #   # #   # #      ###   #    #   # #   # # # #   #   #   #   #   ",
    "#   # #   # ####   #### #         #  #  # #  ##  # #  # # #  # #   ####  #    ",
    "#   #  ###  #         # #     ####    ##   ## #   #    # #  #   #     # ##### ",
    "            #         #                                            ###        ",

    " ###    #    ###  #####    #  #####   ##  #####  ###   ###                    ",
    "#   #  ##   #   #    #    ##  #      #        # #   # #   #                   ",
    "#  ##   #       #   #    # #  ####  #        #  #   # #   #             ##### ",
    "# # #   #      #     #  #  #      # ####    #    ###   ####                   ",
    "##  #   #     #       # #####     # #   #  #    #   #     #             ##### ",
    "#   #   #    #    #   #    #  #   # #   #  #    #   #    #   ##    ##         ",
    " ###   ###  #####  ###     #   ###   ###   #     ###   ##    ##    ##         ",
    "                                                                   #          ",

    "                     #   #            #   ##             #   #           # #  ",
    "  #          ##     #     #       #   #   ##  #   #     #     #          # #  ",
    "  #          ##    #       #     #   #       #  # # #  #       #              ",
    "##### #####        #       #    #           #    ###  #         #             ",
    "  #          ##    #       #   #           #    # # #  #       #              ",
    "  #          ##     #     #   #           #  ##   #     #     #               ",
    "                     #   #                   ##          #   #    #####       ",
    "                                                                              ",

    " ###  ####   ###  ####  ##### #####  ###  #   #  ###    ### #   # #     #   # ",
    "#   # #   # #   # #   # #     #     #   # #   #   #      #  #  #  #     ## ## ",
    "#   # #   # #     #   # #     #     #     #   #   #      #  # #   #     # # # ",
    "##### ####  #     #   # ####  ####  # ### #####   #      #  ##    #     # # # ",
    "#   # #   # #     #   # #     #     #   # #   #   #      #  # #   #     #   # ",
    "#   # #   # #   # #   # #     #     #   # #   #   #   #  #  #  #  #     #   # ",
    "#   # ####   ###  ####  ##### #      #### #   #  ###   ##   #   # ##### #   # ",
    "                                                                              ",

    "#   #  ###  ####   ###  ####   #### ##### #   # #   # #   # #   # #   # ##### ",
    "##  # #   # #   # #   # #   # #       #   #   # #   # #   # #   # #   #     # ",
    "# # # #   # #   # #   # #   # #       #   #   # #   # #   #  # #   # #     #  ",
    "#  ## #   # ####  #   # ####   ###    #   #   # #   # # # #   #     #     #   ",
    "#   # #   # #     # # # # #       #   #   #   # #   # # # #  # #    #    #    ",
    "#   # #   # #     #  #  #  #      #   #   #   #  # #  ## ## #   #   #   #     ",
    "#   #  ###  #      ## # #   # ####    #    ###    #   #   # #   #   #   ##### ",
    "                                                                              ",
};
/* clang-format on */

/* How wide the text is, in pixels. */
static inline int letters_width(int size, const char *text) {
    return (int)strlen(text) * LETTERS_WIDE * size;
}

/* Sets all channels of the text's pixels to value. (x, y) is its upper left corner, size the pixels of a dot. What is outside
   of the picture is cut off; a letter without a glyph is a space. */
static inline void letters_write(unsigned char *pixels, int width, int height, int channels, int x, int y,
                                 int size, unsigned char value, const char *text) {
    for (; *text; text++, x += LETTERS_WIDE * size) {
        const char *found = strchr(letters_order, *text);
        if (!found) continue;
        const int place = (int)(found - letters_order), line = place / LETTERS_PER_LINE,
                  column = place % LETTERS_PER_LINE;
        for (int j = 0; j < LETTERS_HIGH * size; j++)
            for (int i = 0; i < LETTERS_WIDE * size; i++) {
                const char dot =
                    letters_rows[line * LETTERS_HIGH + j / size][column * LETTERS_WIDE + i / size];
                if (dot == ' ' || x + i < 0 || x + i >= width || y + j < 0 || y + j >= height) continue;
                memset(pixels + ((y + j) * width + x + i) * channels, value, (size_t)channels);
            }
    }
}

#endif /* EXAMPLES_LETTERS_H */
