/* Tables for the shipped network, fitted by `diffkit fit --evaluations N --seed 1` (and `--guidance 2`) to 40 of its samples, and
   those for 4, 6 and 8 evaluations without guidance to 60, 70 and 80. What that made for 8 was polished again (fit.start) on 120
   of seed 21, with 40 held out. The base that is named is adams2 on the power grid with these three, dpmpp_2m on the karras grid with
   the others. Include diffkit.h first. */
#ifndef DIGITS_PLANS_H
#define DIGITS_PLANS_H

/* 4 evaluations, and one at x = 0 for all samples of a class; guidance 1. RMS on noise that was held out: base 0.1045, family 0.0637, polished 0.0521.
   Fitted with 11350 evaluations. This is the polished one. */
static const double digits_plan_4_level[] = {0.987654321, 0.86563809, 0.725195829, 0.558531932, 0.348699854, 0};
static const double digits_plan_4_a[] = {0.869031356, 0.856625982, 0.713289393, 0.732915449, 0.0199777854};
static const double digits_plan_4_b[] = {
    0.0970054762,
    -0.140257819, 0.349634175,
    0.262196852, -0.681275135, 0.620329567,
    -0.285498223, 0.762099923, -0.767986659, 0.629296213,
    0.0488225783, -0.157031163, 0.292506621, -0.72306603, 1.52721583};
static const dk_table digits_plan_4 = {"digits, 4 evaluations", 5, 1, 1, digits_plan_4_level, digits_plan_4_a, digits_plan_4_b, NULL, NULL};

/* 5 evaluations, and one at x = 0 for all samples of a class; guidance 1. RMS on noise that was held out: base 0.1852, family 0.0392, polished 0.0276.
   Fitted with 15930 evaluations. This is the polished one. */
static const double digits_plan_5_level[] = {0.987654321, 0.874916548, 0.741124905, 0.58240897, 0.396339531, 0.187533391, 0};
static const double digits_plan_5_a[] = {0.930338863, 0.838572457, 0.673000568, 0.822544956, 0.471347624, 0.02309019};
static const double digits_plan_5_b[] = {
    0.094333888,
    -0.136089391, 0.339201833,
    0.256433264, -0.598518132, 0.515007661,
    -0.46653657, 1.05522642, -0.997928311, 0.728310779,
    0.306195402, -0.690339235, 0.777697522, -0.766641137, 0.887825675,
    -0.0285329517, 0.0522892072, -0.0942104483, 0.200384561, -0.535776364, 1.38865301};
static const dk_table digits_plan_5 = {"digits, 5 evaluations", 6, 1, 1, digits_plan_5_level, digits_plan_5_a, digits_plan_5_b, NULL, NULL};

/* 6 evaluations, and one at x = 0 for all samples of a class; guidance 1. RMS on noise that was held out: base 0.0454, family 0.0328, polished 0.0284.
   Fitted with 22930 evaluations. This is the polished one. */
static const double digits_plan_6_level[] = {0.987654321, 0.893618445, 0.784792372, 0.658602561, 0.512661358, 0.346061618, 0.163547584, 0};
static const double digits_plan_6_a[] = {1.0304187, 0.796947748, 0.781061912, 0.795406271, 0.704631297, 0.488629274, 0.0323906398};
static const double digits_plan_6_b[] = {
    0.0988467925,
    -0.135987456, 0.273382696,
    0.170664287, -0.35410283, 0.34756307,
    -0.315735117, 0.751582266, -0.841330089, 0.606388069,
    0.363487253, -0.952689342, 1.195248, -0.984927629, 0.696608674,
    -0.149770566, 0.442584944, -0.623207768, 0.664195022, -0.681796093, 0.86136367,
    -0.00754843816, 0.00673849516, 0.00249342083, -0.0657051166, 0.216175663, -0.603716881, 1.42823987};
static const dk_table digits_plan_6 = {"digits, 6 evaluations", 7, 1, 1, digits_plan_6_level, digits_plan_6_a, digits_plan_6_b, NULL, NULL};

/* 8 evaluations, and one at x = 0 for all samples of a class; guidance 1. RMS on noise that was held out: base 0.0271, earlier plan 0.0129, polished 0.0128.
   Fitted with 49922 evaluations, and polished again with 43170. This is the polished one. */
static const double digits_plan_8_level[] = {0.987654321, 0.900199961, 0.803526594, 0.697177548, 0.581198483, 0.456589987, 0.326083084, 0.195516452, 0.0766922213, 0};
static const double digits_plan_8_a[] = {1.01443792, 0.762306513, 0.892601542, 0.859886299, 0.746109658, 0.775503521, 0.603549009, 0.381914611, 0.0407094089};
static const double digits_plan_8_b[] = {
    0.106840761,
    -0.168424657, 0.259693983,
    0.217565209, -0.353173793, 0.275892685,
    -0.242614415, 0.4729878, -0.536752471, 0.450264063,
    0.0897368036, -0.144895903, 0.408286108, -0.560207818, 0.449300225,
    0.0933632862, -0.40846717, 0.153707236, 0.4535905, -0.785001561, 0.754469984,
    -0.002150731, 0.191899271, -0.12253285, -0.291394855, 0.709179445, -0.844693047, 0.744517784,
    -0.0545209588, 0.0792339959, -0.0798139237, 0.145369341, -0.28383084, 0.481263824, -0.678564526, 1.01257616,
    0.000831646699, -0.00783110673, 0.0121738492, -0.0235648975, 0.0555385808, -0.147516458, 0.321389725, -0.640749265, 1.39067096};
static const dk_table digits_plan_8 = {"digits, 8 evaluations", 9, 1, 1, digits_plan_8_level, digits_plan_8_a, digits_plan_8_b, NULL, NULL};

/* 10 evaluations, and one at x = 0 for all samples of a class; guidance 1. RMS on noise that was held out: base 0.0688, family 0.0108, polished 0.0062.
   Fitted with 77720 evaluations. This is the polished one. */
static const double digits_plan_10_level[] = {0.987654321, 0.922093706, 0.848738492, 0.766915673, 0.67618492, 0.576581043, 0.468996777, 0.355755323, 0.24141452, 0.13383253, 0.0456856523, 0};
static const double digits_plan_10_a[] = {1.13324345, 0.676374627, 1.00862726, 0.873721713, 0.826815104, 0.898272102, 0.705120439, 0.677884762, 0.611614, 0.294359673, 0.152536456};
static const double digits_plan_10_b[] = {
    0.0811869184,
    -0.123953469, 0.19644925,
    0.115908823, -0.204879651, 0.181492583,
    -0.057618124, 0.26444089, -0.421695687, 0.35014004,
    -0.0722874827, -0.0322999819, 0.317900584, -0.41630726, 0.319864436,
    0.140769886, -0.204316371, -0.0126761772, 0.402031827, -0.627213453, 0.509911361,
    0.0339507601, -0.0275553328, -0.0770239657, -0.116051685, 0.53459442, -0.658932833, 0.535486377,
    -0.0472489965, 0.0395415404, 0.0252548349, -0.0139382442, -0.131337278, 0.425471559, -0.626588459, 0.654394673,
    -0.00609666808, 0.0316731596, 0.0354664383, -0.0429477095, -0.0430603831, -0.0805610673, 0.434113867, -0.829390017, 0.93037502,
    0.00278763378, -0.00628662073, -0.0134703123, 0.0435500744, -0.0570942277, 0.106294666, -0.298534207, 0.679204742, -0.999803985, 1.2294455,
    -0.00717385443, 0.0102366972, -0.000159455803, -0.0247617395, 0.0625505449, -0.131478279, 0.315555751, -0.635080069, 1.02123073, -1.35786251, 1.60588951};
static const dk_table digits_plan_10 = {"digits, 10 evaluations", 11, 1, 1, digits_plan_10_level, digits_plan_10_a, digits_plan_10_b, NULL, NULL};

/* 4 evaluations, and one at x = 0 for all samples of a class; guidance 2. RMS on noise that was held out: base 0.2880, family 0.0819, polished 0.0557.
   Fitted with 10450 evaluations. This is the polished one. */
static const double digits_plan_4_guided_level[] = {0.987654321, 0.887002149, 0.755440915, 0.578006646, 0.331220631, 0};
static const double digits_plan_4_guided_a[] = {0.874695405, 0.827338015, 0.815371748, 0.644906115, 0.00476510691};
static const double digits_plan_4_guided_b[] = {
    0.0913839386,
    -0.176330348, 0.320560533,
    0.244404054, -0.466267847, 0.475940436,
    -0.180016915, 0.404160256, -0.545155016, 0.681118537,
    0.00891547705, -0.0378927295, 0.128640293, -0.477673459, 1.380144};
static const dk_table digits_plan_4_guided = {"digits, 4 evaluations, guidance 2", 5, 1, 2, digits_plan_4_guided_level, digits_plan_4_guided_a, digits_plan_4_guided_b, NULL, NULL};

/* 5 evaluations, and one at x = 0 for all samples of a class; guidance 2. RMS on noise that was held out: base 0.2056, family 0.0481, polished 0.0388.
   Fitted with 18030 evaluations. This is the polished one. */
static const double digits_plan_5_guided_level[] = {0.987654321, 0.885878229, 0.762118734, 0.610752934, 0.426297628, 0.208778776, 0};
static const double digits_plan_5_guided_a[] = {0.909361618, 0.847322643, 0.726685492, 0.811041597, 0.511658203, 0.014305798};
static const double digits_plan_5_guided_b[] = {
    0.101826889,
    -0.219846396, 0.365301171,
    0.305330159, -0.507848253, 0.392878225,
    -0.344294331, 0.626268445, -0.625270477, 0.611488122,
    0.174397697, -0.336379996, 0.449654758, -0.626372145, 0.83909732,
    -0.0142637021, 0.018187501, -0.0477412651, 0.158209043, -0.507654957, 1.38407964};
static const dk_table digits_plan_5_guided = {"digits, 5 evaluations, guidance 2", 6, 1, 2, digits_plan_5_guided_level, digits_plan_5_guided_a, digits_plan_5_guided_b, NULL, NULL};

/* 6 evaluations, and one at x = 0 for all samples of a class; guidance 2. RMS on noise that was held out: base 0.1487, family 0.0333, polished 0.0274.
   Fitted with 24980 evaluations. This is the polished one. */
static const double digits_plan_6_guided_level[] = {0.987654321, 0.915832353, 0.827439936, 0.717368197, 0.579160611, 0.406091273, 0.197418419, 0};
static const double digits_plan_6_guided_a[] = {1.1185802, 0.676076364, 0.993014855, 0.721556271, 0.818896604, 0.479435416, 0.0251007998};
static const double digits_plan_6_guided_b[] = {
    0.0916213547,
    -0.12250868, 0.208326872,
    0.197158733, -0.390764382, 0.325027375,
    -0.227761388, 0.568949218, -0.580467291, 0.446214506,
    0.187058109, -0.546592302, 0.694362115, -0.669370744, 0.584234726,
    -0.0528692107, 0.194388809, -0.303086432, 0.426263761, -0.603641199, 0.853881949,
    -0.00577883786, -0.0039075476, 0.0158602844, -0.0681354126, 0.220861129, -0.588666777, 1.41269434};
static const dk_table digits_plan_6_guided = {"digits, 6 evaluations, guidance 2", 7, 1, 2, digits_plan_6_guided_level, digits_plan_6_guided_a, digits_plan_6_guided_b, NULL, NULL};

/* 8 evaluations, and one at x = 0 for all samples of a class; guidance 2. RMS on noise that was held out: base 0.0833, family 0.0167, polished 0.0113.
   Fitted with 45490 evaluations. This is the polished one. */
static const double digits_plan_8_guided_level[] = {0.987654321, 0.915391179, 0.830712866, 0.731760565, 0.617133396, 0.486832497, 0.344053723, 0.198240463, 0.0697222549, 0};
static const double digits_plan_8_guided_a[] = {1.04434621, 0.710782453, 1.12133796, 0.652520583, 0.933729399, 0.702536697, 0.580165301, 0.360377662, 0.0250863945};
static const double digits_plan_8_guided_b[] = {
    0.0934955973,
    -0.125324547, 0.193191104,
    0.179441361, -0.36145603, 0.322368797,
    -0.124137443, 0.391765258, -0.456707597, 0.342113297,
    0.0731896505, -0.366390327, 0.586037963, -0.568332086, 0.462274757,
    -0.0279911139, 0.183685957, -0.375443898, 0.554503466, -0.779990262, 0.759550876,
    0.026613193, -0.0790389232, 0.136449222, -0.282411572, 0.649148194, -0.832064768, 0.777410808,
    -0.0141319723, 0.01949062, -0.0127758866, 0.0566068404, -0.231385011, 0.487241366, -0.745197323, 1.09507032,
    -0.00303156868, 0.00558514996, -0.00750069146, 0.00229285324, 0.0209669259, -0.111232268, 0.280256375, -0.55196458, 1.33624741};
static const dk_table digits_plan_8_guided = {"digits, 8 evaluations, guidance 2", 9, 1, 2, digits_plan_8_guided_level, digits_plan_8_guided_a, digits_plan_8_guided_b, NULL, NULL};

/* 10 evaluations, and one at x = 0 for all samples of a class; guidance 2. RMS on noise that was held out: base 0.0540, family 0.0115, polished 0.0081.
   Fitted with 61970 evaluations. This is the polished one. */
static const double digits_plan_10_guided_level[] = {0.987654321, 0.933354644, 0.871109152, 0.799723863, 0.71801235, 0.625004481, 0.520352768, 0.405067173, 0.282751869, 0.161530511, 0.0569406076, 0};
static const double digits_plan_10_guided_a[] = {1.00775774, 0.900255145, 0.879112925, 0.924625032, 0.820078562, 0.882067664, 0.749758851, 0.735023872, 0.58101749, 0.349526253, 0.0333379861};
static const double digits_plan_10_guided_b[] = {
    0.0749155506,
    -0.16590897, 0.220300851,
    0.19564467, -0.303891397, 0.184962139,
    -0.155150574, 0.304039059, -0.274166486, 0.225133572,
    0.0713703307, -0.134893705, 0.228264555, -0.354692577, 0.342890834,
    -0.0158893866, -0.000511100003, -0.0388664015, 0.292882706, -0.413195897, 0.310154698,
    -0.00358927338, 0.0105147423, -0.0497941698, -0.0657636645, 0.260128384, -0.438692767, 0.52620464,
    -0.0179194733, 0.0388608614, -0.0409539955, 0.0157700429, -0.0946945566, 0.439059579, -0.740787936, 0.690166849,
    0.0313464514, -0.042868922, 0.0509604911, -0.0148589799, -0.000585066002, -0.171060903, 0.502543947, -0.741424503, 0.796501067,
    -0.012928736, 0.0135634489, -0.0100651322, 0.00931172785, -0.00777093034, 0.0770234981, -0.257021623, 0.548795855, -0.809631482, 1.10512622,
    -0.00354236586, 0.00484066581, -0.00264235662, -0.0012835217, 0.00670042652, -0.0510984724, 0.127118466, -0.242163597, 0.414043035, -0.669669585, 1.38315229};
static const dk_table digits_plan_10_guided = {"digits, 10 evaluations, guidance 2", 11, 1, 2, digits_plan_10_guided_level, digits_plan_10_guided_a, digits_plan_10_guided_b, NULL, NULL};

/* The table of so many evaluations, with guidance 2 or none; NULL: there is none. */
static inline const dk_table *digits_plan(int evaluations, int guided) {
    switch (evaluations) {
    case 4: return guided ? &digits_plan_4_guided : &digits_plan_4;
    case 5: return guided ? &digits_plan_5_guided : &digits_plan_5;
    case 6: return guided ? &digits_plan_6_guided : &digits_plan_6;
    case 8: return guided ? &digits_plan_8_guided : &digits_plan_8;
    case 10: return guided ? &digits_plan_10_guided : &digits_plan_10;
    default: return NULL;
    }
}

#endif
