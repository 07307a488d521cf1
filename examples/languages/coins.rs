// coins.rs: samples with a closure as the network. Needs rustc and a C compiler, no crates.
//
//     cc -O2 -I. -c examples/languages/flat.c -o build/flat.o
//     rustc -O -C link-arg=build/flat.o -C link-arg=-lm -C link-arg=-lgcc examples/languages/coins.rs -o build/coins && build/coins
//
// The data are -1 and +1, so the best network is known: D = E[x0 | x] = tanh(alpha x / sigma^2).

use std::ffi::{c_void, CStr, CString};
use std::os::raw::{c_char, c_int};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

type Network = extern "C" fn(*mut c_void, f64, *const f32, *mut f32) -> c_int;

extern "C" {
    fn flat_sample(
        schedule: *const c_char, sampler: *const c_char, settings: *const c_char,
        steps: c_int, dim: usize, batch: c_int, seed: u64,
        network: Network, user: *mut c_void, x: *mut f32, message: *mut c_char,
    ) -> c_int;
}

struct Call<F> {
    network: F,
    count: usize,
    panicked: Option<Box<dyn std::any::Any + Send>>,
}

// The C function behind every closure. A panic must not cross C: it waits in the call.
extern "C" fn network_of<F: FnMut(f64, &[f32], &mut [f32])>(
    user: *mut c_void, t: f64, input: *const f32, output: *mut f32,
) -> c_int {
    let (call, input, output) = unsafe {
        let call = &mut *(user as *mut Call<F>);
        let count = call.count;
        (call, std::slice::from_raw_parts(input, count), std::slice::from_raw_parts_mut(output, count))
    };
    let network = &mut call.network;
    call.panicked = catch_unwind(AssertUnwindSafe(|| network(t, input, output))).err();
    call.panicked.is_some() as c_int
}

// batch * dim numbers, or what is wrong. network(t, input, output) fills output.
fn sample<F: FnMut(f64, &[f32], &mut [f32])>(
    schedule: &str, sampler: &str, steps: i32, dim: usize, batch: i32, seed: u64, network: F,
) -> Result<Vec<f32>, String> {
    let text = |s: &str| CString::new(s).map_err(|e| e.to_string());
    let (schedule, sampler, settings) = (text(schedule)?, text(sampler)?, text("")?);
    let mut x = vec![0f32; dim * batch as usize];
    let mut call = Call { network, count: x.len(), panicked: None };
    let mut message = [0 as c_char; 240];
    let status = unsafe {
        flat_sample(
            schedule.as_ptr(), sampler.as_ptr(), settings.as_ptr(), steps, dim, batch, seed,
            network_of::<F>, &mut call as *mut _ as *mut c_void, x.as_mut_ptr(), message.as_mut_ptr(),
        )
    };
    if let Some(panic) = call.panicked {
        resume_unwind(panic);
    }
    if status != 0 {
        return Err(unsafe { CStr::from_ptr(message.as_ptr()) }.to_string_lossy().into_owned());
    }
    Ok(x)
}

fn main() {
    let mut evaluations = 0;
    // flow matching: alpha = 1 - t, sigma = t, and the network predicts (x - D)/t
    let velocity = |t: f64, input: &[f32], output: &mut [f32]| {
        evaluations += 1;
        for (v, &x) in output.iter_mut().zip(input) {
            let x = x as f64;
            *v = ((x - ((1.0 - t) * x / (t * t)).tanh()) / t) as f32;
        }
    };
    let x = sample("flow", "Euler a", 20, 1, 1000, 1, velocity).unwrap();
    let heads = x.iter().filter(|&&toss| toss > 0.0).count();
    println!("{} heads of {} in {} evaluations", heads, x.len(), evaluations);
    assert!((450..=550).contains(&heads) && x.iter().all(|toss| (toss.abs() - 1.0).abs() < 1e-3));
    assert_eq!(evaluations, 20);

    let mistake = sample("flow", "euler", 0, 1, 1, 1, |_, _, _| ()).unwrap_err();
    println!("a mistake: {}", mistake);
}
