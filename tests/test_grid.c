/* Time grids against what other implementations compute, image to image, shifts, and the algebra on lists. */
#include "check.h"
#include "examples/gits.h"
#include "examples/levels.h"

/* Relative: levels go down to 1e-4 and below. */
static void check_close(double got, double want) {
    if (fabs(got - want) <= 1e-9 * fabs(want)) return;
    print_error("got %.17g, want %.17g\n", got, want);
    fail();
}

static void check_list(const double *got, const double *want, int n) {
    for (int i = 0; i < n; i++) check_close(got[i], want[i]);
}

/* ------------------------------------------------------------------ against peers, in double; n = 10 unless
   the row says otherwise */

static const double peers_levels[][24] = {
    // clang-format off
    /* sched/comfyui/simple_sd/n10 */
    {14.614641229333635, 8.302803191053334, 5.0877631826786605, 3.3210831298465724, 2.276463065764657,
     1.6128861943038755, 1.1605783219528751, 0.8298595281753965, 0.5692848883499535, 0.3416738322812819, 0},
    /* sched/comfyui/simple_flow_shift3/n10 */
    {1.0, 0.9642857142857144, 0.9230769230769231, 0.8749999999999999, 0.818181818181818, 0.75,
     0.6666666666666667, 0.5624999999999999, 0.42857142857142866, 0.25000000000000006, 0},
    /* sched/comfyui/simple_flux_mu1.15/n10 */
    {1.0, 0.9660138334017977, 0.9266473446120875, 0.8805130785985252, 0.8257016621505007,
     0.7595109169491111, 0.6779867152174471, 0.5751029440498809, 0.4411997482513561, 0.25975841419433054,
     0},
    /* sched/comfyui/normal_sd/n10 */
    {14.614641229333637, 7.839882872819805, 4.609174133893038, 2.918307115426828, 1.9501614706273918,
     1.3449277833514823, 0.9323579668348472, 0.6249769180115955, 0.36865774541485086, 0.029167158151720367,
     0},
    /* sched/comfyui/normal_flow_shift3/n10 */
    {1.0, 0.9601293103448277, 0.9133489461358314, 0.8576923076923076, 0.7903682719546743,
     0.7072784810126582, 0.6021505376344087, 0.4648760330578513, 0.27804878048780485, 0.00892857142857143,
     0},
    /* sched/comfyui/normal_flux_mu1.15/n10 */
    {1.0, 0.9619403146377873, 0.9170686350953462, 0.8633763758356723, 0.7979792083486961,
     0.7165813936721228, 0.6124921272305246, 0.4746859993879758, 0.28361441703965984,
     0.0009965239467096354, 0},
    /* sched/comfyui/sgm_uniform_sd/n10 */
    {14.614641229333637, 8.307172173464526, 5.092407590665677, 3.3250691492274718, 2.2797302952441263,
     1.6155802601603269, 1.1628645340851462, 0.8318836933737801, 0.5711888666489996, 0.3437048175085523, 0},
    /* sched/comfyui/sgm_uniform_flow_shift3/n10 */
    {1.0, 0.9644002565747273, 0.923342541436464, 0.8754674644727002, 0.8189233278955955,
     0.7511210762331838, 0.6683266932270916, 0.56494960806271, 0.43222506393861887, 0.2555886736214605, 0},
    /* sched/comfyui/sgm_uniform_flux_mu1.15/n10 */
    {1.0, 0.9660253514235713, 0.9266741710843367, 0.880560532040298, 0.8257773905029787,
     0.7596262445216271, 0.6781590149595706, 0.5753600589603848, 0.4415888305228623, 0.2603652469556271, 0},
    /* sched/comfyui/ddim_uniform_sd/n10 */
    {8.390684770218577, 5.134431117517535, 3.347763580661592, 2.292853821788702, 1.6236920815158624,
     1.1682159550479783, 0.8356528080331492, 0.5740502594628524, 0.34618670638077037, 0.04131441199678309,
     0},
    /* sched/comfyui/ddim_uniform_flow_shift3/n10 */
    {0.9650499286733237, 0.923963133640553, 0.8760399334442596, 0.8194192377495464, 0.7514970059880239,
     0.6685144124168514, 0.5648379052369077, 0.4316239316239317, 0.2541528239202658, 0.00597609561752988,
     0},
    /* sched/comfyui/ddim_uniform_flux_mu1.15/n10 */
    {0.966086780716345, 0.9267322962176376, 0.8806132611820954, 0.8258215716200888, 0.7596570098861288,
     0.6781686070221977, 0.5753356064705268, 0.44150783352673534, 0.2601855602838143,
     0.0006313660599871367, 0},
    /* sched/comfyui/beta_sd_a0.6_b0.6/n10 */
    {14.614641229333635, 11.542770829724667, 7.371844096529511, 4.372801734060234, 2.6152358253967742,
     1.6182788260186163, 1.0273293400782553, 0.6548853595568943, 0.39550969342690917, 0.1990586286735258,
     0},
    /* sched/comfyui/beta_sd_a0.5_b0.7/n10 */
    {14.614641229333635, 9.187611364893668, 4.884475473209103, 2.694615151981512, 1.6128861943038755,
     1.0239253267639539, 0.6649985107623091, 0.42684073112764676, 0.2555727281586715, 0.12336606788021852,
     0},
    /* sched/comfyui/beta_sd_a1.5_b2.0/n10 */
    {14.614641229333635, 4.242217703910076, 2.7458072449990154, 2.0049667972719725, 1.5394912409876516,
     1.2150670074480716, 0.9642583904059001, 0.759669955694588, 0.5764381349729643, 0.39550969342690917, 0},
    /* sched/comfyui/beta_flow_shift3_a0.6_b0.6/n10 */
    {1.0, 0.9863013698630136, 0.9553376906318084, 0.9075829383886256, 0.8409490333919157,
     0.7507492507492509, 0.630938586326767, 0.47959183673469385, 0.2980769230769231, 0.11367837338262476,
     0},
    /* sched/comfyui/beta_flow_shift3_a0.5_b0.7/n10 */
    {1.0, 0.9714587737843552, 0.9190549961270335, 0.8455497382198954, 0.75, 0.6299303944315544,
     0.4851150202976996, 0.32445141065830724, 0.16785079928952043, 0.049323017408123795, 0},
    /* sched/comfyui/beta_flow_shift3_a1.5_b2.0/n10 */
    {1.0, 0.9042891183478953, 0.8483927019982624, 0.795112781954887, 0.7393509127789046,
     0.6794310722100657, 0.6113744075829384, 0.5322580645161291, 0.4331436699857752, 0.2980769230769231, 0},
    /* sched/comfyui/beta_flux_mu1.15_a0.6_b0.6/n10 */
    {1.0, 0.9871124310590341, 0.957517427722163, 0.9118038078178803, 0.8473109771592339,
     0.7595839709993754, 0.6426232638911958, 0.4911751069286876, 0.3069701336756488, 0.11548543646378553,
     0},
    /* sched/comfyui/beta_flux_mu1.15_a0.5_b0.7/n10 */
    {1.0, 0.9727786036994001, 0.9226240516279637, 0.8521422223537168, 0.7591454190797681,
     0.6409309411838591, 0.49726981163295214, 0.3345006822899415, 0.1729450327267807, 0.04795861672104489,
     0},
    /* sched/comfyui/beta_flux_mu1.15_a1.5_b2.0/n10 */
    {1.0, 0.9085091065831271, 0.8547754392932964, 0.8031003593536369, 0.7491314474497495,
     0.690254519646342, 0.6234077357150919, 0.5441560910162457, 0.4450375117327426, 0.30736443229443833, 0},
    /* sched/comfyui/kl_optimal_flow_shift3/n10 */
    {0.9999999999999999, 0.8396666833974927, 0.7011995415162096, 0.578681704813028, 0.4679286771897992,
     0.3658550612979597, 0.2700896485649903, 0.17872904150093782, 0.09017100100643638,
     0.0029940119760479044, 0},
    /* sched/comfyui/exponential_flow_shift3/n10 */
    {1.0, 0.5243046698826102, 0.27489538686071285, 0.14412893506025848, 0.07556747371730096,
     0.0396203793612123, 0.020773149921604204, 0.010891459512068656, 0.005710443084014973,
     0.0029940119760479057, 0},
    /* sched/comfyui/karras_flow_shift3/n10 */
    {1.0, 0.6356976139317455, 0.39163473809187554, 0.23273677891594388, 0.13264353477708068,
     0.07197276385022423, 0.036831667025476224, 0.01755715194357502, 0.007665744226478335,
     0.002994011976047908, 0},
    /* sched/comfyui/kl_optimal_sd/n10 */
    {14.614641229333659, 4.2323504945268535, 2.3937188875826663, 1.5970661830907058, 1.1329968677650513,
     0.8152445256396536, 0.5729142286847422, 0.3724841828525284, 0.19528834601202302, 0.029167158151720367,
     0},
    /* sched/k-diffusion/polyexponential_0.0292_14.61_rho0.5/n10 */
    {14.614641229333632, 10.241855178960574, 7.014179088448284, 4.670338627123724, 3.00107134277093,
     1.840023958135595, 1.056035866178914, 0.5465581485731958, 0.23166413142714898, 0.029167158151720367,
     0},
    /* sched/k-diffusion/polyexponential_0.0292_14.61_rho2/n10 */
    {14.614641229333632, 3.9640920429929554, 1.2536126092377307, 0.46221818090783373, 0.19869857235888388,
     0.09958788745809637, 0.058194553900454846, 0.039648085143682094, 0.03149387806610004,
     0.029167158151720367, 0},
    /* sched/comfyui/laplace_mu0.5_b1/n10 */
    {14.614641229333635, 7.418911867116557, 3.709539394438914, 2.473044810378037, 1.8547905631438089,
     1.4655465056128207, 1.0991640010127925, 0.7327814964127644, 0.3663989918127356, 0.029167158151720367},
    /* sched/comfyui/linear_quadratic_sd_t0.05_l3/n10 */
    {14.614641229333635, 14.371063875511407, 14.127486521689182, 13.883909167866953, 13.391783493817965,
     12.402561179315448, 10.91624222435941, 8.932826628949845, 6.452314393086753, 3.4747055167701375, 0},
    /* sched/comfyui/linear_quadratic_flow_shift3/n10 */
    {1.0, 0.995, 0.99, 0.985, 0.98, 0.9750000000000001, 0.9320000000000002, 0.8130000000000002,
     0.6180000000000001, 0.3470000000000002, 0},
    /* sched/k-diffusion/vp_alt/n10 */
    {13.426549887262595, 7.85548775283169, 4.845979175469272, 3.1286910456412276, 2.089391292008746,
     1.4183391113740629, 0.9528347021453689, 0.6034127916656984, 0.31742568263135046, 0.050031266282147865,
     0},
    /* sched/edm/vp_alt/n10 */
    {60.0, 25.908188050377394, 12.291274040704659, 6.378919927677221, 3.5847289281368337,
     2.139149735276308, 1.311614172894095, 0.779930726941878, 0.39019942205607183, 0.019999999999998897, 0},
    /* sched/edm/ve/n10 */
    {100.0, 38.815334473564285, 15.066301902946678, 5.848035476425733, 2.2699345303073466,
     0.8810826802697266, 0.3419951893353395, 0.1327465766240114, 0.05152602771881635, 0.02, 0},
    /* sched/edm/iddpm/n10 */
    {80.20370184547417, 5.376378290812824, 2.6948493515023406, 1.7194722462178302, 1.1915957757109217,
     0.8416009061530327, 0.583421981105102, 0.3725818812975453, 0.18716728526412152, 0.006425412771141183,
     0},
    /* sched/edm/iddpm_alt/n10 */
    {58.32727281909935, 5.239986833079053, 2.669310999479582, 1.7072053399087195, 1.1878312610386466,
     0.8416009061530327, 0.5855132779821348, 0.3743586941475332, 0.19040230542757083, 0.011765978826564981,
     0},
    /* sched/comfyui/sd_turbo_d0.65/n10 */
    {2.276463065764657, 1.6128861943038755, 1.1605783219528751, 0.8298595281753965, 0.5692848883499535,
     0.3416738322812819, 0},
    /* sched/a1111/align_your_steps_SDXL/n10 */
    {14.614999999999998, 5.963396800117911, 3.3389652203108344, 1.8550457107375453, 1.1023263337213578,
     0.6749585587872442, 0.4311417287529157, 0.26062056883255286, 0.12251938913552467, 0.02900000000000001,
     0},
    /* sched/comfyui/align_your_steps_SD1/n10 */
    {14.6146412293, 6.4745760956, 3.8636745985, 2.694615152, 1.8841921177, 1.3943805092, 0.9642583904,
     0.6523686016, 0.3977456272, 0.1515232662, 0},
    /* sched/comfyui/optimal_steps_Wan/n10 */
    {1.0, 0.9950000000000001, 0.9910000000000001, 0.9870000000000001, 0.9800000000000001,
     0.9730000000000001, 0.9600000000000001, 0.927, 0.864, 0.539, 0},
    /* sched/comfyui/optimal_steps_Chroma/n10 */
    {0.9920000000000001, 0.9820000000000001, 0.9610000000000001, 0.917, 0.832, 0.69, 0.501, 0.311,
     0.16900000000000004, 0.084, 0},
    /* sched/data/gits/1.20/row8 */
    {14.61464119, 5.85520077, 2.84484982, 1.67050016, 1.08895338, 0.74807048, 0.50118381, 0.32104823,
     0.19894916, 0.09824532, 0.02916753},
    /* sched/data/gits/0.80/row0 */
    {14.61464119, 7.49001646, 0.02916753},
    /* sched/comfyui/gits_0.8/n16 */
    {14.61464119, 13.76078796, 12.96784878, 12.2308979, 11.54541874, 10.90732002, 10.31284904, 9.24142551,
     8.75849152, 8.30717278, 7.49001646, 6.14220476, 4.86714602, 3.1956799, 1.98035145, 0.86115354, 0.02916753},
    /* sched/data/gits/0.80/row15 */
    {14.61464119, 13.76078796, 12.96784878, 12.2308979, 11.54541874, 10.90732002, 10.31284904, 9.75859547,
     9.24142551, 8.75849152, 8.30717278, 7.49001646, 6.14220476, 4.86714602, 3.1956799, 1.98035145,
     0.86115354, 0.02916753},
    /* sched/data/gits/1.50/row18 */
    {14.61464119, 2.45070267, 1.41535246, 0.95350921, 0.72133851, 0.57119018, 0.4783645, 0.43325692,
     0.38853383, 0.36617002, 0.34370604, 0.32104823, 0.29807833, 0.27464288, 0.25053367, 0.22545385,
     0.19894916, 0.17026083, 0.13792117, 0.09824532, 0.02916753},
    /* sched/dpm-solver/time_uniform_vp_linear/n10 */
    {152.16697028394637, 58.88028701551522, 25.148852404503796, 11.837821352312574, 6.11166250604724,
     3.4222447625721584, 2.03442934017245, 1.238501291712808, 0.7238067666812986, 0.3432633457532453,
     0.010485992786703322},
    // clang-format on
};

/* One grid against the next of the rows above. */
static int peers_row;
static void check_next(dk_config c, int n) {
    double got[64];
    c.prediction = DK_PREDICT_X0, c.dim = 1;
    int count = dk_levels(&c, c.schedule.family == DK_FAMILY_FLOW ? DK_UNIT_FLOW : DK_UNIT_SIGMA, got, 64);
    assert_string_equal(dk_message(&c), "");
    assert_int_equal(count, n);
    for (int i = 0; i < n; i++) check_close(got[i], peers_levels[peers_row][i]);
    peers_row++;
}

static dk_config grid_config(dk_schedule schedule, const char *grid, int steps) {
    dk_config c;
    memset(&c, 0, sizeof c);
    c.schedule = schedule, c.grid = dk_grid_named(grid), c.steps = steps;
    c.prediction = DK_PREDICT_X0, c.dim = 1;
    return c;
}

static void grids_are_the_peers(void **state) {
    dk_config c;
    (void)state;
    peers_row = 0;
    c = grid_config(dk_vp_scaled_linear(), "simple", 10);
    check_next(c, 11);
    c = grid_config(check_flow_table(3, 1000), "simple", 10);
    check_next(c, 11);
    c = grid_config(check_flow_table(exp(1.15), 10000), "simple", 10);
    check_next(c, 11);
    c = grid_config(dk_vp_scaled_linear(), "normal", 10);
    check_next(c, 11);
    c = grid_config(check_flow_table(3, 1000), "normal", 10);
    check_next(c, 11);
    c = grid_config(check_flow_table(exp(1.15), 10000), "normal", 10);
    check_next(c, 11);
    c = grid_config(dk_vp_scaled_linear(), "sgm_uniform", 10);
    check_next(c, 11);
    c = grid_config(check_flow_table(3, 1000), "sgm_uniform", 10);
    check_next(c, 11);
    c = grid_config(check_flow_table(exp(1.15), 10000), "sgm_uniform", 10);
    check_next(c, 11);
    c = grid_config(dk_vp_scaled_linear(), "ddim_uniform", 10);
    check_next(c, 11);
    c = grid_config(check_flow_table(3, 1000), "ddim_uniform", 10);
    check_next(c, 11);
    c = grid_config(check_flow_table(exp(1.15), 10000), "ddim_uniform", 10);
    check_next(c, 11);
    c = grid_config(dk_vp_scaled_linear(), "beta", 10);
    c.grid.a = 0.6, c.grid.b = 0.6;
    check_next(c, 11);
    c = grid_config(dk_vp_scaled_linear(), "beta", 10);
    c.grid.a = 0.5, c.grid.b = 0.7;
    check_next(c, 11);
    c = grid_config(dk_vp_scaled_linear(), "beta", 10);
    c.grid.a = 1.5, c.grid.b = 2.0;
    check_next(c, 11);
    c = grid_config(check_flow_table(3, 1000), "beta", 10);
    c.grid.a = 0.6, c.grid.b = 0.6;
    check_next(c, 11);
    c = grid_config(check_flow_table(3, 1000), "beta", 10);
    c.grid.a = 0.5, c.grid.b = 0.7;
    check_next(c, 11);
    c = grid_config(check_flow_table(3, 1000), "beta", 10);
    c.grid.a = 1.5, c.grid.b = 2.0;
    check_next(c, 11);
    c = grid_config(check_flow_table(exp(1.15), 10000), "beta", 10);
    c.grid.a = 0.6, c.grid.b = 0.6;
    check_next(c, 11);
    c = grid_config(check_flow_table(exp(1.15), 10000), "beta", 10);
    c.grid.a = 0.5, c.grid.b = 0.7;
    check_next(c, 11);
    c = grid_config(check_flow_table(exp(1.15), 10000), "beta", 10);
    c.grid.a = 1.5, c.grid.b = 2.0;
    check_next(c, 11);
    c = grid_config(check_flow_table(3, 1000), "kl_optimal", 10);
    check_next(c, 11);
    c = grid_config(check_flow_table(3, 1000), "exponential", 10);
    check_next(c, 11);
    c = grid_config(check_flow_table(3, 1000), "karras", 10);
    check_next(c, 11);
    c = grid_config(dk_vp_scaled_linear(), "kl_optimal", 10);
    check_next(c, 11);
    c = grid_config(dk_edm(0.029167158151720367, 14.614641229333635), "polyexponential", 10);
    c.grid.a = 0.5;
    check_next(c, 11);
    c = grid_config(dk_edm(0.029167158151720367, 14.614641229333635), "polyexponential", 10);
    c.grid.a = 2;
    check_next(c, 11);
    c = grid_config(dk_edm(0.029167158151720367, 14.614641229333635), "laplace", 9);
    c.grid.a = 0.5, c.grid.b = 1, c.grid.final = DK_FINAL_MIN;
    check_next(c, 10);
    c = grid_config(dk_vp_scaled_linear(), "linear_quadratic", 10);
    c.grid.a = 0.05, c.grid.n = 3;
    check_next(c, 11);
    c = grid_config(check_flow_table(3, 1000), "linear_quadratic", 10);
    check_next(c, 11);
    c = grid_config(dk_edm(0.002, 80), "vp", 10);
    c.grid = check_vp_grid(10, 0.2, 0.01);
    check_next(c, 11);
    c = grid_config(dk_edm(0.02, 60), "vp", 10);
    check_next(c, 11);
    c = grid_config(dk_edm(0.02, 100), "exponential", 10);
    check_next(c, 11);
    c = grid_config(dk_edm(0.002, 81), "iddpm", 10);
    check_next(c, 11);
    c = grid_config(dk_edm(0.01, 60), "iddpm", 10);
    check_next(c, 11);
    c = grid_config(dk_vp_scaled_linear(), "sd_turbo", 10);
    c.grid.a = 4;
    check_next(c, 7);
    c = grid_config(dk_edm(0.002, 80), "ays_sdxl_paper", 10);
    check_next(c, 11);
    c = grid_config(dk_edm(0.002, 80), "ays_sd1", 10);
    check_next(c, 11);
    c = grid_config(dk_flow(1), "oss_wan", 10);
    check_next(c, 11);
    c = grid_config(dk_flow(1), "oss_chroma", 10);
    check_next(c, 11);
    c = grid_config(dk_edm(0.002, 80), "gits", 10);
    c.grid.a = 1.2, c.grid.final = DK_FINAL_MIN;
    check_next(c, 11);
    c = grid_config(dk_edm(0.002, 80), "gits", 2);
    c.grid.fn = gits, c.grid.a = 0.8, c.grid.final = DK_FINAL_MIN;
    check_next(c, 3);
    c = grid_config(dk_edm(0.002, 80), "gits", 16);
    c.grid.fn = gits, c.grid.a = 0.8, c.grid.final = DK_FINAL_MIN;
    check_next(c, 17);
    c = grid_config(dk_edm(0.002, 80), "gits", 17);
    c.grid.fn = gits, c.grid.a = 0.8, c.grid.final = DK_FINAL_MIN;
    check_next(c, 18);
    c = grid_config(dk_edm(0.002, 80), "gits", 20);
    c.grid.fn = gits, c.grid.a = 1.5, c.grid.final = DK_FINAL_MIN;
    check_next(c, 21);
    c = grid_config(dk_vp(0.1, 20), "uniform", 10);
    c.grid.final = DK_FINAL_MIN;
    check_next(c, 11);
    assert_int_equal(peers_row, sizeof peers_levels / sizeof peers_levels[0]);
}

/* Coefficient 1.20 is the library's own grid, for any number of steps. */
static void published_lists_are_those_of_the_example(void **state) {
    (void)state;
    for (int steps = 1; steps < 50; steps++) {
        double got[64], want[64];
        dk_config own = grid_config(dk_edm(0.002, 80), "gits", steps), c = own;
        c.grid.fn = gits, c.grid.a = 1.2;
        int n = dk_levels(&own, DK_UNIT_SIGMA, got, 64);
        assert_true(n > steps);
        assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, want, 64), n);
        for (int i = 0; i < n; i++) check_close(got[i], want[i]);
    }
}

/* ------------------------------------------------------------------ distributions and curves */

static void repeated_timesteps_are_taken_once(void **state) {
    double got[512];
    dk_config c = grid_config(dk_vp_scaled_linear(), "beta", 400), again;
    (void)state;
    int n = dk_levels(&c, DK_UNIT_T, got, 512);
    assert_true(n > 100 && n < 400);
    for (int i = 1; i < n; i++) assert_true(got[i] < got[i - 1]);
    assert_int_equal(dk_resolve(&c), DK_OK);
    assert_int_equal(c.steps, n - 1);
    again = c;
    assert_int_equal(dk_resolve(&again), DK_OK); /* resolving twice is resolving once */
    assert_int_equal(again.steps, n - 1);
    assert_int_equal(again.grid.full_steps, 400);
}

/* round((T-1) (3 v^2 - 2 v^3)), v = 1 - i/4; every 12th or 13th of LCM's 19, 39 .. 999. */
static void timesteps_follow_their_formulas(void **state) {
    static const double smooth[] = {999, 843, 500, 156, -1}, lcm[] = {999, 759, 499, 259, -1};
    double got[8];
    dk_config c = grid_config(dk_vp_scaled_linear(), "smoothstep", 4);
    (void)state;
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 8), 5);
    check_list(got, smooth, 5);
    c.grid = dk_grid_named("lcm");
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 8), 5);
    check_list(got, lcm, 5);
    c.grid = dk_grid_named("ays_sd1_timesteps"), c.steps = 10;
    static const double ays[] = {999, 850, 736, 645, 545, 455, 343, 233, 124, 24, -1};
    double eleven[11];
    assert_int_equal(dk_levels(&c, DK_UNIT_T, eleven, 11), 11);
    check_list(eleven, ays, 11);
}

/* From the definitions: two arctangents meet half-way; quantiles of the logit. */
static void curves_follow_their_formulas(void **state) {
    static const double bong[] = {1.0, 0.9320355762164713, 0.8043062727289672, 0.5, 0.13226143461338505, 0};
    static const double logit[] = {1, 0.9203851645496143, 0.75, 0.43773311785792657, 0};
    double got[8];
    dk_config c = grid_config(dk_flow(1), "bong_tangent", 5);
    (void)state;
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 6);
    check_list(got, bong, 6);
    c.grid = dk_grid_named("logit_normal"), c.steps = 4;
    c.grid.a = log(3), c.grid.b = 2;
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 5);
    check_list(got, logit, 5);
}

/* F5-TTS: v + s (cos(pi v/2) - 1 + v), v = i/8, s = -1 and 0.5; CosyVoice: 1 - cos(pi v/2). Both count from noise to data. */
static void sway_follows_f5_and_cosyvoice(void **state) {
    static const double cosine[] = {0.0, 0.01921471959676957, 0.07612046748871337, 0.16853038769745465, 0.2928932188134523, 0.4444297669803978, 0.6173165676349102, 0.8049096779838717, 0.9999999999999999};
    static const double half[] = {0.0, 0.17789264020161522, 0.3369397662556433, 0.4782348061512727, 0.6035533905932738, 0.7152851165098011, 0.8163417161825449, 0.9100451610080642, 1.0};
    dk_config c = grid_config(dk_flow(1), "sway", 8);
    double got[10];
    (void)state;
    assert_int_equal(dk_levels(&c, DK_UNIT_DATA, got, 10), 9);
    check_list(got, cosine, 9);
    c.grid.a = 0.5;
    assert_int_equal(dk_levels(&c, DK_UNIT_DATA, got, 10), 9);
    check_list(got, half, 9);
}

/* Ideogram 4: t = 1 - expit(mu + 1.5 ndtri(v)), v = 0 .. 1, within 1/(1 + e^9) of 0, then 0; mu = 0.5 log(pixels/512^2). A shift
   of sqrt(pixels/512^2) is the same. */
static void logit_normal_levels_follow_the_resolution(void **state) {
    static const double levels[] = {0.9998766054240138, 0.8951330093603908, 0.792364624196315, 0.6666666666666666, 0.5117618876328129, 0.3190838676668326, 0.0};
    double got[8], shifted[8];
    dk_config c = grid_config(dk_flow(1), "logit_normal", 6);
    (void)state;
    c.grid.a = log(2), c.grid.b = 1.5, c.grid.sigma_max = 1 - 1 / (1 + exp(9)); /* 1024 x 1024 pixels */
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 7);
    check_list(got, levels, 7);
    c.grid.a = 0, c.grid.shift = 2;
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, shifted, 8), 7);
    check_list(shifted + 1, levels + 1, 6); /* the cut is not shifted there */
}

/* LTX-2's own scheduler: e^mu/(e^mu + 1/s - 1) for s linear, mu = 2.05 at 4096 tokens, then 1 - (1 - t)/scale so that the last
   but one is 0.1. */
static void ltx2_levels_follow_its_scheduler(void **state) {
    static const double levels[] = {1.0, 0.9174416810018926, 0.7907201396137771, 0.5714599694340898, 0.09999999999999987, 0.0};
    double got[8];
    dk_config c = grid_config(dk_flow(1), "uniform", 5);
    (void)state;
    c.grid.shift = exp(dk_shift_mu(4096, 1024, 4096, 0.95, 2.05)), c.grid.terminal = 0.1;
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 6);
    check_list(got, levels, 6);
}

/* RES4LYF's tan_scheduler of 5 levels, slope 1.5, offset 2, from 1 to 0.1, in its own words: ((2/pi) atan(-slope (i - offset)) +
   1)/2, scaled. */
static void tangent_levels_follow_their_formula(void **state) {
    static const double levels[] = {0.9999999999999999, 0.904076035670121, 0.55, 0.1959239643298791, 0.1};
    double got[5];
    (void)state;
    assert_int_equal(levels_tangent(got, 5, 1.5, 2, 1, 0.1), DK_OK);
    check_list(got, levels, 5);
    assert_int_equal(levels_tangent(got, 1, 1.5, 2, 1, 0), DK_ERROR_CONFIG);
    assert_int_equal(levels_tangent(got, 5, -1, 2, 1, 0), DK_ERROR_CONFIG);
}

/* v = s^/(s^ + pivot), whose 1/rho-th power falls evenly to 0: by hand from pure noise, where v = 1; in every family the same
   noise levels; and nothing below the range. */
static void the_power_grid_follows_its_formula(void **state) {
    static const double from_pure_noise[] = {1, 27.0 / 34, 0.5, 3.0 / 18, 0}; /* v = 1, 9/16, 4/16, 1/16, 0; pivot 3 */
    (void)state;
    double got[32];
    dk_config c = grid_config(dk_flow(1), "power", 4);
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 5);
    check_list(got, from_pure_noise, 5);
    c.schedule.shift = 5; /* multiplies every sigma/alpha */
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, got, 8), 5);
    check_close(got[1], 5 * 27.0 / 7);

    const dk_schedule same_range[2] = {dk_edm(0.002, 80), dk_ve(0.002, 80)};
    for (int k = 0; k < 2; k++) {
        c = grid_config(same_range[k], "power", 10);
        c.sigma_data = 0.6;
        assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, got, 32), 11);
        for (int i = 0; i <= 10; i++) {
            double v = 80 / 83.6 * (10 - i) * (10 - i) / 100;
            check_near(got[i], 3.6 * v / (1 - v), 1e-12, "pivot 6 sigma_data");
        }
    }
    c.grid.a = 3, c.grid.b = 1, c.grid.sigma_min = 1e-5;
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, got, 32), 11);
    double v = 80.0 / 81 * 7 * 7 * 7 / 1000;
    check_close(got[3], v / (1 - v));

    c = grid_config(dk_edm(0.1, 80), "power", 20); /* evenly to 0 would be 0.007 */
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, got, 32), 21);
    double from = sqrt(80.0 / 83), to = sqrt(0.1 / 3.1), root = from + 10 / 19.0 * (to - from);
    check_close(got[10], 3 * root * root / (1 - root * root));
    check_close(got[19], 0.1);
    assert_true(got[20] <= 0);
    c.grid.final = DK_FINAL_MIN;
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, got, 32), 21);
    check_close(got[20], 0.1);
}

/* A network that predicts eps says nothing of the data at alpha = 0: there the grid begins at 999/1000 of the time. */
static void the_power_grid_begins_where_the_network_gives_data(void **state) {
    static const struct {
        const char *schedule;
        dk_prediction prediction;
        double first;
    } rows[] = {{"vp_cosine_flow", DK_PREDICT_DEFAULT, 0.999}, {"vp_cosine_flow", DK_PREDICT_V, 1},
                {"vp_zero_snr", DK_PREDICT_DEFAULT, 998},      {"vp_zero_snr", DK_PREDICT_V, 999}};
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        for (int steps = 1; steps < 4; steps++) {
            dk_config c;
            dk_plan plan;
            memset(&c, 0, sizeof c), memset(&plan, 0, sizeof plan);
            c.schedule = dk_schedule_named(rows[k].schedule), c.prediction = rows[k].prediction;
            c.steps = steps, c.dim = 1;
            assert_int_equal(dk_record(&plan, &c), DK_OK);
            check_close(plan.call[0].condition, rows[k].first);
            dk_plan_free(&plan);
        }
    }
}

/* Every grid, for any number of steps, on the kind of schedule that it is for. */
static void every_grid_works_for_any_number_of_steps(void **state) {
    (void)state;
    for (int i = 0; dk_grid_at(i); i++)
        for (int steps = 1; steps <= 50; steps++) {
            const char *name = dk_grid_at(i)->name;
            int flow = strncmp(name, "oss", 3) == 0 || strncmp(name, "flux", 4) == 0 || strcmp(name, "ltx2") == 0 ||
                       strcmp(name, "logit_normal") == 0;
            dk_config c = grid_config(flow ? check_flow_table(3, 1000) : dk_vp_scaled_linear(), name, steps);
            if (dk_resolve(&c) != DK_OK) print_error("%s, %d: %s\n", name, steps, dk_message(&c));
            assert_string_equal(dk_message(&c), "");
            if (strcmp(name, "ddim_uniform") && strcmp(name, "sd_turbo")) assert_int_equal(c.steps, steps);
        }
}

/* A flow schedule's table is what VP's timesteps are: index k, for the grids that were there before, too. */
static void flow_has_timesteps_too(void **state) {
    static const double trailing[] = {1, 0.75, 0.5, 0.25, 0}, leading[] = {0.751, 0.501, 0.251, 0.001, 0},
                        normal[] = {1, 0.667, 0.334, 0.001, 0};
    double got[8];
    dk_config c = grid_config(check_flow_table(1, 1000), "trailing", 4);
    (void)state;
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 8), 5);
    check_list(got, trailing, 5);
    c.grid = dk_grid_named("leading");
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 8), 5);
    check_list(got, leading, 5);
    c.grid = dk_grid_named("normal"), c.schedule = dk_flow(1); /* ends with the table */
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 8), 5);
    check_list(got, normal, 5);
}

/* ------------------------------------------------------------------ image to image */

static void strength_has_three_meanings(void **state) {
    static const double slice[] = {0.375, 0.25, 0.125, 0};
    static const double stretch[] = {0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0};
    static const double level[] = {0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0};
    double got[16];
    dk_config c = grid_config(dk_flow(1), "uniform", 8);
    (void)state;
    c.grid.strength = 0.4; /* 3.2 of 8 steps */
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 16), 4);
    check_list(got, slice, 4);
    c.grid.partial = DK_PARTIAL_STRETCH; /* the last 8 of 20 */
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 16), 9);
    check_list(got, stretch, 9);
    c.grid.partial = DK_PARTIAL_LEVEL;
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 16), 9);
    check_list(got, level, 9);
    c = grid_config(dk_vp_scaled_linear(), "trailing", 4); /* the last 4 of 13, 1000/13 apart */
    c.grid.strength = 0.3, c.grid.partial = DK_PARTIAL_STRETCH, c.grid.rounding = DK_ROUND_NEAREST;
    static const double timesteps[] = {307, 230, 153, 76, -1};
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 16), 5);
    check_list(got, timesteps, 5);
    assert_int_equal(dk_resolve(&c), DK_OK);
    assert_int_equal(dk_resolve(&c), DK_OK);
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 16), 5); /* once resolved, nothing changes */
    check_list(got, timesteps, 5);
}

static void part_of_a_grid_can_be_given_outright(void **state) {
    static const double want[] = {0.3, 0.2, 0.1, 0}, own[] = {0.9, 0.7, 0.4, 0.2, 0};
    double got[8];
    dk_config c = grid_config(dk_flow(1), "uniform", 3);
    (void)state;
    c.grid.full_steps = 10;
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 8), 4);
    check_list(got, want, 4);
    c.grid = dk_grid_levels(own, DK_UNIT_T), c.grid.full_steps = 4, c.steps = 2;
    assert_int_equal(dk_levels(&c, DK_UNIT_T, got, 8), 3);
    check_list(got, own + 2, 3);
}

/* ------------------------------------------------------------------ shifts */

/* With the default grid of the others, karras and uniform, adams2 would be behind dpmpp_2m at few evaluations. */
static void adams_go_with_the_power_grid_when_none_is_named(void **state) {
    static const char *const alike[] = {"sampler=adams2", "sampler=adams3", "sampler=lms corrector=3 gauge=flow", ""};
    (void)state;
    for (int k = 0; k < 4; k++) {
        double got[8];
        dk_config c;
        memset(&c, 0, sizeof c);
        c.steps = 4, c.dim = 1;
        assert_int_equal(dk_config_set(&c, alike[k]), DK_OK);
        assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 5);
        check_close(got[1], 27.0 / 34); /* as above; uniform would be 3/4 */
    }
}

/* exp(mu)/(exp(mu) + (1/t - 1)^power) at t = 1, 3/4 .. 0, computed apart. */
static void shifts_depend_on_tokens(void **state) {
    static const double flux[] = {1, 0.8492348306829303, 0.6524894621927445, 0.38494474881746926, 0};
    static const double flux2[] = {1, 0.958085371628187, 0.8839818317017591, 0.7174965587003479, 0};
    static const double ltx[] = {1, 0.8343880037392213, 0.5731759552826727, 0.1, 0};
    double got[8];
    dk_config c = grid_config(dk_flow(1), "uniform", 4);
    (void)state;
    c.grid = check_shifted(dk_shift_mu(1024, 256, 4096, 0.5, 1.15), 0);
    dk_levels(&c, DK_UNIT_FLOW, got, 8);
    check_list(got, flux, 5);
    c.grid = check_shifted(check_flux2_mu(1024, 4), 0);
    dk_levels(&c, DK_UNIT_FLOW, got, 8);
    check_list(got, flux2, 5);
    c.grid = check_shifted(dk_shift_mu(2048, 1024, 4096, 0.95, 2.05), 0.1);
    dk_levels(&c, DK_UNIT_FLOW, got, 8);
    check_list(got, ltx, 5);
    check_close(check_flux2_mu(4096, 20), 2.1980220725551165);
    check_close(check_flux2_mu(5000, 20), 1.30301666);
    check_close(dk_shift_mu(256, 256, 4096, 0.5, 1.15), 0.5);
    check_close(dk_shift_mu(4096, 256, 4096, 0.5, 1.15), 1.15);
}

static void terminal_holds_with_every_final_rule(void **state) {
    double got[8];
    dk_config c = grid_config(check_flow_table(3, 1000), "uniform", 4);
    (void)state;
    c.grid.terminal = 0.1;
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 5);
    check_close(got[3], 0.1);
    c.grid.final = DK_FINAL_MIN;
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 5);
    check_close(got[4], 0.1);
    c.grid.final = DK_FINAL_REPLACE;
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 5);
    check_close(got[3], 0.1);
    c.grid.final = DK_FINAL_ZERO, c.steps = 1; /* nothing to stretch */
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 2);
    check_close(got[0], 1);
}

/* ------------------------------------------------------------------ algebra on lists */

static void last_levels_may_be_the_grids_own(void **state) {
    double v[8];
    dk_config c = check_config("vp_scaled_linear", "euler", 5);
    (void)state;
    c.grid = dk_grid_named("leading"), c.grid.final = DK_FINAL_LAST;
    assert_int_equal(dk_levels(&c, DK_UNIT_T, v, 8), 5); /* one step fewer */
    for (int i = 0; i < 5; i++) check_near(v[i], 800 - 200 * i, 0, "leading");
    c.grid = dk_grid_named("karras"), c.grid.sigma_max = 10, c.grid.sigma_min = 1,
    c.grid.final = DK_FINAL_LAST;
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, v, 8), 5);
    check_near(v[0], 10, 1e-12, "first"), check_near(v[4], 1, 1e-12, "last");
    c.grid.quirks |= DK_QUIRK_SPARE_LEVEL; /* six levels from 10 to 1, less the last */
    double w[8], root = pow(10, 1 / 7.0);
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, w, 8), 5);
    check_near(w[4], pow(root + 0.8 * (1 - root), 7), 1e-12, "last of six");
    c.dim = 1;
    assert_int_equal(dk_resolve(&c), DK_OK);
    assert_int_equal(c.steps, 4);
    assert_int_equal(dk_resolve(&c), DK_OK); /* again: the same */
    assert_int_equal(c.steps, 4);
    c.steps = 1, c.grid.full_steps = 0;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&c), "steps = 1: must be at least 2"));
    c = check_config("flow", "euler", 4), c.grid.quirks = DK_QUIRK_BELOW_ONE;
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, v, 8), 5);
    check_near(v[0], 1 - 1e-6, 1e-15, "ceiling"), check_near(v[1], 0.75, 1e-15, "below the ceiling");
    c = check_config("cosine_flow", "euler", 4), c.grid = dk_grid_named("crash");
    assert_int_equal(dk_levels(&c, DK_UNIT_T, v, 8), 5); /* sines 1, 0.8536, 0.5, 0.1464, 0 */
    for (int i = 0; i < 5; i++) check_near(sin(v[i]), 0.5 + 0.5 * cos(i * acos(-1.0) / 4), 1e-12, "crash");
}

/* Steps 5 of Stable Diffusion's table, as diffusers has them. */
static void diffusers_grids_are_reproduced(void **state) {
    static const double linspace[] = {14.614645004272461, 4.086089611053467,    1.6155833005905151,
                                      0.6951509714126587, 0.029167532920837402, 0},
                        leading[] = {5.9064507484436035, 2.9071223735809326,  1.6128870248794556,
                                     0.9323583245277405, 0.49469733238220215, 0},
                        karras[] = {14.614645004272461, 4.796543121337891,    1.274105191230774,
                                    0.2479516863822937, 0.029167532920837402, 0},
                        told[] = {999, 786, 427, 59, 0};
    double v[6];
    dk_config c = check_config("vp_scaled_linear", "euler", 5);
    (void)state;
    c.schedule.quirks = DK_QUIRK_FLOAT_TABLE;
    c.grid = dk_grid_named("linspace"), c.grid.quirks |= DK_QUIRK_SIGMA_LINEAR;
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, v, 6), 6);
    for (int i = 0; i < 6; i++) check_near(v[i], linspace[i], 3e-7, "linspace");
    assert_int_equal(dk_levels(&c, DK_UNIT_T, v, 6), 6);
    for (int i = 0; i < 5; i++) check_near(v[i], 999 - i * 249.75, 1e-12, "linspace");
    c.grid = dk_grid_named("leading"), c.grid.quirks |= DK_QUIRK_SPARE_LEVEL, c.grid.n = 1;
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, v, 6), 6);
    for (int i = 0; i < 6; i++) check_near(v[i], leading[i], 3e-7, "leading");
    c.grid = dk_grid_named("karras"), c.grid.rounding = DK_ROUND_NEAREST;
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, v, 6), 6);
    for (int i = 0; i < 6; i++) check_near(v[i], karras[i], 3e-7, "karras");
    assert_int_equal(dk_levels(&c, DK_UNIT_T, v, 6), 6);
    for (int i = 0; i < 5; i++) check_near(v[i], told[i], 0, "whole timesteps at levels that stay");
    c.schedule.t_max = 799; /* only the timesteps of the schedule's range */
    c.grid = dk_grid_named("leading");
    assert_int_equal(dk_levels(&c, DK_UNIT_T, v, 6), 6);
    check_near(v[0], 640, 0, "leading in a range");
    c.grid = dk_grid_named("trailing"); /* 799, 599 ..: four are left of five */
    assert_int_equal(dk_levels(&c, DK_UNIT_T, v, 6), 5);
    check_near(v[0], 799, 0, "trailing in a range"), check_near(v[3], 199, 0, "trailing in a range");
}

static void lists_are_cut_joined_and_bent(void **state) {
    const double list[] = {1, 0.5, 0.25, 0};
    double a[8], b[8];
    int n = 0;
    (void)state;
    assert_int_equal(levels_slice(list, 4, 1, 2, a), DK_OK);
    check_list(a, list + 1, 2);
    assert_int_equal(levels_slice(list, 4, 3, 2, a), DK_ERROR_CONFIG);
    assert_int_equal(levels_concatenate(list, 2, list + 1, 3, a, &n), DK_OK); /* the joint counts once */
    assert_int_equal(n, 4);
    check_list(a, list, 4);
    assert_int_equal(levels_concatenate(list, 1, list + 2, 2, a, &n), DK_OK);
    assert_int_equal(n, 3);
    assert_int_equal(levels_flip(a, 3), DK_OK);
    check_near(a[2], 1, 0, "flipped");
    const double finer[] = {1, 0.707106781186547524, 0.5, 0.353553390593273762, 0.25, 0};
    assert_int_equal(levels_resample(list, 4, b, 6), DK_OK);
    check_list(b, finer, 6);
    assert_int_equal(levels_resample(list, 4, b, 1), DK_ERROR_CONFIG);
    const double shifted[] = {1, 0.75, 0.5, 0}, stretched[] = {1, 0.6, 0.4, 0.2};
    memcpy(a, list, sizeof list);
    assert_int_equal(levels_shift(a, 4, 3, 1), DK_OK);
    check_list(a, shifted, 4);
    assert_int_equal(levels_shift(a, 4, -3, 1), DK_ERROR_CONFIG);
    memcpy(a, list, sizeof list);
    assert_int_equal(levels_stretch(a, 4, 1, 0.2), DK_OK);
    check_list(a, stretched, 4);
    assert_int_equal(levels_stretch(a, 1, 1, 0.2), DK_ERROR_CONFIG); /* 1 cannot stay and become 0.2 */
    const double own[] = {3, 2, 1};
    dk_config c = grid_config(dk_edm(0.002, 80), "karras", 4);
    c.grid = check_resampled(own, 3, DK_UNIT_SIGMA), c.grid.final = DK_FINAL_MIN;
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, a, 8), 5);
    check_close(a[1], sqrt(6));
    check_close(a[4], 1);
}

/* ------------------------------------------------------------------ refusals */

static void refuse(dk_config c, const char *message) {
    double got[4];
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, got, 4), 0);
    assert_string_equal(dk_message(&c), message);
}

/* numpy.linspace(0, 999, n) ends with 999 itself, though 15 * (999 / 15) is less: so it is pure noise where timestep 999 is. */
static void linspace_begins_at_the_last_timestep(void **state) {
    (void)state;
    for (int steps = 1; steps <= 200; steps++) {
        double t[201];
        dk_config c = check_config("vp_zero_snr", "euler", steps);
        c.grid = dk_grid_named("linspace"), c.prediction = DK_PREDICT_V;
        assert_int_equal(dk_levels(&c, DK_UNIT_T, t, 201), steps + 1);
        if (!(t[0] >= 999 && t[0] <= 999)) fail_msg("%d steps: timestep %.17g", steps, t[0]);
        assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, t, 1), steps + 1);
        if (!(t[0] > 1e300)) fail_msg("%d steps: noise level %g", steps, t[0]);
    }
}

/* Timesteps of a table of ten: 0, r, 2r ... and the offset, r = 10/steps whole. The noisiest must be one of the ten. */
static void offsets_that_leave_the_table_are_refused(void **state) {
    (void)state;
    for (int steps = 1; steps <= 10; steps++)
        for (int offset = 0; offset < 10; offset++) {
            dk_config c = grid_config(dk_vp_discrete(DK_BETAS_LINEAR, 10, 1e-4, 0.02), "leading", steps);
            double got[12];
            int most = (steps - 1) * (10 / steps) + offset;
            c.grid.n = offset;
            if (dk_levels(&c, DK_UNIT_T, got, 12) == 0) {
                if (most < 10 || !strstr(dk_message(&c), "(steps_offset)")) fail_msg("%d %d: %s", steps, offset, dk_message(&c));
                continue;
            }
            if (most > 9) fail_msg("%d steps, offset %d: begins at %g", steps, offset, got[0]);
            check_near(got[0], most, 0, "the noisiest timestep");
        }
}

static void wrong_fields_are_named(void **state) {
    dk_config sd = grid_config(dk_vp_scaled_linear(), "beta", 10),
              flow = grid_config(dk_flow(1), "uniform", 10), c;
    (void)state;
    c = sd, c.grid.a = -1, refuse(c, "grid.beta_a = -1: must be > 0 and <= 50 (0: 0.6)");
    c = sd, c.grid.b = (double)NAN, refuse(c, "grid.beta_b = nan: must be > 0 and <= 50 (0: 0.6)");
    c = sd, c.grid.sigma_max = 3, refuse(c, "grid.sigma_max = 3: must be 0: this spacing has no range");
    c = sd, c.grid.terminal = 0.1, refuse(c, "grid.terminal = 0.1: must be 0 but for flow schedules");
    c = sd, c.grid.strength = 0.5, c.grid.partial = DK_PARTIAL_LEVEL;
    refuse(c, "grid.partial = level: must be another: to begin at a level needs a spacing with a range, and "
              "grid.sigma_max = 0");
    c = sd, c.grid = dk_grid_named("sd_turbo"), c.grid.a = 10;
    refuse(c, "grid.offset = 10: must be >= 0 and below original_steps");
    c = sd, c.grid = dk_grid_named("gits"), c.grid.a = 2;
    refuse(c, "grid.a = 2: must be a number that the grid's function (grid.fn) knows");
    c = sd, c.grid = dk_grid_named("lcm"), c.steps = 60;
    refuse(c, "steps = 60: must be at most grid.original_steps (0: 50)");
    c = sd, c.grid.strength = 0.05, refuse(c, "grid.strength = 0.05: must be at least 1/steps");
    c = sd, c.grid.full_steps = 1001;
    refuse(c, "grid.full_steps = 1001: must be at most schedule.timesteps for this grid");
    c = flow, c.grid.full_steps = 9, refuse(c, "steps = 10: must be at most grid.full_steps");
    c = flow, c.grid.strength = 1.5, refuse(c, "grid.strength = 1.5: must be > 0 and <= 1 (0: 1)");
    c = flow, c.grid.terminal = 1, refuse(c, "grid.terminal = 1: must be > 0 and < 1 (0: none)");
    c = flow, c.schedule.timesteps = 1, refuse(c, "schedule.timesteps = 1: must be 2 .. 1000000 (0: 1000)");
    c = flow, c.grid = dk_grid_named("linear_quadratic"), c.grid.n = 10;
    refuse(c, "grid.linear_steps = 10: must be >= 0 and below steps");
    c = flow, c.grid = check_resampled(NULL, 3, DK_UNIT_FLOW);
    refuse(c, "grid.levels = NULL: must be grid.level_count numbers");
    c = sd, c.grid = dk_grid_named("ays_sd1"), c.grid.final = DK_FINAL_DEFAULT;
    c.grid.spacing = DK_SPACING_LEVELS, c.steps = 11;
    refuse(c, "steps = 11: must be below grid.level_count"); /* nothing is read behind the list's 11 levels, */
    c = sd; /* whatever a text says */
    assert_int_equal(dk_config_set(&c, "grid=ays_sd1 grid.level_count=12"), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "setting \"grid.level_count=12\": must be 2 .. 1000000, as many as grid.levels has");
    c = check_config("edm", "euler", 4), c.grid = dk_grid_named("simple");
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&c), "must be for a discrete schedule (VP discrete, or flow)"));
}

/* Grids that pick from a table find one on flow. */
static void flow_has_a_table(void **state) {
    static const char *const names[] = {"simple", "beta", "ddim_uniform", "linspace", "smoothstep", "lcm", "leading"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        dk_config c = grid_config(dk_flow(3), names[i], 10);
        double v[16], w[16];
        int n = dk_levels(&c, DK_UNIT_FLOW, v, 16);
        if (n < 10) fail_msg("%s: %s", names[i], dk_message(&c));
        c.schedule.timesteps = 0; /* by hand: the same */
        assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, w, 16), n);
        for (int k = 0; k < n; k++) check_near(v[k], w[k], 0, names[i]);
    }
    dk_config c = grid_config(dk_flow(1), "simple", 10);
    double v[11];
    assert_int_equal(dk_levels(&c, DK_UNIT_T, v, 11), 11);
    for (int k = 0; k < 11; k++) check_near(v[k], 1 - k / 10.0, 1e-12, "simple");
}

/* Quantiles beyond an end of the range are one level, however many they are. */
static void levels_beyond_the_range_are_one(void **state) {
    static const char *const names[] = {"laplace", "logit_normal", "beta", "iddpm"};
    static double v[2100];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int steps = 10; steps <= 2000; steps += 398) {
            if (i == 2 && steps > 1000) continue;
            dk_config c = grid_config(i == 2 ? dk_vp_scaled_linear() : dk_edm(0.002, 80), names[i], steps);
            int n = dk_levels(&c, DK_UNIT_SIGMA, v, 2100);
            if (n < 2) fail_msg("%s of %d: %s", names[i], steps, dk_message(&c));
            assert_true(n <= steps + 1);
            if (i < 2) check_near(v[0], 80, 1e-12, names[i]);
            c.dim = 1;
            assert_int_equal(dk_resolve(&c), DK_OK);
            assert_int_equal(c.steps, n - 1);
            assert_int_equal(dk_resolve(&c), DK_OK); /* again: the same */
            assert_int_equal(c.steps, n - 1);
        }
}

/* t = (n - i)/n times 1000, and what it lacks to 1000, cut by division of whole numbers. */
static void whole_numbers_stay_whole_when_they_are_cut(void **state) {
    (void)state;
    for (int n = 1; n <= 250; n++)
        for (int data = 0; data < 2; data++) {
            dk_plan plan;
            dk_config c = check_config("flow", "euler", n);
            c.condition = data ? DK_UNIT_DATA : DK_UNIT_FLOW;
            c.condition_scale = 1000, c.condition_rounding = DK_ROUND_DOWN;
            memset(&plan, 0, sizeof plan);
            assert_int_equal(dk_record(&plan, &c), DK_OK);
            for (int i = 0; i < n; i++) check_near(plan.call[i].condition, 1000 * (data ? i : n - i) / n, 0, "told");
            dk_plan_free(&plan);
        }
}

/* How many different levels there are, by the formulas; what is left falls strictly, however many steps. */
static int steps_of(dk_config *c, double *level) {
    int n = dk_levels(c, DK_UNIT_T, level, 1001);
    if (n < 2) fail_msg("%s", dk_message(c));
    for (int i = 1; i < n; i++) assert_true(c->grid.rising ? level[i] > level[i - 1] : level[i] < level[i - 1]);
    return n - 1;
}

static void levels_that_meet_are_taken_once(void **state) {
    static double level[1001], risen[1001];
    (void)state;
    for (int n = 1; n <= 1000; n += 7) {
        dk_config c = check_config("vp_linear", "euler", n), cascade;
        int want = 0, low = 0, high = 0;
        for (int i = 0, before = -1; i < n; i++) { /* from the clean end, in whole numbers: v = i/n rounds (3 v^2 - 2 v^3) 999 */
            int64_t v = i + 1, k = (2 * 999 * v * v * (3 * n - 2 * v) + (int64_t)n * n * n) / (2 * (int64_t)n * n * n);
            want += k != before, before = (int)k;
        }
        c.grid = dk_grid_named("smoothstep");
        assert_int_equal(steps_of(&c, level), want);
        c.grid.rising = 1, c.start = DK_START_STATE;
        assert_int_equal(steps_of(&c, risen), want);
        for (int i = 0; i <= want; i++) check_near(risen[i], level[want - i], 0, "from the other end");
        memset(&cascade, 0, sizeof cascade);
        cascade.dim = 1, cascade.steps = n;
        assert_int_equal(dk_config_for(&cascade, "stable_cascade", NULL), DK_OK);
        for (int i = 0; i <= n; i++) { /* abar = cos^2 of an angle, kept from 0.0001 to 0.9999 */
            double first = cos(0.008 / 1.008 * acos(0)), here = cos((1 - i / (double)n + 0.008) / 1.008 * acos(0)) / first;
            high += here * here <= 0.0001, low += here * here >= 0.9999;
        }
        assert_int_equal(steps_of(&cascade, level), n - (high - 1) - (low - 1));
    }
}

/* Ho et al. 2020, alg. 2: t = T, ..., 1, which are timesteps T - 1, ..., 0 here. */
static void as_many_steps_as_timesteps_are_the_timesteps(void **state) {
    (void)state;
    for (int T = 2; T <= 1000; T += 499) {
        dk_plan plan;
        dk_config c = check_config("vp_linear", "ddpm", T);
        c.schedule.timesteps = T, c.schedule.t_max = T - 1;
        memset(&plan, 0, sizeof plan);
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        assert_int_equal(plan.calls, T);
        for (int i = 0; i < T; i++) check_near(plan.call[i].condition, T - 1 - i, 0, "told");
        check_near(plan.level[T].sigma, 0, 0, "the end");
        c.grid.final = DK_FINAL_MIN; /* T + 1 levels, and no more timesteps */
        if (dk_record(&plan, &c) != DK_OK) fail_msg("%s", dk_message(&c));
        check_near(plan.level[T].t, 0, 0, "the least timestep");
        dk_plan_free(&plan);
    }
}

/* ------------------------------------------------------------------ work in proportion to steps */

static long asked; /* how often a schedule of one's own is asked for a level */

static void counted(void *user, double t, double *alpha, double *sigma, double *d_alpha, double *d_sigma) {
    (void)user;
    *alpha = 1, *sigma = t, *d_alpha = 0, *d_sigma = 1, asked++;
}

static long asked_for(const char *settings, int steps) {
    dk_config c = check_config("edm", "euler_ancestral", steps);
    dk_real x = 1;
    dk_run run;
    dk_eval e;
    c.schedule = dk_custom_schedule(counted, NULL, 0.01, 80), c.prediction = DK_PREDICT_X0;
    asked = 0;
    if (dk_config_set(&c, settings) || dk_begin(&run, &c, &x, NULL, 0))
        return -1;                             /* not on such a schedule */
    while (dk_next(&run, &e)) e.output[0] = 0; /* draws ask for the run's range */
    dk_end(&run);
    return asked;
}

/* Four times the steps ask for four times the levels. */
static void levels_are_asked_for_in_proportion_to_steps(void **state) {
    static const char *const more[] = {"noise=brownian",
                                       "noise=torch_cpu",
                                       "noise=numpy",
                                       "noise=torchsde",
                                       "grid.rising=1 start=state sampler=ddim",
                                       "grid.way=repaint",
                                       "grid.strength=0.5 start=data",
                                       "churn=10",
                                       "grid.final=min"};
    char settings[80];
    int runs = 0;
    (void)state;
    for (int k = 0;; k++) {
        int grids = 0, samplers = 0;
        while (dk_grid_at(grids)) grids++;
        while (dk_sampler_at(samplers)) samplers++;
        if (k < grids) snprintf(settings, sizeof settings, "grid=%s", dk_grid_at(k)->name);
        else if (k < grids + samplers)
            snprintf(settings, sizeof settings, "sampler=%s", dk_sampler_at(k - grids)->name);
        else if (k < grids + samplers + (int)(sizeof more / sizeof more[0]))
            snprintf(settings, sizeof settings, "%s", more[k - grids - samplers]);
        else break;
        int steps = k >= grids && k < grids + samplers ? 60 : 240; /* with fewer steps no levels of a grid meet */
        long few = asked_for(settings, steps), many = asked_for(settings, 4 * steps);
        if (few < 0 || many < 0) continue;
        if (many > 5 * few) print_error("%s: %ld, then %ld\n", settings, few, many);
        assert_true(many <= 5 * few);
        runs++;
    }
    assert_true(runs > 100);
}

/* Of Beta(0.6, 0.6), which is symmetric, quantiles q and 1 - q add up to 1. So many would take a minute if each began anew. */
static void quantiles_of_many_steps_mirror_each_other(void **state) {
    enum { STEPS = 8000 };
    const double T = 1e6;
    static double level[STEPS + 1];
    dk_config c = check_config("flow", "euler", STEPS);
    (void)state;
    c.schedule.timesteps = (int)T, c.grid = dk_grid_named("beta");
    int n = dk_levels(&c, DK_UNIT_FLOW, level, STEPS + 1) - 1;
    assert_true(n > STEPS - 20); /* a few meet at the ends */
    for (int i = 1; i < n; i += 37)
        check_near(level[i] + level[n - i], 1 + 1 / T, 1.5 / T, "two quantiles");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grids_are_the_peers),
        cmocka_unit_test(published_lists_are_those_of_the_example),
        cmocka_unit_test(repeated_timesteps_are_taken_once),
        cmocka_unit_test(flow_has_a_table),
        cmocka_unit_test(levels_beyond_the_range_are_one),
        cmocka_unit_test(timesteps_follow_their_formulas),
        cmocka_unit_test(curves_follow_their_formulas),
        cmocka_unit_test(sway_follows_f5_and_cosyvoice),
        cmocka_unit_test(logit_normal_levels_follow_the_resolution),
        cmocka_unit_test(ltx2_levels_follow_its_scheduler),
        cmocka_unit_test(tangent_levels_follow_their_formula),
        cmocka_unit_test(the_power_grid_follows_its_formula),
        cmocka_unit_test(the_power_grid_begins_where_the_network_gives_data),
        cmocka_unit_test(adams_go_with_the_power_grid_when_none_is_named),
        cmocka_unit_test(every_grid_works_for_any_number_of_steps),
        cmocka_unit_test(flow_has_timesteps_too),
        cmocka_unit_test(strength_has_three_meanings),
        cmocka_unit_test(part_of_a_grid_can_be_given_outright),
        cmocka_unit_test(shifts_depend_on_tokens),
        cmocka_unit_test(terminal_holds_with_every_final_rule),
        cmocka_unit_test(last_levels_may_be_the_grids_own),
        cmocka_unit_test(diffusers_grids_are_reproduced),
        cmocka_unit_test(whole_numbers_stay_whole_when_they_are_cut),
        cmocka_unit_test(levels_that_meet_are_taken_once),
        cmocka_unit_test(as_many_steps_as_timesteps_are_the_timesteps),
        cmocka_unit_test(levels_are_asked_for_in_proportion_to_steps),
        cmocka_unit_test(quantiles_of_many_steps_mirror_each_other),
        cmocka_unit_test(lists_are_cut_joined_and_bent),
        cmocka_unit_test(linspace_begins_at_the_last_timestep),
        cmocka_unit_test(offsets_that_leave_the_table_are_refused),
        cmocka_unit_test(wrong_fields_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
