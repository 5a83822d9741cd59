//! Questions and answers: their order, their bound, and what a broken store says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::intent::List;
use domain::{Intent, OrderId, PageFilter};

use super::*;
use crate::embedded::cold::{Answer, Ask, ColdDesk, Faults, Full, IN_FLIGHT_MAX, InlineDesk, ThreadDesk};
use crate::lane::Ring;

#[derive(Debug, Default)]
struct Bell(AtomicUsize);

impl Ring for Bell {
    fn ring(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn read(token: u64, made: u64) -> Ask {
    Ask::Read { token, made, through: LATEST, record: Vec::new() }
}

fn next(desk: &mut dyn ColdDesk) -> Answer {
    let began = Instant::now();
    loop {
        if let Some(answer) = desk.collect() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "no answer comes");
        std::thread::sleep(Duration::from_micros(50));
    }
}

fn desks(data: &TempDir, bell: &Arc<Bell>) -> [Box<dyn ColdDesk>; 2] {
    let trees = DiskCold::open(data.path(), IDENTITY, SMALL, Background::NICE).unwrap();
    let bell = Arc::clone(bell);
    [
        Box::new(ThreadDesk::start(trees, bell, Background::NICE).unwrap()),
        Box::new(InlineDesk::new(MemoryCold::open(&MemoryFolder::new()))),
    ]
}

#[test]
fn a_read_sees_every_put_that_was_asked_before_it_and_none_behind() {
    let data = data_folder();
    for mut desk in desks(&data, &Arc::default()) {
        for made in 1..=300 {
            desk.ask(read(2 * made, made)).unwrap();
            desk.ask(Ask::Rest(batch(made, &[(made, 1, None, false)]))).unwrap();
            desk.ask(read(2 * made + 1, made)).unwrap();
        }
        for made in 1..=300 {
            let Answer::Read { token, record: bytes, result: Ok(None), .. } = next(&mut *desk) else {
                panic!("{made} was not there yet");
            };
            assert_eq!((token, bytes.len()), (2 * made, 0));
            let Answer::Rested { batch, result: Ok(()) } = next(&mut *desk) else {
                panic!("{made} rests");
            };
            assert_eq!(batch.through(), made);
            let Answer::Read { token, record: bytes, result: Ok(Some(version)), .. } = next(&mut *desk)
            else {
                panic!("{made} is there");
            };
            assert_eq!((token, bytes, version.through), (2 * made + 1, record(made, 1), made));
        }
        assert_eq!(desk.in_flight(), 0);
    }
}

#[test]
fn every_question_is_answered_with_its_token_and_the_bell_rings() {
    let data = data_folder();
    let bell = Arc::new(Bell::default());
    for mut desk in desks(&data, &bell) {
        assert_eq!(desk.opened_at(), Standing::default());
        let list = List { user: UserId(1), before: OrderId(0), state: 0, limit: 9 };
        let filter = PageFilter::of(&Intent::List(list)).unwrap();
        let due = Ask::Due { token: 3, after: None, until: MicrosUtc(9), limit: 9, found: Vec::new() };
        let orders: Vec<_> = (1..=4).map(|made| (made, 1, Some(made as i64), false)).collect();
        for ask in [
            Ask::Rest(batch(10, &orders)),
            Ask::Page { token: 1, filter },
            due,
            Ask::Forget { through: 5 },
            Ask::Sync { token: 4 },
        ] {
            desk.ask(ask).unwrap();
        }
        let mut answers: Vec<_> = (0..5).map(|_| next(&mut *desk)).collect();
        assert!(
            matches!(answers.pop(), Some(Answer::Synced { token: 4, result: Ok(it) }) if it.batches == 1)
        );
        assert!(matches!(answers.pop(), Some(Answer::Forgot(Ok(false)))));
        assert!(matches!(answers.pop(), Some(Answer::Due { token: 3, found, .. }) if found.len() == 4));
        let Answer::Page { token: 1, result: Ok(part) } = &answers[1] else { panic!("{:?}", answers[1]) };
        assert_eq!((part.items.len(), part.more), (1, false));
    }
    assert!(bell.0.load(Ordering::Relaxed) >= 5);
}

#[test]
fn a_full_desk_gives_the_question_back() {
    let data = data_folder();
    for mut desk in desks(&data, &Arc::default()) {
        for token in 0..IN_FLIGHT_MAX as u64 {
            desk.ask(read(token, 1)).unwrap();
        }
        let Err(Full(Ask::Read { token: 7_777, .. })) = desk.ask(read(7_777, 1)) else {
            panic!("there is room for {IN_FLIGHT_MAX}");
        };
        next(&mut *desk);
        desk.ask(read(7_777, 1)).unwrap();
        for _ in 0..IN_FLIGHT_MAX {
            next(&mut *desk);
        }
        assert!(desk.collect().is_none() && desk.in_flight() == 0);
    }
}

#[test]
fn reads_go_on_while_a_sync_hangs_and_after_it_failed() {
    let folder = MemoryFolder::new();
    let mut desk =
        ThreadDesk::start(MemoryCold::open(&folder), Arc::new(Bell::default()), Background::NICE).unwrap();
    folder.set_faults(Faults { syncs_hang: true, ..Faults::default() });
    desk.ask(Ask::Rest(batch(10, &[(1, 1, None, false)]))).unwrap();
    desk.ask(Ask::Sync { token: 1 }).unwrap();
    desk.ask(read(2, 1)).unwrap();
    assert!(matches!(next(&mut desk), Answer::Rested { result: Ok(()), .. }));
    assert!(matches!(next(&mut desk), Answer::Read { token: 2, result: Ok(Some(_)), .. }));
    folder.set_faults(Faults { syncs: true, ..Faults::default() });
    assert!(matches!(next(&mut desk), Answer::Synced { token: 1, result: Err(ColdError::Broken) }));
    assert!(desk.is_broken());
    desk.ask(Ask::Rest(batch(20, &[(2, 1, None, false)]))).unwrap();
    desk.ask(read(3, 1)).unwrap();
    let Answer::Rested { batch, result: Err(ColdError::Broken) } = next(&mut desk) else {
        panic!("nothing rests any more");
    };
    assert_eq!(batch.len(), 1, "what could not rest is handed back");
    assert!(matches!(next(&mut desk), Answer::Read { token: 3, result: Ok(Some(_)), .. }));
}
