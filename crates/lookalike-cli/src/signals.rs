//! Signals that ask the program to end.

/// Calls the function when a signal asks the program to end. Signals that its parent has it ignore, as `nohup` does, stay ignored.
#[cfg(target_os = "linux")]
pub(crate) fn end_with(end: fn()) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let ignored = std::fs::read_to_string("/proc/self/status").map_or(0, |text| ignored(&text));
    let signals = [SIGHUP, SIGINT, SIGTERM].into_iter();
    let signals = signals.filter(move |signal| ignored & (1 << (signal - 1)) == 0);
    // Without a thread or handlers the program ends all the same; it only leaves its temporary file behind.
    let (ready, is_ready) = std::sync::mpsc::channel::<()>();
    let wait = move || {
        let signals = Signals::new(signals);
        drop(ready);
        if signals.is_ok_and(|mut signals| signals.forever().next().is_some()) {
            end();
        }
    };
    if std::thread::Builder::new().spawn(wait).is_ok() {
        // The other end is dropped once the handlers are there.
        is_ready.recv().ok();
    }
}

/// Calls the function when a signal asks the program to end, unless its parent has it ignore one of these signals.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_with(end: fn()) {
    ctrlc::try_set_handler(end).ok();
}

/// The signals that a process ignores, as bits counted from signal 1: proc(5), `SigIgn`.
#[cfg(target_os = "linux")]
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn ignored_signals_are_read_from_the_status_of_a_process() {
        assert_eq!(super::ignored("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), 0x1001);
        assert_eq!(super::ignored("Name:\tx\n"), 0);
    }
}
