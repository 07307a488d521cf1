/* numpy.h: noise of numpy.random.default_rng(seed).standard_normal, as a source for dk_config.noise and step_noise:

       numpy_rng rng = {0};
       rng.bits = 64;                                               // or 32: dtype=float32
       c.noise.fn = numpy_normals, c.noise.user = &rng;

   One generator makes the whole batch, or with dk_config.seeds each sample one of its own. A draw begins where the last one
   ended; where that is not the one before, the generator runs through from its seed. A numpy_rng is for one run at a time.
   RandomState(seed) is the library's own: DK_NOISE_NUMPY. C11 or C++11. MIT licence. */
#ifndef EXAMPLES_NUMPY_H
#define EXAMPLES_NUMPY_H

#include "diffkit.h"

#include <math.h>
#include <string.h>

/* PCG64, O'Neill 2014, where it stands, and of which draw that is the end. High and low half of 128 bits. */
typedef struct numpy_rng {
    int bits;
    uint64_t state[2], step[2], seed;
    size_t count;
    int call, half; /* half: 1: one of 32 bits is left over */
    uint32_t left;
} numpy_rng;

/* A linear congruential generator of 128 bits, XSL-RR of its state. */
static inline uint64_t numpy_word(numpy_rng *g) {
    const uint64_t high = 0x2360ED051FC65DA4u, low = 0x4385DF649FCCF645u, half = 0xFFFFFFFFu;
    uint64_t *s = g->state, a = s[1] & half, b = s[1] >> 32, c = low & half, d = low >> 32;
    uint64_t middle = b * c + (a * c >> 32), other = a * d + (middle & half);
    s[0] = s[0] * low + s[1] * high + b * d + (middle >> 32) + (other >> 32) + g->step[0];
    s[1] = s[1] * low + g->step[1];
    s[0] += s[1] < g->step[1];
    uint64_t x = s[0] ^ s[1], turn = s[0] >> 58;
    return x >> turn | x << (64 - turn) % 64;
}

/* Its two halves in turn, the low one first. */
static inline uint32_t numpy_half(numpy_rng *g) {
    if (g->half) return g->half = 0, g->left;
    uint64_t word = numpy_word(g);
    g->half = 1, g->left = (uint32_t)(word >> 32);
    return (uint32_t)word;
}

static inline uint32_t numpy_hash(uint32_t value, uint32_t *state, uint32_t factor) {
    value ^= *state;
    value *= *state *= factor;
    return value ^ value >> 16;
}

/* SeedSequence(seed).generate_state(4, uint64) seeds it. */
static inline void numpy_start(numpy_rng *g, uint64_t seed) {
    uint32_t pool[4], state = 0x43B0D7E5u, w[8];
    uint64_t v[4];
    for (int i = 0; i < 4; i++) pool[i] = numpy_hash(i < 2 ? (uint32_t)(seed >> 32 * i) : 0, &state, 0x931E8875u);
    for (int from = 0; from < 4; from++)
        for (int to = 0; to < 4; to++) {
            if (from == to) continue;
            uint32_t word = 0xCA01F9DDu * pool[to] - 0x4973F715u * numpy_hash(pool[from], &state, 0x931E8875u);
            pool[to] = word ^ word >> 16;
        }
    state = 0x8B51F9DDu;
    for (int i = 0; i < 8; i++) w[i] = numpy_hash(pool[i % 4], &state, 0x58F38DEDu);
    for (int i = 0; i < 4; i++) v[i] = w[2 * i] | (uint64_t)w[2 * i + 1] << 32;
    g->step[0] = v[2] << 1 | v[3] >> 63, g->step[1] = v[3] << 1 | 1;
    g->state[1] = v[1] + g->step[1], g->state[0] = v[0] + g->step[0] + (g->state[1] < v[1]);
    g->seed = seed, g->call = g->half = 0;
    numpy_word(g);
}

/* rng.random(), with dtype=float32 where the generator has 32 bits. */
static inline double numpy_random(numpy_rng *g) {
    return g->bits == 32 ? (numpy_half(g) >> 8) / 16777216.0 : (double)(numpy_word(g) >> 11) / 9007199254740992.0;
}

/* Right ends of the ziggurat's strips under exp(-x^2/2), Marsaglia & Tsang 2000, x_i = sqrt(-2 log(v/x + exp(-x^2/2))) of
   x = x_{i+1}, x_255 = r; strip 0, the tail's, counts as v exp(r^2/2) wide. With NumPy's own rounding. */
/* clang-format off */
static const double numpy_strip[256] = {
    3.9107579595249118, 0.21524189598488003, 0.2861745917920715, 0.33573751921442435, 0.37512133287837979, 0.40838913461199033,
    0.4375184022078708, 0.46363433679088151, 0.4874439661392353, 0.50942332960209102, 0.52990972066155739, 0.54915170232716448,
    0.56733825705381824, 0.5846167661063788, 0.60110461775599211, 0.61689699000775089, 0.63207223638606058, 0.64669571489499311,
    0.66082257424441915, 0.67449982283729315, 0.68776789279578776, 0.70066184110681429, 0.71321228519097524, 0.72544614090999882,
    0.73738721143429486, 0.74905666201781462, 0.76047340643010741, 0.77165442422456754, 0.78261502330723243, 0.79336905884062259,
    0.80392911698997049, 0.81430667013521463, 0.82451220875229148, 0.83455535408638148, 0.84444495490915328, 0.85418917100816316,
    0.86379554555330818, 0.87327106808886001, 0.88262222958516501, 0.89185507073294101, 0.90097522446122136, 0.90998795349671813,
    0.91889818364959019, 0.9277105334019996, 0.93642934028657476, 0.94505868446816499, 0.95360240988108558, 0.96206414322304012,
    0.97044731106422399, 0.97875515529422419, 0.98699074709906198, 0.99515699963509041, 1.0032566795446725, 1.0112924174399951,
    1.0192667174654835, 1.0271819660356449, 1.0350404398334401, 1.0428443131441483, 1.0505956645909291, 1.0582964833306743,
    1.0659486747621219, 1.0735540657924356, 1.0811144097034033, 1.0886313906539793, 1.0961066278520208, 1.1035416794246391,
    1.1109380460135749, 1.1182971741193444, 1.1256204592155326, 1.1329092486525332, 1.1401648443681507, 1.1473885054208484,
    1.1545814503599272, 1.161744859445611, 1.1688798767308328, 1.1759876120154515, 1.1830691426826863, 1.1901255154266914,
    1.1971577478794408, 1.2041668301443809, 1.2111537262436987, 1.2181193754854811, 1.2250646937565302, 1.2319905747461355,
    1.2388978911056867, 1.2457874955486268, 1.2526602218948968, 1.2595168860637138, 1.2663582870182291, 1.273185207665356,
    1.2799984157138176, 1.2867986644932434, 1.2935866937369476, 1.300363230330837, 1.3071289890307309, 1.3138846731502203,
    1.3206309752210559, 1.3273685776279256, 1.3340981532193599, 1.3408203658964037, 1.3475358711805869, 1.3542453167626347,
    1.3609493430332826, 1.3676485835974759, 1.374343665773166, 1.381035211075855, 1.3877238356899757, 1.3944101509281406,
    1.4010947636792506, 1.4077782768463984, 1.4144612897754707, 1.4211443986753085, 1.4278281970302555, 1.4345132760058918,
    1.4412002248487237, 1.4478896312805758, 1.4545820818884101, 1.4612781625102753, 1.4679784586180793, 1.4746835556978553,
    1.4813940396281871, 1.4881104970574472, 1.4948335157804935, 1.5015636851154637, 1.5083015962813113, 1.5150478427767144,
    1.5218030207609978, 1.528567729437712, 1.5353425714415139, 1.5421281532290017, 1.5489250854741732, 1.5557339834691761,
    1.5625554675310445, 1.5693901634151233, 1.5762387027359059, 1.5831017233960289, 1.5899798700241905, 1.5968737944227878,
    1.6037841560260941, 1.6107116223698297, 1.6176568695730149, 1.624620582833034, 1.6316034569348727, 1.638606196775547,
    1.6456295179047817, 1.6526741470830553, 1.659740822858182, 1.666830296161665, 1.6739433309261247, 1.6810807047251735,
    1.6882432094371951, 1.6954316519345614, 1.7026468547999229, 1.7098896570713016, 1.7171609150178229, 1.7244615029480448,
    1.7317923140529632, 1.7391542612859117, 1.7465482782817225, 1.7539753203176716, 1.7614363653189102, 1.7689324149112684,
    1.7764644955245228, 1.7840336595494415, 1.7916409865521625, 1.7992875845497203, 1.8069745913508208, 1.8147031759662826,
    1.8224745400938858, 1.8302899196827569, 1.8381505865828067, 1.8460578502851857, 1.8540130597602023, 1.8620176053996746,
    1.8700729210712674, 1.8781804862929965, 1.8863418285367834, 1.8945585256707052, 1.9028322085504297, 1.9111645637712535,
    1.9195573365931882, 1.9280123340526658, 1.9365314282756947, 1.9451165600086784, 1.9537697423846467, 1.962493064944363,
    1.9712886979336592, 1.9801588969004766, 1.9891060076174381, 1.9981324713584196, 2.0072408305605287, 2.016433734906204,
    2.0257139478638542, 2.0350843537296188, 2.0445479652175313, 2.0541079316506519, 2.0637675478117319, 2.0735302635187427,
    2.0833996939983042, 2.0933796311387916, 2.1034740557148766, 2.1136871506866526, 2.1240233156895227, 2.1344871828460161,
    2.145083634047888, 2.1558178198767366, 2.1666951803543077, 2.1777214677402923, 2.1889027716263603, 2.200245546611276,
    2.2117566428841604, 2.2234433400925102, 2.2353133849299209, 2.2473750329473892, 2.2596370951737872, 2.2721089902283813,
    2.2848008027244919, 2.2977233489028634, 2.3108882506013719, 2.3243080188711325, 2.3379961487965284, 2.3519672273791445,
    2.3662370567172908, 2.3808227951720857, 2.3957431197819274, 2.4110184139011195, 2.4266709849371466, 2.4427253182003641,
    2.4592083743347048, 2.4761499396705231, 2.4935830412710467, 2.5115444416266941, 2.5300752321598541, 2.5492215503247828,
    2.5690354526818435, 2.5895759867082861, 2.6109105184888231, 2.6331163936315822, 2.6562830375767428, 2.6805146432857447,
    2.705933656123062, 2.7326853590440114, 2.7609440052799865, 2.7909211740019275, 2.8228773968264433, 2.857138730873225,
    2.8941210536134125, 2.9343668672088881, 2.9786032798818436, 3.0278377917695938, 3.0835261320021434, 3.1478892895180008,
    3.2245750520478018, 3.320244733839826, 3.4492782985614316, 3.6541528853610088,
};
/* clang-format on */

static inline double numpy_normal(numpy_rng *g) {
    const double r = 3.6541528853610088, inverse_r = 0.27366123732975828;
    const int single = g->bits == 32;
    const double size = single ? 8388608.0 : 4503599627370496.0;
    for (;;) {
        uint64_t word = single ? numpy_half(g) : numpy_word(g);
        int i = (int)(word & 255), minus = (int)(word >> 8 & 1);
        uint64_t u = word >> 9 & (single ? 0x7FFFFFu : 0xFFFFFFFFFFFFFu);
        double outer = numpy_strip[i], inner = i == 0 ? r : i == 1 ? 0 : numpy_strip[i - 1];
        double x = single ? (double)((float)u * (float)(outer / size)) : (double)u * (outer / size);
        if (u < (uint64_t)(inner / outer * size)) return minus ? -x : x;
        if (i > 0) { /* between the strip's two ends */
            double low = exp(-0.5 * outer * outer), high = exp(-0.5 * inner * inner);
            double v = numpy_random(g), y = (high - low) * v + low;
            if (single) y = (double)(((float)high - (float)low) * (float)v + (float)low);
            if (y < exp(-0.5 * x * x)) return minus ? -x : x;
            continue;
        }
        for (double y = 0;;) { /* beyond r */
            x = -log1p(-numpy_random(g)), y = -log1p(-numpy_random(g));
            if (single) x = (double)((float)x * (float)inverse_r), y = (double)(float)y;
            else x *= inverse_r;
            if (y + y > x * x) return u >> 8 & 1 ? -(r + x) : r + x;
        }
    }
}

/* A dk_noise_fn; user: a numpy_rng. */
static inline int numpy_normals(void *user, const dk_noise_request *q, dk_real *out) {
    numpy_rng *g = (numpy_rng *)user;
    const int samples = q->seeds ? q->batch : 1;
    const size_t n = q->seeds ? q->dim : q->dim * (size_t)q->batch;
    if (g->bits != 32 && g->bits != 64) return 1;
    if (!q->seeds && q->first_sample > 0) return 1; /* one generator makes a whole batch */
    for (int b = 0; b < samples; b++, out += n) {
        const uint64_t seed = q->seeds ? q->seeds[b] : q->seed;
        if (!g->call || g->seed != seed || g->count != n || g->call > q->call) numpy_start(g, seed);
        for (g->count = n; g->call <= q->call; g->call++)
            for (size_t i = 0; i < n; i++) {
                const double z = numpy_normal(g);
                out[i] = (dk_real)(g->bits == 32 ? (double)(float)z : z);
            }
    }
    return 0;
}

#endif
