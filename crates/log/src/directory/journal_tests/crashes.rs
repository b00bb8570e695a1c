//! The machine stops in any operation: what was acknowledged is there, and nothing that was not sent.
use ottla_world::Random;
use ottla_world::memory::SeededRandom;

use super::*;

/// What was sent to each log and how much of it was acknowledged.
#[derive(Clone, Debug, Default)]
struct Model {
    sent: [Vec<String>; 2],
    acknowledged: [usize; 2],
}

/// Appends to two logs, commits, flushes, rolls, until the machine stops. The same each time.
fn live(place: &mut Place, model: &mut Model, random: &SeededRandom) {
    for step in 0..24 {
        for log in 0..place.logs.len() {
            for _ in 0..random.below(4) {
                let value = format!("{}-{step}-{}", log, "x".repeat(random.below(600) as usize));
                model.sent[log].push(value.clone());
                let origin = AppendOrigin::Client;
                if place.logs[log].append(batch(&value), origin, leader(0)).is_err() {
                    return;
                }
            }
        }
        let Ok(commit) = place.journal.commit() else { return };
        place.tell(&commit);
        let idle = random.below(2) as usize;
        for (number, log) in place.logs.iter_mut().enumerate() {
            let is_pressed = commit.pressed.contains(&log.journal_key().expect("it has an id"));
            if (is_pressed || (random.below(6) == 0 && number == idle)) && log.flush(NOW).is_err() {
                return;
            }
            if random.below(9) == 0 && log.roll(NOW).is_err() {
                return;
            }
        }
        for (number, log) in place.logs.iter().enumerate() {
            model.acknowledged[number] = log.durable_end() as usize;
        }
    }
}

fn check(place: &Place, model: &Model, what: &str) {
    for (log, sent) in place.logs.iter().zip(&model.sent) {
        let number = log.partition().partition as usize;
        let found: Vec<String> = values(log).into_iter().map(|(_, value)| value).collect();
        let acknowledged = model.acknowledged[number];
        assert!(
            found.len() >= acknowledged,
            "{what}, log {number}: {} of {acknowledged}",
            found.len()
        );
        assert_eq!(found, sent[..found.len()], "{what}, log {number}");
    }
}

/// Two logs that are there for good.
fn prepared(seed: u64) -> MemoryDisk {
    let disk = new_disk(seed);
    let mut place = Place::open(&disk);
    place.create(0);
    place.create(1);
    disk
}

fn operations(seed: u64) -> u64 {
    let disk = prepared(seed);
    let mut place = Place::open(&disk);
    let before = disk.operations();
    live(&mut place, &mut Model::default(), &SeededRandom::new(seed));
    disk.operations() - before
}

#[test]
fn the_machine_stops_in_any_operation() {
    for seed in 0..6 {
        let all = operations(seed);
        assert!(all > 50, "seed {seed}: {all} operations");
        let step = if cfg!(debug_assertions) { 3 } else { 1 };
        for stop in (seed % step..all).step_by(step as usize) {
            let what = format!("seed {seed}, stopped in operation {stop}");
            let disk = prepared(seed);
            let mut place = Place::open(&disk);
            let mut model = Model::default();
            disk.stop_after(stop);
            live(&mut place, &mut model, &SeededRandom::new(seed));
            drop(place);
            disk.crash();
            check(&Place::open(&disk), &model, &what);
        }
    }
}

#[test]
fn the_machine_stops_again_while_it_restores() {
    for seed in 0..4 {
        let first_stop = operations(seed) * (seed % 4 + 1) / 5;
        let mut stop = 0;
        loop {
            let what = format!("seed {seed}, stopped again in operation {stop}");
            let disk = prepared(seed);
            let mut place = Place::open(&disk);
            let mut model = Model::default();
            disk.stop_after(first_stop);
            live(&mut place, &mut model, &SeededRandom::new(seed));
            drop(place);
            disk.crash();
            disk.stop_after(stop);
            let is_over = reopens(&disk);
            disk.crash();
            check(&Place::open(&disk), &model, &what);
            if is_over {
                break;
            }
            stop += 1;
        }
        assert!(stop > 3, "seed {seed}: it stopped {stop} times");
    }
}

/// Opens everything, as far as it goes. True when the machine did not stop.
fn reopens(disk: &MemoryDisk) -> bool {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    if let Ok(mut directory) = LogDirectory::open(shared, Path::new("/data"))
        && directory.open_journal(DIRECTORY_ID, SMALL).is_ok()
    {
        let options = LoadOptions { config_for: &|_| config(), threads: 1, now_ms: NOW };
        let _ = directory.load(&options);
    }
    !disk.is_stopped()
}

#[test]
fn many_lives() {
    for seed in 0..40 {
        let random = SeededRandom::new(seed);
        let disk = prepared(seed);
        let mut model = Model::default();
        for life in 0..5 {
            let mut place = Place::open(&disk);
            check(&place, &model, &format!("seed {seed}, life {life}"));
            for (number, log) in place.logs.iter().enumerate() {
                // Not acknowledged, and gone.
                model.sent[number].truncate(log.log_end_offset() as usize);
                model.acknowledged[number] = log.log_end_offset() as usize;
            }
            disk.stop_after(random.below(120));
            live(&mut place, &mut model, &random);
            drop(place);
            if random.below(3) == 0 { disk.kill() } else { disk.crash() }
        }
        check(&Place::open(&disk), &model, &format!("seed {seed}, at the end"));
    }
}
