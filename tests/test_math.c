/* The library's own mathematics: elementary functions against values that were computed with 60 digits; quantiles, sums and
   the coefficients of integrators against what they are by definition. */
#define DIFFKIT_IMPLEMENTATION /* private functions */
#include "check.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* f(x, y), a point of each function: `value` and what it lacks, `rest`, together have 24 digits. */
typedef struct point {
    const char *function;
    double x, y, value, rest;
} point;

static const point points[] = {
    {"exp", 174.65170165870768, 0.0, 7.083865151914763e+75, 3.1328674e+59},
    {"exp", 343.11216378245354, 0.0, 1.0273523166880003e+149, 5.7404813e+132},
    {"exp", 418.78928240659206, 0.0, 7.548739341397645e+181, 1.9209694e+165},
    {"exp", 627.4520521120803, 0.0, 3.154742315508419e+272, 3.8631799e+255},
    {"exp", 340.4362804064817, 0.0, 7.072908181054233e+147, 6.8548693e+131},
    {"exp", 598.9345202748959, 0.0, 1.300041382228166e+260, 6.9844285e+243},
    {"exp", -666.8995915221179, 0.0, 2.3398467742954674e-290, -1.0618796e-307},
    {"exp", -48.21269874622476, 0.0, 1.1521021228479694e-21, -8.3284675e-38},
    {"exp", 0.8867134339966274, 0.0, 2.427139574114223, -4.0135889e-17},
    {"exp", 0.2979491062738484, 0.0, 1.3470932275411, 1.0645497e-16},
    {"exp", 0.8018009835012454, 0.0, 2.229552702471039, -3.2029011e-17},
    {"exp", -0.7735880706937113, 0.0, 0.46135472160179325, 1.4321129e-17},
    {"exp", -0.06186190443567252, 0.0, 0.9400126894111188, 1.5022243e-17},
    {"exp", -0.5068543347603394, 0.0, 0.6023875110136979, 1.5873939e-18},
    {"exp", 0.08752171847186085, 0.0, 1.0914659691584738, 9.8770919e-17},
    {"exp", 0.14788237585620156, 0.0, 1.1593765176721866, -3.1853485e-17},
    {"exp", 0.34657359, 0.0, 1.4142135619771539, 3.9298204e-17},
    {"exp", 0.3466, 0.0, 1.4142509118505286, 2.7279123e-17},
    {"exp", 709.78, 0.0, 1.7928227943945155e+308, 8.2762937e+291},
    {"exp", -745, 0.0, 5e-324, -0},
    {"exp", -740.5, 0.0, 2.5e-322, 0},
    {"exp", 1e-300, 0.0, 1.0, 0},
    {"exp", -1e-20, 0.0, 1.0, -1e-20},
    {"expm1", -38.8197229369988, 0.0, -1.0, 1.3829566e-17},
    {"expm1", -20.494317958253667, 0.0, -0.9999999987427235, 1.2780782e-18},
    {"expm1", -14.846587059000072, 0.0, -0.999999643377151, -3.7607157e-17},
    {"expm1", 42.47108346276967, 0.0, 2.7858465332915937e+18, 234.56706},
    {"expm1", 1.062901806516567, 0.0, 1.8947588434930578, 1.0500893e-16},
    {"expm1", -1.361583150567847, 0.0, -0.7437452342280049, 1.8159629e-17},
    {"expm1", 1.188587965724818, 0.0, 2.282443011469441, -9.5465448e-17},
    {"expm1", -1.4449303264043873, 0.0, -0.764237497595114, 3.6595195e-17},
    {"expm1", 0.4698100818644666, 0.0, 0.5996903541565074, -3.4451374e-17},
    {"expm1", -1.4932030697989211, 0.0, -0.7753480739174411, -2.4941882e-17},
    {"expm1", -1.9929005511898614, 0.0, -0.8637004921661732, -4.3381152e-17},
    {"expm1", 1.4856189788971284, 0.0, 3.4176990291387805, -2.4786551e-17},
    {"expm1", 2.2454434386415135e-15, 0.0, 2.245443438641516e-15, 1.544254e-31},
    {"expm1", 0.0023016198980641807, 0.0, 0.0023042706584325764, -1.5723156e-19},
    {"expm1", -9.089170431738147e-05, 0.0, -9.088757379156907e-05, -2.0252467e-21},
    {"expm1", 1.0433304527409099e-13, 0.0, 1.0433304527409643e-13, 2.7073657e-30},
    {"expm1", 700.0, 0.0, 1.0142320547350045e+304, 1.6666572e+287},
    {"expm1", 1e-300, 0.0, 1e-300, 0},
    {"expm1", 0.3466, 0.0, 0.41425091185052865, 2.7279123e-17},
    {"expm1", -0.3466, 0.0, -0.2929118930589812, 7.8272713e-18},
    {"expm1", 1.04, 0.0, 1.8292170143515596, 3.0775421e-17},
    {"expm1", -1.04, 0.0, -0.6465453180412198, -2.3561349e-17},
    {"log", 1.4509646253220562e+24, 0.0, 55.634270825945805, -4.727145e-19},
    {"log", 3.49602062698457e+109, 0.0, 252.23340049429407, 5.0549251e-17},
    {"log", 1.3937373955706693e-182, 0.0, -418.73849801226766, 3.0114293e-17},
    {"log", 4.377404400913742e+271, 0.0, 625.4770161475853, -8.2865847e-18},
    {"log", 5.788523015730807, 0.0, 1.7558771667688635, -2.6377087e-17},
    {"log", 73.49490777591686, 0.0, 4.29721612185837, 4.9888635e-17},
    {"log", 37.58085965710316, 0.0, 3.6264948691122703, -6.372112e-17},
    {"log", 0.15673124787822776, 0.0, -1.8532227373863446, -6.9094257e-17},
    {"log", 0.2784580252349345, 0.0, -1.278487948263074, 5.1290524e-17},
    {"log", 0.04611309038337727, 0.0, -3.076658413032009, -6.1852628e-17},
    {"log", 0.03826552164920639, 0.0, -3.263206006271521, -7.6507234e-17},
    {"log", 0.018220439710117768, 0.0, -4.005211254065143, 2.5489629e-17},
    {"log", 1.0000000000050329, 0.0, 5.032863015218095e-12, -2.6752241e-28},
    {"log", 0.9999998011620211, 0.0, -1.988379986280518e-07, -2.0459718e-24},
    {"log", 0.9999999999999989, 0.0, -1.1102230246251571e-15, -2.4651903e-32},
    {"log", 0.9994103855687912, 0.0, -0.0005897883221532627, -9.249117e-21},
    {"log", 5e-324, 0.0, -744.4400719213812, -4.4224443e-14},
    {"log", 1e-310, 0.0, -713.8013788281542, -8.5922547e-15},
    {"log", 1.7976931348623157e+308, 0.0, 709.782712893384, 2.3636017e-14},
    {"log", 0.7071067811865475, 0.0, -0.34657359027997275, 1.0775909e-17},
    {"log", 0.7071067811865476, 0.0, -0.3465735902799726, 1.2517013e-18},
    {"log", 0.9999999999999999, 0.0, -1.1102230246251565e-16, -6.1629758e-33},
    {"log", 1.0000000000000002, 0.0, 2.2204460492503128e-16, 3.6492148e-48},
    {"log1p", 1.6963774264478723e-92, 0.0, 1.6963774264478723e-92, 0},
    {"log1p", 1.7668463735484097e-245, 0.0, 1.7668463735484097e-245, 0},
    {"log1p", 1.9452104493558886e-159, 0.0, 1.9452104493558886e-159, 0},
    {"log1p", 4.569872286398508e-248, 0.0, 4.569872286398508e-248, 0},
    {"log1p", 0.5445291972968451, 0.0, 0.4347191372423945, -4.3590102e-18},
    {"log1p", 4.634680711529885, 0.0, 1.728940484223565, -1.2227527e-17},
    {"log1p", 4.695830655256452, 0.0, 1.7397344432000983, -8.5562002e-17},
    {"log1p", 1.1522879497024154, 0.0, 0.7665314389721629, 5.1504244e-17},
    {"log1p", 1.4317215461896693, 0.0, 0.888599461738606, 1.6904106e-17},
    {"log1p", 2.2989050162475735, 0.0, 1.1935906001519236, 6.6773375e-17},
    {"log1p", 1.5187751581776514, 0.0, 0.9237727350213455, 1.5822682e-17},
    {"log1p", 1.264428821543811, 0.0, 0.8173225512144566, -3.6256027e-17},
    {"log1p", 2.345463282954454e+252, 0.0, 581.1039263789124, -8.9124778e-18},
    {"log1p", 7.025480567375843e+135, 0.0, 312.7985311752436, -1.9716e-17},
    {"log1p", 2.1255777495842016e+212, 0.0, 488.9020833623181, -1.723102e-17},
    {"log1p", 1.29989814251397e+187, 0.0, 430.84569829937203, 2.3254623e-17},
    {"log1p", -0.9999999999999999, 0.0, -36.7368005696771, -6.739833e-16},
    {"log1p", 5e-324, 0.0, 5e-324, 0},
    {"log1p", -1e-17, 0.0, -1e-17, -5e-35},
    {"sin", 5.725370398731328, 0.0, -0.5293336013019031, 2.1836601e-17},
    {"sin", -4.800340980870435, 0.0, 0.9961347154458736, -4.8365836e-17},
    {"sin", -3.199306438016467, 0.0, 0.05768175013843341, 1.1576593e-18},
    {"sin", 4.025613900048675, 0.0, -0.773294782197721, 2.3743684e-17},
    {"sin", -0.47621245876542595, 0.0, -0.4584163415135584, -5.9691034e-18},
    {"sin", 0.1574497526168388, 0.0, 0.1568000174637439, -1.3816902e-17},
    {"sin", 4.94815975883039, 0.0, -0.9723345821108631, 5.3769945e-17},
    {"sin", -3.138736151362971, 0.0, -0.002856498342169067, -2.0419652e-19},
    {"sin", -37150.24062951753, 0.0, 0.7879674135127716, 1.6875763e-17},
    {"sin", 89763.37126193976, 0.0, 0.9769406991700192, -1.0069815e-17},
    {"sin", 280987.1494563421, 0.0, 0.03906344094327816, 8.9153372e-19},
    {"sin", -132702.78379548847, 0.0, -0.9429840383349916, 1.6970224e-17},
    {"sin", -204136.19252568803, 0.0, -0.9771288146896279, 4.0356678e-17},
    {"sin", -67023.31493943802, 0.0, -0.545736471831585, 1.5559084e-17},
    {"sin", 478341.4907096316, 0.0, 0.5212530593748712, -1.2646849e-17},
    {"sin", -291516.60695120296, 0.0, -0.9320946442791352, 4.0523966e-18},
    {"sin", 0.7853981633974483, 0.0, 0.7071067811865475, 4.1036934e-17},
    {"sin", 1.5707963267948966, 0.0, 1.0, -1.8746997e-33},
    {"sin", 2.356194490192345, 0.0, 0.7071067811865476, 1.6610238e-17},
    {"sin", 3.141592653589793, 0.0, 1.2246467991473532e-16, -2.9947698e-33},
    {"sin", 5.497787143782138, 0.0, -0.7071067811865477, 7.8164592e-18},
    {"sin", 7.853981633974483, 0.0, 1.0, -4.6867493e-32},
    {"sin", 1e-300, 0.0, 1e-300, 0},
    {"sin", 1e-09, 0.0, 1e-09, -1.6666667e-28},
    {"cos", 5.725370398731328, 0.0, 0.8484137779013009, -1.4702051e-17},
    {"cos", -4.800340980870435, 0.0, 0.08783865142161786, 2.549854e-18},
    {"cos", -3.199306438016467, 0.0, -0.9983350217742375, -4.0589908e-17},
    {"cos", 4.025613900048675, 0.0, -0.6340466700691514, -1.6228409e-17},
    {"cos", -0.47621245876542595, 0.0, 0.8887375640948932, 5.4777176e-17},
    {"cos", 0.1574497526168388, 0.0, 0.987630373430956, -4.6324832e-17},
    {"cos", 4.94815975883039, 0.0, 0.23359250936469117, -4.2489964e-18},
    {"cos", -3.138736151362971, 0.0, -0.9999959202002882, -5.2310658e-17},
    {"cos", -37150.24062951753, 0.0, -0.6157169440920015, 4.2019819e-17},
    {"cos", 89763.37126193976, 0.0, -0.2135108201126912, 1.072303e-17},
    {"cos", 280987.1494563421, 0.0, -0.9992367325021989, 8.0392057e-20},
    {"cos", -132702.78379548847, 0.0, -0.3328379537333914, 1.1030149e-17},
    {"cos", -204136.19252568803, 0.0, -0.21264825299833282, -3.969714e-18},
    {"cos", -67023.31493943802, 0.0, 0.8379568624415064, 1.0338518e-17},
    {"cos", 478341.4907096316, 0.0, -0.8534021608200538, 2.9362051e-18},
    {"cos", -291516.60695120296, 0.0, -0.3622148176236753, 2.3069983e-17},
    {"cos", 0.7853981633974483, 0.0, 0.7071067811865476, -2.6687565e-17},
    {"cos", 1.5707963267948966, 0.0, 6.123233995736766e-17, -1.4973849e-33},
    {"cos", 2.356194490192345, 0.0, -0.7071067811865475, 2.2608683e-18},
    {"cos", 3.141592653589793, 0.0, -1.0, 7.4987989e-33},
    {"cos", 5.497787143782138, 0.0, 0.7071067811865474, 2.2165829e-17},
    {"cos", 7.853981633974483, 0.0, 3.061616997868383e-16, -1.9812876e-32},
    {"cos", 1e-300, 0.0, 1.0, 0},
    {"cos", 1e-09, 0.0, 1.0, -5e-19},
    {"tan", 5.725370398731328, 0.0, -0.6239097184528307, 1.3714782e-17},
    {"tan", -4.800340980870435, 0.0, 11.34050556701416, -4.2421313e-16},
    {"tan", -3.199306438016467, 0.0, -0.05777794916572355, -7.5112128e-19},
    {"tan", 4.025613900048675, 0.0, 1.2196180797123066, 1.0680298e-16},
    {"tan", -0.47621245876542595, 0.0, -0.5158061952522712, 1.7853443e-17},
    {"tan", 0.1574497526168388, 0.0, 0.1587638672138363, 5.8784863e-18},
    {"tan", 4.94815975883039, 0.0, -4.162524666374584, 2.4402866e-17},
    {"tan", -3.138736151362971, 0.0, 0.002856509996157726, 1.7215042e-19},
    {"tan", -37150.24062951753, 0.0, -1.2797559350502983, -1.5026893e-17},
    {"tan", 89763.37126193976, 0.0, -4.575602766428367, 6.7134044e-17},
    {"tan", 280987.1494563421, 0.0, -0.039093279572958654, 1.0446442e-18},
    {"tan", -132702.78379548847, 0.0, 2.8331625878529976, 1.6535833e-16},
    {"tan", -204136.19252568803, 0.0, 4.595047459417824, -2.1026665e-16},
    {"tan", -67023.31493943802, 0.0, -0.6512703652089014, -4.6608366e-17},
    {"tan", 478341.4907096316, 0.0, -0.6107941640011634, -4.7731847e-17},
    {"tan", -291516.60695120296, 0.0, 2.5733200270330716, 1.9543772e-16},
    {"tan", 0.7853981633974483, 0.0, 0.9999999999999999, 4.9789963e-17},
    {"tan", 1.5707963267948966, 0.0, 1.633123935319537e+16, -0.24403226},
    {"tan", 2.356194490192345, 0.0, -1.0000000000000002, 3.8347585e-17},
    {"tan", 3.141592653589793, 0.0, -1.2246467991473532e-16, 2.9947698e-33},
    {"tan", 5.497787143782138, 0.0, -1.0000000000000004, 1.546283e-17},
    {"tan", 7.853981633974483, 0.0, 3266247870639074.0, -0.048806453},
    {"tan", 1e-300, 0.0, 1e-300, 0},
    {"tan", 1e-09, 0.0, 1e-09, 3.3333333e-28},
    {"atan", -1.3452423839161989, 0.0, -0.9315580822424254, 3.4306484e-17},
    {"atan", -15166.02806542973, 0.0, -1.5707303899527494, -1.0806873e-19},
    {"atan", 0.005711678654129794, 0.0, 0.005711616544128097, -4.0926667e-19},
    {"atan", -0.01331998370158176, 0.0, -0.013319196032865601, 7.0009959e-19},
    {"atan", 0.011526851118260144, 0.0, 0.011526340641263776, 3.3625268e-20},
    {"atan", -18.537778355158345, 0.0, -1.5169046635344232, 9.5574603e-17},
    {"atan", 92740.22503210913, 0.0, 1.5707855439873326, 3.0397072e-17},
    {"atan", 158.96012553719842, 0.0, 1.5645055239587409, -5.1903369e-17},
    {"atan", 2.9201946527056037, 0.0, 1.2408696664056116, -5.9798597e-17},
    {"atan", 0.20118444816500602, 0.0, 0.19853419246802514, -9.1090033e-18},
    {"atan", -0.5646718726235713, 0.0, -0.5140377789368691, 2.7052813e-17},
    {"atan", -1.575980376874276, 0.0, -1.0053764001379804, -7.6647202e-17},
    {"atan", 0.5637613241597812, 0.0, 0.5133471011096926, -3.0846414e-17},
    {"atan", 1.9577730707917596, 0.0, 1.098558443324976, 2.1485041e-17},
    {"atan", -0.2660093910560115, 0.0, -0.2599886523382721, 2.5394226e-17},
    {"atan", -0.46945630853046394, 0.0, -0.4389154738581872, -3.3169374e-18},
    {"atan", 0.41421356237309503, 0.0, 0.39269908169872414, 3.0601321e-18},
    {"atan", 0.4142135623730951, 0.0, 0.3926990816987242, -5.0692877e-18},
    {"atan", 1e-300, 0.0, 1e-300, 0},
    {"atan", 5e-324, 0.0, 5e-324, 0},
    {"atan", 1e+300, 0.0, 1.5707963267948966, 6.123234e-17},
    {"atan", 1e+16, 0.0, 1.5707963267948966, -3.876766e-17},
    {"atan", 1.0, 0.0, 0.7853981633974483, 3.061617e-17},
    {"asinh", 1.691567141032708e-18, 0.0, 1.691567141032708e-18, -8.067082e-55},
    {"asinh", 4.3931288137533464e+16, 0.0, 39.01455035553089, -1.8427124e-15},
    {"asinh", 2.0363329974193589e-19, 0.0, 2.0363329974193589e-19, -1.4073274e-57},
    {"asinh", 0.5527998758534649, 0.0, 0.5279322927487613, -1.8103173e-17},
    {"asinh", 34448573821192.727, 0.0, 31.863635894577218, 1.7232517e-15},
    {"asinh", 1.6706023428525397e-15, 0.0, 1.6706023428525397e-15, -7.7708407e-46},
    {"asinh", 1847468044.0342078, 0.0, 22.03022909432781, 1.7363851e-15},
    {"asinh", 9.816179805499626e+17, 0.0, 42.121125786293256, -1.9087591e-15},
    {"asinh", 3.1519964671319727, 0.0, 1.8654466350894692, 2.7859194e-17},
    {"asinh", 3.940047748901785, 0.0, 2.0800684893454076, 1.9340913e-16},
    {"asinh", 0.5331530484862945, 0.0, 0.5106665429471081, 4.2273582e-19},
    {"asinh", 2.1727759530021857, 0.0, 1.518336981161502, 3.4399214e-17},
    {"asinh", 0.7462267227012892, 0.0, 0.6901258247383822, 2.5511854e-17},
    {"asinh", 4.223669485026814, 0.0, 2.1475796778065996, -1.3783693e-17},
    {"asinh", 1.4740646310598553, 0.0, 1.1802902230277879, 5.7391189e-17},
    {"asinh", 2.265774567499881, 0.0, 1.5565459274341047, 2.8090084e-17},
    {"asinh", 1e+300, 0.0, 691.4686750787737, -3.4959948e-14},
    {"asinh", 1.7e+308, 0.0, 710.4199840737882, -2.7771186e-14},
    {"erfc", 25.981798649806166, 0.0, 1.45971448037476e-295, 5.562522e-312},
    {"erfc", 22.158569443237315, 0.0, 1.4651977703737705e-215, 5.4954853e-232},
    {"erfc", 25.376196813412406, 0.0, 4.809917885540715e-282, -3.1377122e-298},
    {"erfc", 11.792039729382207, 0.0, 1.9439483400855198e-62, -1.0597726e-78},
    {"erfc", 12.692133962436131, 0.0, 4.852211971976813e-72, -2.1713355e-88},
    {"erfc", 18.96713051393821, 0.0, 1.7159163615016952e-158, 7.8819004e-175},
    {"erfc", 12.455103703773943, 0.0, 1.9175919055832335e-69, -5.7057899e-86},
    {"erfc", 7.56658804582135, 0.0, 1.0093437589908818e-26, -6.8653512e-43},
    {"erfc", 1.2113682456730408, 0.0, 0.08668800025474271, -3.1576348e-18},
    {"erfc", 0.4395190875059444, 0.0, 0.5342221174476226, -3.0233758e-17},
    {"erfc", 1.131002243356146, 0.0, 0.1097142751166842, 5.5669563e-18},
    {"erfc", 2.9651631012205444, 0.0, 2.7483591608452193e-05, -1.1595632e-21},
    {"erfc", 2.8794476504488937, 0.0, 4.658038021640072e-05, -2.1839809e-21},
    {"erfc", 1.8808949128645172, 0.0, 0.007814364550351283, -9.6125781e-20},
    {"erfc", 1.4979673519983647, 0.0, 0.03413733517434561, -3.1541623e-18},
    {"erfc", 1.0154362808194821, 0.0, 0.15098988964349327, -1.1875735e-17},
    {"erfc", 0.0, 0.0, 1.0, 0},
    {"erfc", 26.5, 0.0, 2.2109076642637343e-307, 4.9406565e-324},
    {"pow", 2.0475168596661574e-124, 2.1901614507095237, 1.2636260062401827e-271, 6.2206567e-288},
    {"pow", 0.0006116372483139256, 5.629151941726285, 8.141155361447028e-19, 1.4831085e-35},
    {"pow", 1.5650753709270595e+28, -5.376295358888792, 2.6172846070393342e-152, -1.0253086e-168},
    {"pow", 0.005455707597356766, -56.733372390114134, 2.489259169421158e+128, -4.2979526e+111},
    {"pow", 0.005479696572209821, -2.470690639278013, 386218.5434025649, -1.4830749e-11},
    {"pow", 1.0643656688505495e-90, 2.3170863290019503, 3.349671717475465e-209, -3.218652e-226},
    {"pow", 0.31465939315337066, -2.1716049961428077, 12.316622852815822, -5.9854548e-16},
    {"pow", 76499442187.92036, 0.058680161538791964, 4.351658689528081, 2.012274e-16},
    {"pow", 0.0009694646450302739, -2.207537300898828, 4491000.143079544, -1.278582e-10},
    {"pow", 5.187030997445507e-131, -1.965477826115948, 1.181511864708854e+256, 4.608104e+239},
    {"pow", 201.1565857413879, -86.62053143205354, 2.9284553168744597e-200, -1.7804808e-216},
    {"pow", 7466404955.691181, 6.982897570227626, 8.768525933317553e+68, -8.9345687e+52},
    {"pow", 17.273125743554097, 134.9828517511563, 1.0564706178159268e+167, -3.5112625e+150},
    {"pow", 2.6524195481100064e-138, 0.9920336310211124, 3.3084627464174187e-137, 8.8940325e-154},
    {"pow", 0.00039831868353820384, -10.539281737301428, 6.77839272645363e+35, -5.515446e+19},
    {"pow", 2.7902931195337744e-192, 0.5179943097525421, 5.969481390583838e-100, 2.2017798e-116},
    {"pow", 20.354086696937713, -7.3302127139009965, 2.554496175166503e-10, -2.3817115e-26},
    {"pow", 7.177502641947433e+287, -0.668509035495773, 3.678585771737968e-193, -1.9331252e-209},
    {"pow", 0.0001283182244354186, 7.487688205426599, 7.245636061168504e-30, 1.5910708e-46},
    {"pow", 0.032433839764248434, 0.3250479938357167, 0.32809756428901765, 2.5093243e-17},
    {"pow", 1.2549929781178395e+54, -4.194457445381257, 1.2177306338127693e-227, 5.8729884e-244},
    {"pow", 1.0153275204811174e-05, -1.5139880237452275, 36302662.22069789, -1.6877649e-09},
    {"pow", 1.0000000000000002, 1e+18, 2.7086111089766717e+96, 3.9093134e+79},
    {"pow", 0.9999999999999999, 3e+18, 2.2432620897898018e-145, 5.6641351e-162},
    {"pow", 10.0, 22.0, 1e+22, 0},
    {"pow", 10.0, -5.0, 1e-05, -8.1803054e-22},
    {"pow", 10.0, 308.0, 1e+308, -1.0979064e+291},
    {"pow", 2.0, -1074.0, 5e-324, 0},
    {"pow", 0.002, 0.14285714285714285, 0.41155971378360795, -1.516301e-17},
    {"pow", 80.0, 0.14285714285714285, 1.8701222535385968, -4.9314119e-17},
    {"pow", 5e-324, 0.5, 2.2227587494850775e-162, 0},
    {"atan2", -157.90920480037246, 136.49864417237774, -0.8579945110263556, -4.4258532e-17},
    {"atan2", 0.17509668969919456, 97.32409153486294, 0.0017991074770987573, 1.8800714e-20},
    {"atan2", 0.06431239351601642, 1.9934143889885516, 0.032251244047230135, 3.1675042e-18},
    {"atan2", -0.10870258580484637, 1.8677776703012867, -0.0581333137862481, -2.764129e-18},
    {"atan2", 0.12873868271780317, 0.05743160064479672, 1.1511821174505044, -1.4402346e-17},
    {"atan2", -75.49863512111229, 0.3270480473588361, -1.5664645133629203, 1.0142051e-17},
    {"atan2", 0.6380190221484584, 1.6994720167730388, 0.35914050832961647, 1.8176208e-17},
    {"atan2", 2.4163221265451957, 3.7637940724715264, 0.5707244107176921, -3.7013891e-17},
    {"atan2", 4.483935519095192, 642.6603584626316, 0.006977033361387261, -2.3312372e-19},
    {"atan2", 9.331493391710586, 84.60691199298029, 0.10984835191285003, 4.3662604e-18},
    {"atan2", -2.4824018173833036, 0.004441299250432505, -1.56900721494339, -6.9557585e-17},
    {"atan2", -0.08966827255988838, 1.7240174210846555, -0.05196440971104395, -2.185197e-18},
    {"atan2", 0.3891372101187012, 0.1799243008234743, 1.1377055234859417, -4.3573871e-17},
    {"atan2", -0.7541342440825436, 0.9129798916404888, -0.6904031382489209, 1.8126993e-17},
    {"atan2", 584.5673842490772, 0.18996920389914962, 1.5704713528015977, 4.5097854e-17},
    {"atan2", 0.03621995647754004, 3.75716155000586, 0.009639946015738829, -1.6798394e-19},
    {"atan2", 1e-300, 1e-308, 1.5707963167948966, 4.5763174e-19},
    {"atan2", 1e+308, 1.5e+308, 0.5880026035475675, 4.7329029e-17},
    {"atan2", 5e-324, 5e-324, 0.7853981633974483, 3.061617e-17},
    {"atan2", 1.0, 0.0, 1.5707963267948966, 6.123234e-17},
    {"atan2", 0.0, 1.0, 0.0, 0},
    {"atan2", 1e-160, 3e-160, 0.3217505543966422, 7.9173925e-18},
};

typedef struct function {
    const char *name;
    double (*of)(double);
    double ulps; /* allowed */
} function;

static const function functions[] = {
    {"exp", dkp_exp, 0.75},     {"expm1", dkp_expm1, 0.75}, {"log", dkp_log, 0.75},
    {"log1p", dkp_log1p, 0.75}, {"sin", dkp_sin, 0.75},     {"cos", dkp_cos, 0.75},
    {"tan", dkp_tan, 1},        {"atan", dkp_atan, 0.75},   {"asinh", dkp_asinh, 2},
    {"erfc", dkp_erfc, 3.5},
};

/* Distance in units in the last place of the value. */
static double distance(double got, double value, double rest) {
    double ulp = nextafter(fabs(value), HUGE_VAL) - fabs(value);
    return fabs((got - value) - rest) / ulp;
}

static void values_are_right_to_less_than_a_unit_in_the_last_place(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(points); i++) {
        const point *p = &points[i];
        double got = 0, allowed = 0.75;
        for (int k = 0; k < COUNT(functions); k++)
            if (strcmp(functions[k].name, p->function) == 0)
                got = functions[k].of(p->x), allowed = functions[k].ulps;
        if (strcmp(p->function, "pow") == 0) got = dkp_pow(p->x, p->y);
        if (strcmp(p->function, "atan2") == 0) got = dkp_atan2(p->x, p->y);
        if (distance(got, p->value, p->rest) <= allowed) continue;
        print_error("%s(%.17g, %.17g) = %.17g, not %.17g: %.3g units\n", p->function, p->x, p->y, got,
                    p->value, distance(got, p->value, p->rest));
        fail();
    }
}

static int is_nan(double v) { return !(v >= 0 || v < 0); }
static int is(double v, double wanted) { return v >= wanted && v <= wanted; }

static void ends_of_the_range_are_exact(void **state) {
    (void)state;
    const double inf = HUGE_VAL, none = inf - inf;
    for (int k = 0; k < COUNT(functions); k++) assert_true(is_nan(functions[k].of(none)));
    assert_true(is_nan(dkp_pow(none, 2)) && is_nan(dkp_atan2(none, 1)) && is_nan(dkp_atan2(1, none)));

    assert_true(is(dkp_exp(0), 1) && is(dkp_exp(-0.0), 1) && is(dkp_exp(inf), inf) && is(dkp_exp(-inf), 0));
    assert_true(is(dkp_exp(709.79), inf) && is(dkp_exp(-745.2), 0) && is(dkp_exp(1e300), inf));
    assert_true(is(dkp_expm1(0), 0) && is(dkp_expm1(inf), inf) && is(dkp_expm1(-inf), -1));
    assert_true(is(dkp_expm1(-50), -1) && is(dkp_expm1(5e-324), 5e-324) && is(dkp_expm1(-1e-300), -1e-300));
    assert_true(is(dkp_log(1), 0) && is(dkp_log(0), -inf) && is(dkp_log(-0.0), -inf) &&
                is(dkp_log(inf), inf));
    assert_true(is_nan(dkp_log(-1)) && is_nan(dkp_log(-inf)));
    assert_true(is(dkp_log1p(-1), -inf) && is_nan(dkp_log1p(-2)) && is(dkp_log1p(inf), inf) &&
                is(dkp_log1p(0), 0));

    assert_true(is(dkp_pow(0, 2), 0) && is(dkp_pow(0, -2), inf) && is(dkp_pow(0, 0), 1) &&
                is(dkp_pow(inf, 0), 1));
    assert_true(is(dkp_pow(inf, 2), inf) && is(dkp_pow(inf, -2), 0) && is(dkp_pow(1, 1e300), 1));
    assert_true(is(dkp_pow(2, 1024), inf) && is(dkp_pow(2, -1080), 0) && is_nan(dkp_pow(-2, 2)));

    assert_true(is(dkp_sin(0), 0) && is(dkp_cos(0), 1) && is(dkp_tan(0), 0) && is(dkp_sin(1e-300), 1e-300));
    assert_true(is_nan(dkp_sin(inf)) && is_nan(dkp_cos(-inf)) && is_nan(dkp_tan(inf)) &&
                is_nan(dkp_sin(1e6)));

    assert_true(is(dkp_atan2(0, 0), 0) && is(dkp_atan2(1, 0), dkp_pi / 2) &&
                is(dkp_atan2(-1, 0), -dkp_pi / 2));
    assert_true(is(dkp_atan2(inf, inf), dkp_pi / 4) && is(dkp_atan2(1, inf), 0) &&
                is(dkp_atan(-inf), -dkp_pi / 2));
    assert_true(is(dkp_asinh(0), 0) && is(dkp_asinh(inf), inf));
    assert_true(is(dkp_erfc(0), 1) && is(dkp_erfc(inf), 0) && is(dkp_erfc(40), 0));
}

static void whole_powers_of_ten_are_exact(void **state) {
    (void)state;
    double power = 1;
    for (int k = 0; k <= 22; k++, power *= 10) assert_true(is(dkp_pow(10, k), power));
}

/* ------------------------------------------------------------------ distributions, sums, coefficients */

static void beta_quantiles_are_exact(void **state) {
    const double pi = 3.14159265358979323846;
    (void)state;
    for (int i = 1; i < 64; i++) {
        double p = i / 64.0, root = sin(pi / 2 * p);
        check_near(dkp_beta_quantile(p, 0.5, 0.5), root * root, 1e-14, "arcsine law");
        check_near(dkp_beta_quantile(p, 1, 1), p, 1e-14, "uniform");
        check_near(dkp_beta_quantile(p, 3, 1), cbrt(p), 1e-14, "power");
        check_near(dkp_beta_quantile(p, 1, 3), 1 - cbrt(1 - p), 1e-14, "power from above");
        double x = dkp_beta_quantile(p, 0.6, 0.6), all = exp(2 * lgamma(0.6) - lgamma(1.2));
        double part = dkp_beta_integral(x < 0.5 ? x : 1 - x, 0.6, 0.6) / all;
        check_near(x < 0.5 ? part : 1 - part, p, 1e-13, "its own inverse");
        check_near(dkp_beta_quantile(p, 0.6, 0.6) + dkp_beta_quantile(1 - p, 0.6, 0.6), 1, 1e-14, "symmetry");
    }
    check_near(dkp_beta_quantile(0, 0.6, 0.6), 0, 0, "lower end");
    check_near(dkp_beta_quantile(1, 0.6, 0.6), 1, 0, "upper end");
}

static void normal_quantiles_are_exact(void **state) {
    (void)state;
    check_near(dkp_normal_above(0.5), 0, 1e-15, "median");
    check_near(dkp_normal_above(0.025), 1.959963984540054, 1e-14, "2.5 %"); /* any table of the normal */
    check_near(dkp_normal_above(0.975), -1.959963984540054, 1e-14, "97.5 %");
    check_near(dkp_normal_above(1e-12), 7.034483825301131, 1e-12, "far out");
    assert_true(dkp_normal_above(0) >= HUGE_VAL && dkp_normal_above(1) <= -HUGE_VAL);
}

static int by_size(const void *a, const void *b) {
    double x = fabs((double)*(const dk_real *)a), y = fabs((double)*(const dk_real *)b);
    return (x > y) - (x < y);
}

static void quantiles_are_exact(void **state) {
    static dk_real v[3000], sorted[3000];
    (void)state;
    for (size_t n = 1; n < 3000; n += 1 + n / 3)
        for (int kind = 0; kind < 3; kind++) {
            dk_normals(3, n, (uint32_t)kind, 0, n, v);
            for (size_t i = 0; kind == 1 && i < n; i++) v[i] = (dk_real)floor((double)v[i]);
            for (size_t i = 0; kind == 2 && i < n; i++) v[i] = 0;
            memcpy(sorted, v, n * sizeof *v);
            qsort(sorted, n, sizeof *sorted, by_size);
            for (int k = 0; k <= 20; k++) {
                double place = 0.05 * k * (double)(n - 1);
                size_t low = (size_t)place, high = low + 1 < n ? low + 1 : low;
                double a = fabs((double)sorted[low]), b = fabs((double)sorted[high]);
                check_near(dkp_quantile(v, n, 0.05 * k), a + (place - (double)low) * (b - a), 1e-15,
                           "quantile");
            }
        }
}

/* Sums over chunks against one long sum. */
static void norms_are_those_of_the_whole_sample(void **state) {
    static const size_t dims[] = {1, 5, 16, 1024, 1025, 35001, 70002};
    static dk_real v[70002];
    (void)state;
    for (size_t k = 0; k < sizeof dims / sizeof dims[0]; k++) {
        size_t n = dims[k];
        double sum = 0, chunk = (double)dkp_chunk(n);
        for (size_t i = 0; i < n; i++)
            v[i] = (dk_real)((double)(i * 7919 % 1000) / 500 - 1), sum += (double)v[i] * (double)v[i];
        check_near(dkp_dot(v, v, n), sum, 2e-13, "square of the norm");
        assert_true((double)n / chunk <= 64);
    }
}

/* Against the series, summed in long double where it does not cancel; elsewhere against the recursion's identity. */
static void phi_functions_are_their_series(void **state) {
    (void)state;
    for (int k = 0; k <= 4; k++)
        for (double z = -6; z < 12; z += 0.037) {
            long double term = 1, sum = 0;
            for (int i = 1; i <= k; i++) term /= i;
            for (int n = 0; n < 120; n++) sum += term, term *= (long double)z / (n + 1 + k);
            check_near(dkp_phi(k, z) / (double)sum, 1, 1e-14, "phi");
        }
    check_near(dkp_phi(3, 0), 1.0 / 6, 1e-16, "phi_3(0)");
    for (int k = 1; k <= 3; k++) /* the limit of h phi_k(-h) */
        check_near(dkp_h_phi(k, HUGE_VAL, -1), dkp_h_phi(k, 1e14, -1), 1e-12, "phi at infinity");
}

/* Rooted trees, Hairer, Norsett & Wanner, II.2: a tree's stage values are the product of A times its children's, and
   sum b_i of them must be 1/density. Order n has as many conditions as there are trees of order n. */
enum { TREES = 500 };
typedef struct rooted_trees {
    int count, order[TREES];
    double density[TREES], stage[TREES][DK_MAX_STAGES + 1];
} rooted_trees;

static void grow_trees(rooted_trees *t, const dkp_tableau *tableau, int stages, int order, int left, int from,
                       const double *stage, double density) {
    if (!left) {
        assert_true(t->count < TREES);
        t->order[t->count] = order, t->density[t->count] = density * order;
        memcpy(t->stage[t->count++], stage, sizeof t->stage[0]);
        return;
    }
    for (int k = from; k < t->count && t->order[k] <= left; k++) { /* one more child */
        double product[DK_MAX_STAGES + 1];
        for (int i = 0; i <= stages; i++) {
            double sum = 0;
            for (int j = 0; j < i; j++) sum += tableau->a[dkp_row(i) + j] * t->stage[k][j];
            product[i] = stage[i] * sum;
        }
        grow_trees(t, tableau, stages, order, left - t->order[k], k, product, density * t->density[k]);
    }
}

/* The order of the weights in a row; those of an embedded method have one slope more, at the result. */
static int order_of_row(const dkp_tableau *tableau, int row) {
    static rooted_trees t;
    double one[DK_MAX_STAGES + 1];
    t.count = 0;
    for (int i = 0; i <= DK_MAX_STAGES; i++) one[i] = 1;
    for (int order = 1; order <= 9; order++) {
        int first = t.count;
        grow_trees(&t, tableau, row - 1, order, order - 1, 0, one, 1);
        for (int k = first; k < t.count; k++) {
            double sum = 0;
            for (int i = 0; i < row; i++) sum += tableau->a[dkp_row(row) + i] * t.stage[k][i];
            if (fabs(sum - 1 / t.density[k]) > 1e-13) return order - 1;
        }
    }
    return 9;
}

static void tableaux_satisfy_the_order_conditions(void **state) {
    char message[DK_MESSAGE_SIZE] = "";
    dkp_tableau t;
    (void)state;
    for (int i = 0; dk_sampler_at(i); i++) {
        const dk_sampler_info *info = dk_sampler_at(i);
        if (info->record != dk_sampler_named("rk4").record || strcmp(info->name, "edm_churn") == 0) continue;
        assert_int_equal(dkp_parse_tableau(info->tableau, &t, message), DK_OK);
        if (order_of_row(&t, t.stages) != info->order)
            fail_msg("%s has order %d", info->name, order_of_row(&t, t.stages));
        if (t.embedded && order_of_row(&t, t.stages + 1) != info->order - 1)
            fail_msg("%s embeds order %d", info->name, order_of_row(&t, t.stages + 1));
    }
}

/* Bogacki & Shampine 1989: the embedded second order method, whose last weight is of the slope at the end. */
static void a_tableau_may_embed_a_method_of_lower_order(void **state) {
    static const double want[4] = {7.0 / 24, 0.25, 1.0 / 3, 0.125};
    char message[DK_MESSAGE_SIZE] = "";
    dkp_tableau t;
    (void)state;
    for (int i = 0; dk_sampler_at(i); i++) {
        const char *text = dk_sampler_at(i)->tableau;
        if (!text) continue;
        if (dkp_parse_tableau(text, &t, message) != DK_OK) fail_msg("%s", message);
        for (int row = t.stages; row <= t.stages + t.embedded; row++) { /* consistent: both sum to 1 */
            double sum = 0;
            for (int j = 0; j < row; j++) sum += t.a[dkp_row(row) + j];
            check_near(sum, 1, 1e-14, dk_sampler_at(i)->name);
        }
        if (strcmp(dk_sampler_at(i)->name, "bogacki_shampine") == 0)
            for (int j = 0; j < 4; j++) check_near(t.a[dkp_row(4) + j], want[j], 1e-16, "embedded");
    }
}

/* ------------------------------------------------------------------------------ numbers as text */

static uint64_t next_bits(void) {
    static uint64_t state = 88172645463325252u;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

static double read_number(const char *text) {
    double v = 0;
    const char *at = text;
    if (!dkp_read_real(&at, &v) || *at) return HUGE_VAL;
    return v;
}

static int same(double a, double b) { return a >= b && a <= b; }

static const char *written(double v, int digits) {
    static char text[64];
    dkp_text t = {text, sizeof text, 0};
    if (digits) dkp_put_digits(&t, v, digits, digits);
    else dkp_put_exact(&t, v);
    return text;
}

/* 200,000 numbers of each range. What is written is read back bit for bit, here and by the C library, and so is what
   others write with 17 digits. */
static void numbers_come_back_from_their_text(void **state) {
    (void)state;
    for (int range = 0; range < 4; range++)
        for (int i = 0; i < 200000; i++) {
            uint64_t bits = next_bits();
            double unit = (double)(bits >> 11) / 9007199254740992.0, v = dkp_double(bits); /* any exponent */
            char text[64];
            if (range == 0) v = 1 + 9 * unit;
            if (range == 1) v = 1e-5 + unit * (1 - 1e-5);
            if (range == 2) v = dkp_double(bits & 0x800FFFFFFFFFFFFFu); /* below the least normal number */
            if (!dkp_finite(v) || (range > 1 && i >= 20000)) continue;
            const char *own = written(v, 0);
            if (!same(read_number(own), v) || !same(strtod(own, NULL), v)) fail_msg("%.17g is written as %s", v, own);
            snprintf(text, sizeof text, "%.*e", i % 3 ? 16 : 13 + i % 10, v);
            if (!same(read_number(text), strtod(text, NULL))) fail_msg("%s is read as %.17g", text, read_number(text));
        }
}

static void numbers_are_read_to_the_nearest_whatever_their_digits(void **state) {
    static const char *const hard[] = {"9007199254740993",
                                       "2.2250738585072011e-308",
                                       "4.9406564584124654e-324",
                                       "2.4703282292062327e-324",
                                       "2.4703282292062328e-324",
                                       "1.7976931348623158e308",
                                       "1e23",
                                       "8.5e22",
                                       "1.2345678901234567e-300",
                                       "1e-400",
                                       "0e999999999",
                                       "123456789012345678901234567890",
                                       "1.00000000000000011102230246251565404236316680908203125", /* 1 + 2^-53 */
                                       "1.000000000000000111022302462515654042363166809082031250",
                                       "1.0000000000000001110223024625156540423631668090820312500001",
                                       "1.00000000000000033306690738754696212708950042724609375", /* 1 + 3 2^-53 */
                                       "9007199254740992.99999999999999999999999999999999999999999999999"};
    char text[1000];
    (void)state;
    for (int i = 0; i < COUNT(hard); i++)
        if (!same(read_number(hard[i]), strtod(hard[i], NULL))) fail_msg("%s", hard[i]);
    assert_true(read_number("1.7976931348623159e308") > 1.7976931348623157e308);
    assert_true(read_number("1e99999999999") > 1.7976931348623157e308);
    for (int zeros = 300; zeros < 900; zeros += 100) { /* 1.5, and the least number, behind and before many zeros */
        snprintf(text, sizeof text, "15%0*de-%d", zeros, 0, zeros + 1);
        assert_true(same(read_number(text), 1.5));
        snprintf(text, sizeof text, "0.%0*d15e%d", zeros, 0, zeros + 1);
        assert_true(same(read_number(text), 1.5));
        snprintf(text, sizeof text, "0.%0*d5", zeros, 0);
        assert_true(same(read_number(text), strtod(text, NULL)));
    }
}

static void numbers_are_written_as_by_printf_but_for_the_exponent(void **state) {
    static const struct {
        double v;
        const char *six, *exact;
    } rows[] = {{1, "1", "1"},
                {0.1, "0.1", "0.1"},
                {-2.5, "-2.5", "-2.5"},
                {9.999999999999998, "10", "9.999999999999998"},
                {999.9999999999999, "1000", "999.9999999999999"},
                {0.0099, "0.0099", "0.0099"},
                {1e-4, "0.0001", "0.0001"},
                {1e-5, "1e-5", "1e-5"},
                {123456.7, "123457", "123456.7"},
                {1234567.8, "1.23457e6", "1234567.8"},
                {99999.96, "100000", "99999.96"},
                {999999.6, "1e6", "999999.6"},
                {0.30000000000000004, "0.3", "0.30000000000000004"},
                {123456789012345, "123456789012345", "123456789012345"},
                {1e15, "1e15", "1000000000000000"},
                {1e16, "1e16", "1e16"},
                {1e22, "1e22", "1e22"},
                {2.5e-308, "2.5e-308", "2.5e-308"},
                {4.9406564584124654e-324, "4.94066e-324", "5e-324"},
                {1.7976931348623157e308, "1.79769e308", "1.7976931348623157e308"}};
    (void)state;
    for (int i = 0; i < COUNT(rows); i++) {
        assert_string_equal(written(rows[i].v, 6), rows[i].six);
        assert_string_equal(written(rows[i].v, 0), rows[i].exact);
    }
    assert_string_equal(written(-HUGE_VAL, 0), "-inf");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_right_to_less_than_a_unit_in_the_last_place),
        cmocka_unit_test(ends_of_the_range_are_exact),
        cmocka_unit_test(whole_powers_of_ten_are_exact),
        cmocka_unit_test(beta_quantiles_are_exact),
        cmocka_unit_test(normal_quantiles_are_exact),
        cmocka_unit_test(quantiles_are_exact),
        cmocka_unit_test(norms_are_those_of_the_whole_sample),
        cmocka_unit_test(phi_functions_are_their_series),
        cmocka_unit_test(tableaux_satisfy_the_order_conditions),
        cmocka_unit_test(a_tableau_may_embed_a_method_of_lower_order),
        cmocka_unit_test(numbers_come_back_from_their_text),
        cmocka_unit_test(numbers_are_read_to_the_nearest_whatever_their_digits),
        cmocka_unit_test(numbers_are_written_as_by_printf_but_for_the_exponent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
